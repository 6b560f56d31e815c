"""ListSecrets, and the walk through an account's secrets that BatchGetSecretValue shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter, thread_time
from typing import Any

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import pages, store
from strongroom.services.secretsmanager.room import ROOM
from strongroom.services.secretsmanager.rules import labels
from strongroom.services.secretsmanager.rules.filters import Filter, read_filters
from strongroom.services.secretsmanager.shown import described
from strongroom.services.secretsmanager.store import Secret
from strongroom.services.secretsmanager.store.listing import Candidate, Place, Walk
from strongroom.services.secretsmanager.targets import all_secrets

PAGE_MAX = 100
CHUNK = 500
# DIFFERS: listing time.
SECONDS_A_PAGE = 0.03
"""How long a page may work on finding matches; it may then come back short or empty, with a NextToken."""
SECONDS_AT_MOST = 0.3
"""How long it may look for them by the clock on the wall: a busy machine or a database far off counts here."""
FEW = 2_000
"""Up to how many candidates of an index are read at once instead of walking all secrets."""


@ROOM.operation("ListSecrets", mode=Mode.SLOW, locate=all_secrets)
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
    # DIFFERS: consistency.
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
    after = pages.place_after(call)
    few = _few(call, tx, filters)
    if few is not None:
        alive = few if scheduled_too else [one for one in few if one.deleted_ms is None]
        return _among(alive, filters, limit=limit, after=after, order=order, descending=descending)
    low, high = _names(filters) if order == "name" else (None, None)
    if after is None:
        after = _beginning(low, high, descending=descending)
    way = Walk(call.account, call.region, order, descending, scheduled_too)
    if not filters:
        return _all(tx, way, after, limit=limit)
    met: list[int] = []
    for one in _looked_at(tx, way, after):
        if one is None:
            return _whole(call, tx, met), after
        if low is not None and high is not None and not low <= one.name < high:
            break
        if all(each.accepts(one) for each in filters):
            if len(met) == limit:
                return _whole(call, tx, met), after
            met.append(one.pk)
        after = one.value, one.pk
    return _whole(call, tx, met), None


def _looked_at(tx: Transaction, way: Walk, after: Place | None) -> Iterator[Candidate | None]:
    """The secrets after a place, as filters look at them; None as the last where the page's time is up."""
    stop, latest = thread_time() + SECONDS_A_PAGE, perf_counter() + SECONDS_AT_MOST
    while True:
        rows = store.listing.candidates_page(tx, way, after=after, limit=CHUNK)
        yield from rows
        if len(rows) < CHUNK:
            return
        if thread_time() > stop or perf_counter() > latest:
            yield None
            return
        after = rows[-1].value, rows[-1].pk


def _all(tx: Transaction, way: Walk, after: Place | None, *, limit: int) -> tuple[list[Secret], Place | None]:
    """A page of all secrets: one statement."""
    rows = store.listing.secrets_page(tx, way, after=after, limit=limit + 1)
    page = rows[:limit]
    return page, store.listing.place_of(page[-1], way.order) if len(rows) > limit else None


def _whole(call: Call, tx: Transaction, met: Sequence[int]) -> list[Secret]:
    """The secrets of these numbers, in the order of the numbers given."""
    found = store.listing.secrets_among(tx, account=call.account, region=call.region, pks=set(met))
    known = {one.pk: one for one in found}
    return [known[pk] for pk in met]


def _beginning(low: str | None, high: str | None, *, descending: bool) -> Place | None:
    """Where a walk by name begins: names of a prefix lie together."""
    if low is None or high is None:
        return None
    return (high, 0) if descending else (low, -1)


def _names(filters: Sequence[Filter]) -> tuple[str, str] | tuple[None, None]:
    """Between which names all matches lie, where some filter says so by prefixes that are not negated."""
    for one in filters:
        prefixes = [value.text for value in one.values if not value.negated]
        if one.key == "name" and len(prefixes) == len(one.values) and all(prefixes):
            return min(prefixes), max(store.listing.next_after(prefix) for prefix in prefixes)
    return None, None


def _few(call: Call, tx: Transaction, filters: Sequence[Filter]) -> list[Secret] | None:
    """All secrets that may match, where the index of some filter's prefixes knows that they are few."""
    for one in filters:
        if one.key not in store.listing.INDEXED or any(value.negated for value in one.values):
            continue
        found = [
            store.listing.candidates(
                tx, account=call.account, region=call.region, key=one.key, prefix=value.text, at_most=FEW
            )
            for value in one.values
        ]
        known = [each for each in found if each is not None]
        numbers = set().union(*known)
        if len(known) == len(found) and len(numbers) <= FEW:
            return store.listing.secrets_among(tx, account=call.account, region=call.region, pks=numbers)
    return None


def _among(
    few: list[Secret],
    filters: Sequence[Filter],
    *,
    limit: int,
    after: Place | None,
    order: str,
    descending: bool,
) -> tuple[list[Secret], Place | None]:
    """A page of few matches, in the order and from the place that a walk would have."""

    def place(one: Secret) -> Place:
        return store.listing.place_of(one, order)

    matching = [one for one in few if all(each.accepts(one) for each in filters)]
    ordered = sorted(matching, key=place, reverse=descending)
    if after is not None:
        ordered = [one for one in ordered if (place(one) < after if descending else place(one) > after)]
    page = ordered[:limit]
    return page, place(page[-1]) if len(ordered) > limit else None


def _entry(one: Secret, held: labels.Labels) -> dict[str, Any]:
    entry = described(one)
    if held:
        entry["SecretVersionsToStages"] = labels.by_version(held)
    return entry
