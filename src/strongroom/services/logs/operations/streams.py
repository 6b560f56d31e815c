"""Log streams.

Source: CloudWatch Logs API reference; facts lambda-and-others, part 2.
"""

from __future__ import annotations

from typing import Any

from strongroom.base.clock import to_ms
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.logs import errors, store
from strongroom.services.logs.operations.groups import LISTED_AT_ONCE
from strongroom.services.logs.room import ROOM
from strongroom.services.logs.store import Group, Stream
from strongroom.services.logs.targets import group_at

SORTED_AT_MOST = 10_000


@ROOM.operation("CreateLogStream", mode=Mode.WRITE, locate=group_at())
def create_log_stream(call: Call, one: Group, tx: Transaction) -> Answer:
    """Make a stream."""
    name = call["logStreamName"]
    if store.find_stream(tx, one.pk, name) is not None:
        raise errors.ResourceAlreadyExistsException(errors.STREAM_EXISTS)
    made = {"first_ms": None, "last_ms": None, "ingested_ms": None, "created_ms": to_ms(call.now)}
    store.add_stream(tx, {"group_pk": one.pk, "name": name, **made})
    return {}


@ROOM.operation("DeleteLogStream", mode=Mode.WRITE, locate=group_at())
def delete_log_stream(call: Call, one: Group, tx: Transaction) -> Answer:
    """Delete a stream with its events."""
    found = store.find_stream(tx, one.pk, call["logStreamName"])
    if found is None:
        raise errors.no_stream()
    store.drop_stream(tx, found.pk)
    return {}


@ROOM.operation("DescribeLogStreams", mode=Mode.SLOW, locate=group_at())
def describe_log_streams(call: Call, one: Group, tx: Transaction) -> Answer:
    """Streams of a group, by name or by their last event."""
    most = min(call.get("limit", LISTED_AT_ONCE), LISTED_AT_ONCE)
    by_time = call.get("orderBy", "LogStreamName") == "LastEventTime"
    prefix, token = call.get("logStreamNamePrefix", ""), call.get("nextToken", "")
    if by_time and prefix:
        raise errors.InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
    if by_time or call.get("descending"):
        return _sorted_page(call, store.all_streams(tx, one.pk, SORTED_AT_MOST), one, most, by_time=by_time)
    found = store.streams(tx, one.pk, prefix=prefix, after=token, most=most + 1)
    answer: dict[str, Any] = {"logStreams": [_shown(one, each) for each in found[:most]]}
    if len(found) > most:
        answer["nextToken"] = found[most - 1].name
    return answer


def _sorted_page(call: Call, found: list[Stream], one: Group, most: int, *, by_time: bool) -> Answer:
    """Our choice: a group's streams are sorted in memory, 10,000 of them at most."""
    named = [each for each in found if each.name.startswith(call.get("logStreamNamePrefix", ""))]

    def place(each: Stream) -> tuple[int, str]:
        return (each.last_ms or 0, each.name) if by_time else (0, each.name)

    named.sort(key=place, reverse=bool(call.get("descending")))
    token = call.get("nextToken", "")
    names = [each.name for each in named]
    start = names.index(token) + 1 if token in names else 0
    page = named[start : start + most]
    answer: dict[str, Any] = {"logStreams": [_shown(one, each) for each in page]}
    if start + most < len(named):
        answer["nextToken"] = page[-1].name
    return answer


def _shown(one: Group, each: Stream) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "logStreamName": each.name,
        "creationTime": each.created_ms,
        "arn": f"{one.arn}:log-stream:{each.name}",
        "storedBytes": 0,  # AWS answers 0 since 2019
    }
    moments = {
        "firstEventTimestamp": each.first_ms,
        "lastEventTimestamp": each.last_ms,
        "lastIngestionTime": each.ingested_ms,
    }
    return shown | {name: value for name, value in moments.items() if value is not None}
