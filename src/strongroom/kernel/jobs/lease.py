"""Who does the work: leases, and the number that makes it happen once.

Each take draws a new fencing number, higher than any before it in this store. ``finish`` and ``postpone``
compare it in the transaction that records the result: a run whose lease was taken over, or whose job was
cancelled or moved, raises LostLease there, and its transaction is rolled back whole.

Due moments are the product's clock. A lease's end is the machine's: moving a development clock by a month
must not end the leases of work in progress.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, or_, select, update

from strongroom.base.classes import dataclass
from strongroom.base.clock import machine_clock, to_ms
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import job, job_fence
from strongroom.kernel.storage.upsert import Upsert

MAX_TAKE = 1_000
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(hours=1)
RELEASED_ATTEMPTS = 3
_LAST = "last"

_DUE = (
    job.c.due_ms <= bindparam("now_ms"),
    or_(job.c.lease_until_ms.is_(None), job.c.lease_until_ms <= bindparam("machine_ms")),
)
_FOUND = select(job.c.kind, job.c.key, job.c.attempt, job.c.lane).order_by(job.c.due_ms, job.c.kind, job.c.key)
_READY = Statement(_FOUND.where(*_DUE).limit(bindparam("most")))
_READY_BUT = Statement(
    _FOUND.where(
        *_DUE,
        job.c.kind.not_in(bindparam("skipped", expanding=True)),
        or_(job.c.lane.is_(None), job.c.lane.not_in(bindparam("full", expanding=True))),
    ).limit(bindparam("most"))
)
_THIS = (job.c.kind == bindparam("of_kind"), job.c.key == bindparam("of_key"))
_HELD = (*_THIS, job.c.fence == bindparam("held"))
_TAKE = Statement(
    lambda: (
        update(job)
        .where(*_THIS)
        .values(
            owner=bindparam("who"),
            lease_until_ms=bindparam("until"),
            fence=bindparam("drawn"),
            attempt=job.c.attempt + 1,
        )
    )
)
_RENEW = Statement(lambda: update(job).where(*_HELD).values(lease_until_ms=bindparam("until")))
_FINISH = Statement(lambda: delete(job).where(*_HELD))
_RELEASE = Statement(
    lambda: (
        update(job)
        .where(job.c.owner == bindparam("who"), job.c.attempt <= bindparam("most"))
        .values(owner=None, lease_until_ms=None, fence=0)
    )
)
_POSTPONE = Statement(
    lambda: update(job).where(*_HELD).values(due_ms=bindparam("due"), owner=None, lease_until_ms=None, fence=0)
)
_LAST_FENCE = Statement(lambda: select(job_fence.c.value).where(job_fence.c.name == _LAST))
_SET_FENCE = Statement(
    lambda: Upsert(job_fence, {"name": _LAST, "value": bindparam("drawn")}, lambda new: {"value": new.value})
)


class LostLease(Exception):  # noqa: N818  a fact about the world, not a failure
    """The job was taken over, moved or cancelled since: this run's result must not be recorded."""


@dataclass(frozen=True, slots=True)
class Leased:
    """One job under a lease. ``attempt`` counts from 1, runs that died as well. ``lane``: see due.schedule."""

    kind: str
    key: str
    fence: int
    attempt: int
    lane: str | None = None


def take(
    tx: Transaction,
    *,
    owner: str,
    product_now: datetime,
    lease_for: timedelta,
    limit: int,
    machine_now: datetime | None = None,
    but_not: Sequence[str] = (),
    full: Sequence[str] = (),
    admits: Callable[[str, str | None], bool] = lambda _kind, _lane: True,
) -> list[Leased]:
    """Lease up to ``limit`` due jobs that nobody holds, the longest due first. Commit before working.

    ``but_not``: kinds to leave alone; ``full``: lanes to leave alone. ``admits(kind, lane)`` is asked of each job in
    turn, and may change its mind as it says yes.
    """
    machine_ms = to_ms(machine_now or machine_clock())
    values = {"now_ms": to_ms(product_now), "machine_ms": machine_ms, "most": min(limit, MAX_TAKE)}
    if but_not or full:
        found = tx.rows(_READY_BUT, **values, skipped=list(but_not) or [""], full=list(full) or [""])
    else:
        found = tx.rows(_READY, **values)
    ready = [row for row in found if admits(row[0], row[3])]
    if not ready:
        return []
    fence = _draw(tx)
    until = machine_ms + lease_for // timedelta(milliseconds=1)
    for kind, key, _, _ in ready:
        tx.run(_TAKE, of_kind=kind, of_key=key, who=owner, until=until, drawn=fence)
    return [Leased(kind, key, fence, attempt + 1, lane) for kind, key, attempt, lane in ready]


def release(tx: Transaction, owner: str) -> int:
    """End the leases of an owner that is known to be dead, so that its work is taken up now; how many there were.

    A job that has died with its owner again and again is left to its lease: it may be what kills the owner.
    """
    return tx.run(_RELEASE, who=owner, most=RELEASED_ATTEMPTS)


def renew(tx: Transaction, leased: Leased, *, lease_for: timedelta, machine_now: datetime | None = None) -> None:
    """Hold a job longer, for work that outlasts its lease. Raises LostLease."""
    until = to_ms(machine_now or machine_clock()) + lease_for // timedelta(milliseconds=1)
    _must_hold(tx.run(_RENEW, **_named(leased), until=until), leased)


def finish(tx: Transaction, leased: Leased) -> None:
    """Say that the job is done and forget it. Raises LostLease.

    Call it before the work, in the work's own transaction: then nothing is done in vain under a lost lease,
    and the work may schedule a job of the same name again.
    """
    _must_hold(tx.run(_FINISH, **_named(leased)), leased)


def postpone(tx: Transaction, leased: Leased, due: datetime) -> None:
    """Give the job back, to be tried again at ``due`` as its next attempt. Raises LostLease."""
    _must_hold(tx.run(_POSTPONE, **_named(leased), due=to_ms(due)), leased)


def pause_after(attempt: int) -> timedelta:
    """How long to wait after a failed attempt: 2 s, doubling, at most an hour.

    Our choice: short enough for a store that restarts, long enough that a broken job costs nothing.
    """
    doublings = min(max(attempt, 1) - 1, 20)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def _draw(tx: Transaction) -> int:
    # In a row of its own, for a job's row may be deleted and made again while an old run still holds its
    # number.
    row = tx.row(_LAST_FENCE)
    fence = (int(row[0]) if row else 0) + 1
    tx.run(_SET_FENCE, drawn=fence)
    return fence


def _named(leased: Leased) -> dict[str, str | int]:
    return {"of_kind": leased.kind, "of_key": leased.key, "held": leased.fence}


def _must_hold(touched: int, leased: Leased) -> None:
    if touched != 1:
        raise LostLease(f"{leased.kind} {leased.key}")
