"""Events: put, read one stream at a time, or sought in a whole group.

Source: CloudWatch Logs API reference, PutLogEvents, GetLogEvents, FilterLogEvents; facts lambda-and-others, part 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

from strongroom.base.clock import to_ms
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.logs import errors, patterns, store
from strongroom.services.logs.room import ROOM
from strongroom.services.logs.sealed import open_events, seal_events
from strongroom.services.logs.store import Batch, Group, Stream
from strongroom.services.logs.targets import group_at

BATCH_BYTES = 1_048_576
EVENT_OVERHEAD = 26
EVENTS_AT_ONCE = 10_000
ANSWER_BYTES = 1_048_576
BATCHES_SOUGHT = 256
_FAR = 1 << 62
_FUTURE_MS = 2 * 3600 * 1000
_PAST_MS = 14 * 86_400_000
_TOKEN = re.compile(r"(?P<way>[fb])/(?P<batch>[0-9]{1,18})/(?P<index>[0-9]{1,9})")

Place = tuple[int, int]
"""Where an event stands in its stream: its batch and its number in that."""


@ROOM.operation("PutLogEvents", mode=Mode.WRITE, locate=group_at())
def put_log_events(call: Call, one: Group, tx: Transaction) -> Answer:
    """Keep a batch of events, sealed. Sequence tokens are not asked for, as in AWS since 2023."""
    found = _stream(call, tx, one)
    given = [(int(event["timestamp"]), str(event["message"])) for event in call["logEvents"]]
    if any(later[0] < earlier[0] for earlier, later in pairwise(given)):
        raise errors.InvalidParameterException(
            "Log events in a single PutLogEvents request must be in chronological order."
        )
    size = sum(len(message.encode()) + EVENT_OVERHEAD for _, message in given)
    if size > BATCH_BYTES:
        raise errors.InvalidParameterException(
            f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES}"  # our choice of words
        )
    now = to_ms(call.now)
    oldest = now - min(_PAST_MS, (one.retention_days or 10_000) * 86_400_000)
    kept = [event for event in given if oldest <= event[0] <= now + _FUTURE_MS]
    if kept:
        store.add_batch(
            tx,
            {
                "group_pk": one.pk,
                "stream_pk": found.pk,
                "first_ms": kept[0][0],
                "last_ms": kept[-1][0],
                "ingested_ms": now,
                "size": size,
                "sealed": seal_events(call.kernel.keyring, kept, found.pk),
            },
        )
        store.note_events(tx, found, first_ms=kept[0][0], last_ms=kept[-1][0], ingested_ms=now)
    answer: dict[str, Any] = {"nextSequenceToken": f"{found.pk:056d}"}
    rejected = _rejected(given, oldest, now + _FUTURE_MS)
    return answer | ({"rejectedLogEventsInfo": rejected} if rejected else {})


def _rejected(given: list[tuple[int, str]], oldest: int, newest: int) -> dict[str, int]:
    told: dict[str, int] = {}
    old = sum(when < oldest for when, _ in given)
    new = sum(when > newest for when, _ in given)
    if old:
        told["tooOldLogEventEndIndex"] = old
    if new:
        told["tooNewLogEventStartIndex"] = len(given) - new
    return told


@ROOM.operation("GetLogEvents", mode=Mode.SLOW, locate=group_at())
def get_log_events(call: Call, one: Group, tx: Transaction) -> Answer:
    """A page of one stream's events: the newest, or from the head, or on from a token in either direction."""
    found = _stream(call, tx, one)
    most = call.get("limit", EVENTS_AT_ONCE)
    forward, start = _start(call)
    events = _events(call, tx, found, start, forward=forward)
    page: list[tuple[Place, int, str, int]] = []
    size = 0
    for event in islice(events, most):
        size += len(event[2].encode())
        if page and size > ANSWER_BYTES:
            break
        page.append(event)
    if not forward:
        page.reverse()
    # At the end the same token comes again. Source: API reference, GetLogEvents.
    first, last = (page[0][0], page[-1][0]) if page else (start, start)
    return {
        "events": [{"timestamp": when, "message": text, "ingestionTime": taken} for _, when, text, taken in page],
        "nextForwardToken": f"f/{last[0]}/{last[1]}",
        "nextBackwardToken": f"b/{first[0]}/{first[1]}",
    }


