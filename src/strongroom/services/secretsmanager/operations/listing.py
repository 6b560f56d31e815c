"""ListSecrets, and the walk through an account's secrets that BatchGetSecretValue shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import pages, store
from strongroom.services.secretsmanager.room import ROOM
from strongroom.services.secretsmanager.rules import labels
from strongroom.services.secretsmanager.rules.filters import WORD_KEYS, Filter, matches, read_filters
from strongroom.services.secretsmanager.shown import described
from strongroom.services.secretsmanager.store import Secret
from strongroom.services.secretsmanager.store.listing import Place

PAGE_MAX = 100
CHUNK = 200
SCANNED_MAX = 2_000
"""Our choice: how many secrets a page looks at for filters that match words; it may then come back short."""


@ROOM.operation("ListSecrets", mode=Mode.READ)
def list_secrets(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
    """Answer with a page of the account's secrets in this Region, oldest first unless sorted otherwise.

    Source: API reference, ListSecrets; facts secretsmanager sections 6.7 and 12.
    """
    page, after = walk(
        call,
        tx,
        filters=read_filters(call.get("Filters", ())),
        limit=call.get("MaxResults", PAGE_MAX),
        order=call.get("SortBy", "created-date"),
        descending=call.get("SortOrder") == "desc",
        scheduled_too=call.get("IncludePlannedDeletion", False),
    )
    stages = store.versions.labels_of_many(tx, [one.pk for one in page])
    answer: dict[str, Any] = {"SecretList": [_entry(one, stages[one.pk]) for one in page]}
    if after is not None:
        answer["NextToken"] = pages.token_for(call, after)
    return answer


def walk(
    call: Call,
    tx: Transaction,
    *,
    filters: Sequence[Filter],
    limit: int,
    order: str = "created-date",
    descending: bool = False,
    scheduled_too: bool = False,
) -> tuple[list[Secret], Place | None]:
    """The next secrets that pass the filters, and the place to go on from where there may be more."""
    by_words = [one for one in filters if one.key in WORD_KEYS]
    chunk = CHUNK if by_words else limit + 1
    after = pages.place_after(call)
    page: list[Secret] = []
    scanned = 0
    while scanned < SCANNED_MAX:
        rows = store.listing.secrets_page(
            tx,
            account=call.account,
            region=call.region,
            order=order,
            descending=descending,
            after=after,
            scheduled_too=scheduled_too,
            filters=filters,
            limit=chunk,
        )
        for one in rows:
            if not all(matches(each, _texts(each.key, one)) for each in by_words):
                after = store.listing.place_of(one, order)
                continue
            if len(page) == limit:
                return page, after
            page.append(one)
            after = store.listing.place_of(one, order)
        if len(rows) < chunk:
            return page, None
        scanned += len(rows)
    return page, after


def _texts(key: str, one: Secret) -> list[str]:
    """What a word filter looks at."""
    if key == "description":
        return [one.description or ""]
    tags = one.tag_list
    return [one.name, one.description or "", *(tag["Key"] for tag in tags), *(tag["Value"] for tag in tags)]


def _entry(one: Secret, held: labels.Labels) -> dict[str, Any]:
    entry = described(one)
    if held:
        entry["SecretVersionsToStages"] = labels.by_version(held)
    return entry
