"""The rows of the feed. Their numbers are drawn under the one writer's place, so they are the order of the commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select

from strongroom.kernel.feed.envelope import enveloped, source_of
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import feed_event as event

KEPT_MS = 7 * 86_400_000
MOST_KEPT = 1_000_000
"""Events older or more than that go, told or not: whoever is that late learns that it missed some."""

_LAST = Statement(lambda: select(func.max(event.c.number)))
_FIRST = Statement(lambda: select(func.min(event.c.number)))
_PUT = Statement(lambda: insert(event).values({name: bindparam(f"v_{name}") for name in event.c.keys()}))  # noqa: SIM118
_AFTER = Statement(
    lambda: (
        select(*event.c).where(event.c.number > bindparam("after")).order_by(event.c.number).limit(bindparam("most"))
    )
)
_OLD = Statement(lambda: select(func.max(event.c.number)).where(event.c.at_ms < bindparam("before_ms")))
_FORGET = Statement(lambda: delete(event).where(event.c.number <= bindparam("through")))


class Event(NamedTuple):
    """One event. ``resource``: the ARN of what it is about, or nothing; ``body``: JSON (envelope)."""

    number: int
    at_ms: int
    account: str
    region: str
    source: str
    name: str
    resource: str
    body: str


class New(NamedTuple):
    """A CloudTrail record that is to be told, and the ARN of what it is about."""

    event: Mapping[str, Any]
    resource: str


def add(tx: Transaction, new: Iterable[New], at_ms: int) -> None:
    """Append the events of calls that stand with this transaction."""
    add_told(
        tx,
        (
            (one.event["recipientAccountId"], one.event["awsRegion"], source_of(one.event), one.event["eventName"],
             one.resource, enveloped(one.event))
            for one in new
        ),
        at_ms,
    )  # fmt: skip


def add_told(tx: Transaction, told: Iterable[tuple[str, str, str, str, str, bytes]], at_ms: int) -> None:
    """Append events that are written already: (account, Region, source, name, resource, body) each."""
    first_free = last(tx) + 1
    rows = [
        {
            "v_number": number,
            "v_at_ms": at_ms,
            "v_account": account,
            "v_region": region,
            "v_source": source,
            "v_name": name,
            "v_resource": resource,
            "v_body": body.decode(),
        }
        for number, (account, region, source, name, resource, body) in enumerate(told, start=first_free)
    ]
    tx.many(_PUT, rows)


def last(tx: Transaction) -> int:
    """The number of the newest event; 0 where there never was one."""
    row = tx.row(_LAST)
    return int(row[0]) if row is not None and row[0] is not None else 0


def first(tx: Transaction) -> int:
    """The number of the oldest event that is kept; 0 where there is none."""
    row = tx.row(_FIRST)
    return int(row[0]) if row is not None and row[0] is not None else 0


def after(tx: Transaction, number: int, most: int) -> list[Event]:
    """The next events behind a number, oldest first."""
    return [Event._make(row) for row in tx.rows(_AFTER, after=number, most=most)]


def forget_old(tx: Transaction, now_ms: int) -> None:
    """Delete what is too old or too much. The newest stays, whatever its age: its number is the next one's start."""
    newest = last(tx)
    row = tx.row(_OLD, before_ms=now_ms - KEPT_MS)
    old = int(row[0]) if row is not None and row[0] is not None else 0
    through = max(old, newest - MOST_KEPT)
    tx.run(_FORGET, through=min(through, newest - 1))
