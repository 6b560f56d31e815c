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
from strongroom.services.secretsmanager.rules.filters import WORD_KEYS, Filter, Wanted, read_filters
from strongroom.services.secretsmanager.shown import described
from strongroom.services.secretsmanager.store import Secret
from strongroom.services.secretsmanager.store.listing import Candidate, Looked, Place, Walk
from strongroom.services.secretsmanager.targets import all_secrets

PAGE_MAX = 100
CHUNK = 500
# DIFFERS: listing time.
SECONDS_A_PAGE = 0.01
"""How long a page may work on finding matches; it may then come back short or empty, with a NextToken."""
SECONDS_AT_MOST = 0.3
"""How long it may look for them by the clock on the wall: a busy machine or a database far off counts here."""
FEW = 2_000
"""Up to how many candidates of an index are read at once instead of walking all secrets."""
WORDS_ASKED = 8
"""How many words of a search the index is asked for, so that a long search costs no more than a short one."""


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
        met, last = _among(alive, filters, limit=limit, after=after, order=order, descending=descending)
        return _whole(call, tx, met), last
    low, high = _names(filters) if order == "name" else (None, None)
    if after is None:
        after = _beginning(low, high, descending=descending)
    way = Walk(call.account, call.region, order, descending, scheduled_too)
    if not filters:
        return _all(tx, way, after, limit=limit)
    met = []
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


def _looked_at(tx: Transaction, way: Walk, after: Place | None) -> Iterator[Looked | None]:
    """The secrets after a place, as filters look at them; None as the last where the page's time is up."""
    stop, latest = thread_time() + SECONDS_A_PAGE, perf_counter() + SECONDS_AT_MOST
    while True:
        rows = store.listing.looked_page(tx, way, after=after, limit=CHUNK)
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


def _few(call: Call, tx: Transaction, filters: Sequence[Filter]) -> list[Candidate] | None:
    """All secrets that may match, where the index of some filter knows that they are few."""
    for one in filters:
        if any(value.negated for value in one.values):
            continue
        numbers: set[int] | None = set()
        for value in one.values:
            found = _candidates(call, tx, one.key, value)
            numbers = None if found is None or numbers is None else numbers | found
            if numbers is None or len(numbers) > FEW:
                break
        else:
            if numbers is not None:
                return store.listing.candidates_among(tx, account=call.account, region=call.region, pks=numbers)
    return None


def _candidates(call: Call, tx: Transaction, key: str, value: Wanted) -> set[int] | None:
    """The numbers of all secrets that may meet one value; None where no index knows, or they are too many."""
    if key in store.listing.INDEXED:
        return store.listing.candidates(
            tx, account=call.account, region=call.region, key=key, prefix=value.text, at_most=FEW
        )
    if key not in WORD_KEYS:
        return None
    if not value.words:
        return set()  # as words_match: no word at all is met by nothing
    # Each word must be met, so the rarest decides; the longest is likely to be it.
    for wanted in sorted(value.words, key=len, reverse=True)[:WORDS_ASKED]:
        found = store.words.with_word(tx, call.account, wanted, FEW)
        if found is not None:
            return found
    return None


def _among(
    few: list[Candidate],
    filters: Sequence[Filter],
    *,
    limit: int,
    after: Place | None,
    order: str,
    descending: bool,
) -> tuple[list[int], Place | None]:
    """The numbers of a page of few matches, in the order and from the place that a walk would have."""

    def place(one: Candidate) -> Place:
        return one.place(order)

    if after is not None:
        few = [one for one in few if (place(one) < after if descending else place(one) > after)]
    matching = [one for one in few if all(each.accepts(one) for each in filters)]
    ordered = sorted(matching, key=place, reverse=descending)
    page = ordered[:limit]
    return [one.pk for one in page], place(page[-1]) if len(ordered) > limit else None


def _entry(one: Secret, held: labels.Labels) -> dict[str, Any]:
    entry = described(one)
    if held:
        entry["SecretVersionsToStages"] = labels.by_version(held)
    return entry
