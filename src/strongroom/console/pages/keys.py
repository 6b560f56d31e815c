"""KMS keys: the list, and one key with its rotation, its policy, and the secrets that nobody could read without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.console.pages import charts
from strongroom.console.visit import Refused, Reply, Visit

A_PAGE = 50
ROTATIONS_AT_MOST = 100


def listed(visit: Visit) -> Reply:
    """One page of keys with their aliases."""
    answer = visit.ask("kms", "ListKeys", Limit=A_PAGE, Marker=visit.asked("marker") or None)
    aliases = _aliases(visit, None)
    keys = []
    for one in answer["Keys"]:
        told = visit.attempt("kms", "DescribeKey", KeyId=one["KeyId"])
        known: Mapping[str, Any] = {} if isinstance(told, Refused) else told["KeyMetadata"]
        keys.append({"KeyId": one["KeyId"], **known, "aliases": aliases.get(one["KeyId"], [])})
    return visit.page("keys.html", keys=keys, next=answer.get("NextMarker"), said=visit.asked("said"))


def _aliases(visit: Visit, key_id: str | None) -> dict[str, list[str]]:
    answer = visit.attempt("kms", "ListAliases", Limit=100, KeyId=key_id)
    found: dict[str, list[str]] = {}
    for one in () if isinstance(answer, Refused) else answer["Aliases"]:
        if "TargetKeyId" in one:
            found.setdefault(one["TargetKeyId"], []).append(one["AliasName"])
    return found


def looked_at(visit: Visit) -> Reply:
    """One key."""
    return _page(visit, visit.asked("id"))


def _page(visit: Visit, key_id: str, *, status: int = 200, refusal: Refused | None = None) -> Reply:
    key = visit.ask("kms", "DescribeKey", KeyId=key_id)["KeyMetadata"]
    told = visit.attempt("kms", "ListKeyRotations", KeyId=key["KeyId"], Limit=ROTATIONS_AT_MOST)
    rotations = () if isinstance(told, Refused) else told["Rotations"][::-1]
    return visit.page(
        "key.html",
        status=status,
        refusal=refusal,
        key=key,
        aliases=_aliases(visit, key["KeyId"]).get(key["KeyId"], []),
        policy=visit.attempt("kms", "GetKeyPolicy", KeyId=key["KeyId"], PolicyName="default"),
        rotation=visit.attempt("kms", "GetKeyRotationStatus", KeyId=key["KeyId"]),
        rotations=rotations,
        timeline=charts.by_month([one["RotationDate"] for one in rotations if "RotationDate" in one], visit.now),
        said=visit.asked("said"),
    )


def used(visit: Visit) -> Reply:
    """Who uses it, counted: among very many secrets that takes longer than the rest of the page, which has it come."""
    key_id = visit.asked("id")
    return visit.page("key_users.html", key_id=key_id, users=visit.attempt("strongroom", "KeyUsers", KeyId=key_id))


def created(visit: Visit) -> Reply:
    """A new symmetric key, with an alias where one is given."""
    made = visit.ask("kms", "CreateKey", Description=visit.field("description") or None)["KeyMetadata"]["KeyId"]
    alias = visit.field("alias").removeprefix("alias/")
    if alias:
        answer = visit.attempt("kms", "CreateAlias", AliasName=f"alias/{alias}", TargetKeyId=made)
        if isinstance(answer, Refused):
            return _page(visit, made, status=400, refusal=answer)
    return visit.go(visit.url("key", id=made, said="key"))


def changed(visit: Visit) -> Reply:
    """One of the changes; then the key's page."""
    act, key_id = _ACTS.get(visit.path["act"]), visit.field("id")
    if act is None:
        return visit.page("missing.html", status=404)
    operation, more = act
    try:
        visit.ask("kms", operation, KeyId=key_id, **more(visit))
    except Refused as refusal:
        return _page(visit, key_id, status=400, refusal=refusal)
    return visit.go(visit.url("key", id=key_id, said="saved"))


def _nothing(_visit: Visit) -> dict[str, Any]:
    return {}


def _window(visit: Visit) -> dict[str, Any]:
    days = visit.field("days")
    return {"PendingWindowInDays": int(days) if days.isascii() and days.isdigit() and len(days) < 4 else 30}


_ACTS = {
    "enable": ("EnableKey", _nothing),
    "disable": ("DisableKey", _nothing),
    "rotation-on": ("EnableKeyRotation", _nothing),
    "rotation-off": ("DisableKeyRotation", _nothing),
    "rotate": ("RotateKeyOnDemand", _nothing),
    "delete": ("ScheduleKeyDeletion", _window),
    "restore": ("CancelKeyDeletion", _nothing),
    "policy": ("PutKeyPolicy", lambda visit: {"PolicyName": "default", "Policy": visit.raw("policy")}),
    "details": ("UpdateKeyDescription", lambda visit: {"Description": visit.raw("description")}),
}

PAGES = (
    ("GET", "/console/{region}/keys", listed),
    ("POST", "/console/{region}/keys", created),
    ("GET", "/console/{region}/key", looked_at),
    ("GET", "/console/{region}/key/users", used),
    ("POST", "/console/{region}/key/{act}", changed),
)
