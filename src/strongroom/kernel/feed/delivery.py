"""How far each webhook is, under a lease: one node at a time delivers, and says so in what it stores.

Each take draws a higher fence; whoever stores with an older one raises LostLease, and its transaction is undone.
Moments are the machine's.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select, update

from strongroom.kernel.feed import rows
from strongroom.kernel.feed.rows import Event
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import dead_letter, feed_event, webhook

MOST_DEAD = 1000
MOST_ERROR_CHARS = 300
_THIS = webhook.c.name == bindparam("of_name")
_READ = Statement(lambda: select(*webhook.c).where(_THIS))
_ALL = Statement(lambda: select(*webhook.c).order_by(webhook.c.name))
_MAKE = Statement(lambda: insert(webhook).values({name: bindparam(f"v_{name}") for name in webhook.c.keys()}))  # noqa: SIM118
_HOLD = Statement(
    lambda: (
        update(webhook)
        .where(_THIS)
        .values(owner=bindparam("who"), lease_until_ms=bindparam("until"), fence=bindparam("drawn"))
    )
)
_STORE = Statement(
    lambda: (
        update(webhook)
        .where(_THIS, webhook.c.fence == bindparam("held"))
        .values({name: bindparam(f"v_{name}") for name in ("number", "attempt", "since_ms", "due_ms", "error")})
        .values(
            delivered=webhook.c.delivered + bindparam("more_delivered"),
            dead=webhook.c.dead + bindparam("more_dead"),
            missed=webhook.c.missed + bindparam("more_missed"),
        )
    )
)
_BURY = Statement(
    lambda: insert(dead_letter).values({name: bindparam(f"v_{name}") for name in dead_letter.c.keys()})  # noqa: SIM118
)
_OLDEST_KEPT = Statement(
    lambda: (
        select(dead_letter.c.number)
        .where(dead_letter.c.webhook == bindparam("of_name"))
        .order_by(dead_letter.c.number.desc())
        .limit(1)
        .offset(MOST_DEAD - 1)
    )
)
_EXHUME = Statement(
    lambda: delete(dead_letter).where(
        dead_letter.c.webhook == bindparam("of_name"), dead_letter.c.number < bindparam("oldest")
    )
)
_DEAD = Statement(
    lambda: (
        select(dead_letter.c.number, dead_letter.c.at_ms, dead_letter.c.error, dead_letter.c.body)
        .where(dead_letter.c.webhook == bindparam("of_name"))
        .order_by(dead_letter.c.number.desc())
        .limit(bindparam("most"))
    )
)
_BEHIND = Statement(
    lambda: select(func.count()).select_from(feed_event).where(feed_event.c.number > bindparam("after"))
)


class LostLease(Exception):  # noqa: N818  a fact about the world, not a failure
    """Another node delivers now: what this one did is not to be stored."""


class Standing(NamedTuple):
    """One webhook's row. ``number``: the last event that it has, or never will have; ``since_ms``: since when the
    next one is tried; ``due_ms``: when it is tried again.
    """

    name: str
    number: int
    owner: str
    lease_until_ms: int
    fence: int
    attempt: int
    since_ms: int
    due_ms: int
    error: str
    delivered: int
    dead: int
    missed: int


class Progress(NamedTuple):
    """What is to be stored of a webhook."""

    number: int
    attempt: int = 0
    since_ms: int = 0
    due_ms: int = 0
    error: str = ""
    delivered: int = 0
    dead: int = 0
    missed: int = 0


class Dead(NamedTuple):
    """One event that a webhook did not take."""

    number: int
    at_ms: int
    error: str
    body: str


def standing(tx: Transaction, name: str) -> Standing | None:
    """One webhook; None where it never was delivered to."""
    row = tx.row(_READ, of_name=name)
    return None if row is None else Standing._make(row)


def all_standings(tx: Transaction) -> list[Standing]:
    """All that there ever were."""
    return [Standing._make(row) for row in tx.rows(_ALL)]


def take(tx: Transaction, name: str, *, owner: str, held: int | None, now_ms: int, lease_ms: int) -> Standing | None:
    """Hold a webhook, or hold it longer; None where another node does. A new one begins with what happens from now.

    ``held``: the fence that this process holds already. What its node held before it died it takes at once.
    """
    found = standing(tx, name)
    if found is None:
        first = Standing(name, rows.last(tx), owner, now_ms + lease_ms, 1, 0, 0, 0, "", 0, 0, 0)
        tx.run(_MAKE, **{f"v_{key}": value for key, value in first._asdict().items()})
        return first
    if found.owner != owner and found.lease_until_ms > now_ms:
        return None
    fence = found.fence if found.owner == owner and found.fence == held else found.fence + 1
    tx.run(_HOLD, of_name=name, who=owner, until=now_ms + lease_ms, drawn=fence)
    return found._replace(owner=owner, lease_until_ms=now_ms + lease_ms, fence=fence)


def store(tx: Transaction, name: str, fence: int, progress: Progress) -> None:
    """Store how far a webhook is. Raises LostLease."""
    changed = tx.run(
        _STORE,
        of_name=name,
        held=fence,
        v_number=progress.number,
        v_attempt=progress.attempt,
        v_since_ms=progress.since_ms,
        v_due_ms=progress.due_ms,
        v_error=progress.error[:MOST_ERROR_CHARS],
        more_delivered=progress.delivered,
        more_dead=progress.dead,
        more_missed=progress.missed,
    )
    if not changed:
        raise LostLease(name)


def bury(tx: Transaction, name: str, one: Event, error: str, now_ms: int) -> None:
    """Keep an event that will not be tried again, and as many others as may be kept."""
    tx.run(
        _BURY, v_webhook=name, v_number=one.number, v_at_ms=now_ms, v_error=error[:MOST_ERROR_CHARS], v_body=one.body
    )
    row = tx.row(_OLDEST_KEPT, of_name=name)
    if row is not None:
        tx.run(_EXHUME, of_name=name, oldest=row[0])


def dead(tx: Transaction, name: str, most: int) -> list[Dead]:
    """The newest events that a webhook did not take."""
    return [Dead._make(row) for row in tx.rows(_DEAD, of_name=name, most=most)]


def behind(tx: Transaction, number: int) -> int:
    """How many events there are behind a number."""
    row = tx.row(_BEHIND, after=number)
    return 0 if row is None else int(row[0])
