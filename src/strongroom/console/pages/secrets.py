"""The list of secrets: search as you type, chips, sorting, pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.console.visit import Refused, Reply, Visit

A_PAGE = 50
CHIPS_AT_MOST = 5
KEYS = {
    "name": "Secret name",
    "description": "Description",
    "tag-key": "Tag key",
    "tag-value": "Tag value",
    "owning-service": "Managed by",
    "primary-region": "Replicated secrets",
}
SORTS = {
    "name": "Secret name",
    "last-accessed-date": "Last retrieved",
    "last-changed-date": "Last changed",
    "created-date": "Created",
}


def listed(visit: Visit) -> Reply:
    """One page of secrets."""
    wanted = visit.asked("q").strip()
    chips = _chips(visit)
    chosen = visit.asked("sort") in SORTS
    sort, order = _order(visit, wanted)
    scheduled = visit.asked("scheduled") == "1"
    view = {"q": wanted, "f": [f"{key}:{value}" for key, value in chips], "sort": sort, "order": order}
    view["scheduled"] = "1" if scheduled else ""
    filters = [{"Key": "all", "Values": [wanted]}] if wanted else []
    filters += [{"Key": key, "Values": [value]} for key, value in chips]
    found: Sequence[Mapping[str, Any]] = ()
    token, refusal = visit.asked("token") or None, None
    try:
        answer = visit.ask(
            "secretsmanager",
            "ListSecrets",
            MaxResults=A_PAGE,
            Filters=filters or None,
            SortBy=sort,
            SortOrder=order,
            IncludePlannedDeletion=scheduled,
            NextToken=token,
        )
        found, token = answer["SecretList"], answer.get("NextToken")
    except Refused as refused:
        refusal, token = refused, None
    return visit.page(
        "secrets.html",
        status=200 if refusal is None else refusal.status,
        secrets=found,
        refusal=refusal,
        view=view,
        chips=[(KEYS[key], value, _without(view, at)) for at, (key, value) in enumerate(chips)],
        keys=KEYS,
        chosen=chosen,
        filtered=bool(filters),
        next=None if token is None else {**view, "token": token},
        later=bool(visit.asked("token")),
        now=visit.now,
        said=visit.asked("said"),
    )


def _order(visit: Visit, wanted: str) -> tuple[str, str]:
    """What a list goes by: by name, unless something else is asked for; of a search the newest come first.

    What is searched for often stands in names, so that by name the matches lie together, far from the beginning.
    """
    if visit.asked("sort") in SORTS:
        return visit.asked("sort"), "desc" if visit.asked("order") == "desc" else "asc"
    return ("created-date", "desc") if wanted else ("name", "asc")


def _chips(visit: Visit) -> list[tuple[str, str]]:
    chips = [text.partition(":")[::2] for text in visit.query.get("f", ())]
    if visit.asked("value").strip():
        chips.append((visit.asked("key"), visit.asked("value").strip()))
    return [(key, value) for key, value in dict.fromkeys(chips) if key in KEYS and value][:CHIPS_AT_MOST]


def _without(view: Mapping[str, str | Sequence[str]], at: int) -> dict[str, str | Sequence[str]]:
    return {**view, "f": [*view["f"][:at], *view["f"][at + 1 :]]}


PAGES = (("GET", "/console/{region}/secrets", listed),)