def _start(call: Call) -> tuple[bool, Place]:
    """Which way to read, and the place after (or before) which to begin."""
    token = call.get("nextToken")
    if token is None:
        head = bool(call.get("startFromHead"))
        return head, ((0, 0) if head else (_FAR >> 4, 0))
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise errors.InvalidParameterException("The specified nextToken is invalid.")
    return found["way"] == "f", (int(found["batch"]), int(found["index"]))


def _events(
    call: Call, tx: Transaction, found: Stream, start: Place, *, forward: bool
) -> Iterator[tuple[Place, int, str, int]]:
    since, until = call.get("startTime", 0), call.get("endTime", _FAR)
    for one in store.batches(tx, found.pk, since=since, until=until, at=start[0], forward=forward):
        listed = list(enumerate(open_events(call.kernel.keyring, one), start=1))
        for index, (when, text) in listed if forward else reversed(listed):
            place = (one.pk, index)
            beyond = place > start if forward else place < start
            if beyond and since <= when < until:
                yield place, when, text, one.ingested_ms


@ROOM.operation("FilterLogEvents", mode=Mode.SLOW, locate=group_at())
def filter_log_events(call: Call, one: Group, tx: Transaction) -> Answer:
    """Events of many streams that match a pattern, in the order they came.

    Our choice: one call looks at 256 batches and answers with a token where there are more.
    """
    matches = patterns.compiled(call.get("filterPattern", ""))
    wanted = _wanted_streams(call, tx, one)
    since, until = call.get("startTime", 0), call.get("endTime", _FAR)
    most = call.get("limit", EVENTS_AT_ONCE)
    start = _place(call.get("nextToken"))
    found: list[dict[str, Any]] = []
    looked, size = 0, 0
    for batch in store.batches_of_group(tx, one.pk, since=since, until=until, at=start[0]):
        if looked == BATCHES_SOUGHT:
            return _filtered(found, (batch.pk, 0))
        looked += 1
        if batch.stream_pk not in wanted:
            continue
        for index, (when, text) in enumerate(open_events(call.kernel.keyring, batch), start=1):
            if (batch.pk, index) <= start or not since <= when < until or not matches(text):
                continue
            size += len(text.encode())
            if len(found) >= most or (found and size > ANSWER_BYTES):
                return _filtered(found, (batch.pk, index - 1))
            found.append(_match(wanted[batch.stream_pk], when, text, batch, index))
    return _filtered(found, None)


def _match(stream: str, when: int, text: str, batch: Batch, index: int) -> dict[str, Any]:
    return {
        "logStreamName": stream,
        "timestamp": when,
        "message": text,
        "ingestionTime": batch.ingested_ms,
        "eventId": f"{batch.pk:020d}{index:09d}",
    }


def _filtered(found: list[dict[str, Any]], following: Place | None) -> Answer:
    found.sort(key=lambda event: (event["timestamp"], event["eventId"]))
    answer: dict[str, Any] = {"events": found, "searchedLogStreams": []}
    return answer if following is None else {**answer, "nextToken": f"f/{following[0]}/{following[1]}"}


def _place(token: str | None) -> Place:
    if token is None:
        return (0, 0)
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise errors.InvalidParameterException("The specified nextToken is invalid.")
    return int(found["batch"]), int(found["index"])


def _wanted_streams(call: Call, tx: Transaction, one: Group) -> dict[int, str]:
    names, prefix = call.get("logStreamNames"), call.get("logStreamNamePrefix", "")
    if names is not None and prefix:
        raise errors.InvalidParameterException("logStreamNames and logStreamNamePrefix exclude each other.")
    known = store.all_streams(tx, one.pk, 1_000_000)
    if names is None:
        return {each.pk: each.name for each in known if each.name.startswith(prefix)}
    found = {each.pk: each.name for each in known if each.name in names}
    if len(found) < len(set(names)):
        raise errors.no_stream()
    return found


def _stream(call: Call, tx: Transaction, one: Group) -> Stream:
    found = store.find_stream(tx, one.pk, call["logStreamName"])
    if found is None:
        raise errors.no_stream()
    return found
