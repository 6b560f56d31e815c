"""When work is to be done: one row a job, named by its kind and key.

Moments here are the product's clock. Whoever schedules, moves or cancels a job ends a lease that somebody
holds on it: that run finds its lease lost and records nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, update

from strongroom.base.clock import from_ms, machine_clock, to_ms
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import job
from strongroom.kernel.storage.upsert import Upsert

_THIS = (job.c.kind == bindparam("of_kind"), job.c.key == bindparam("of_key"))
_NOT_HELD = or_(job.c.lease_until_ms.is_(None), job.c.lease_until_ms <= bindparam("machine_ms"))
_FREED: dict[str, Any] = {
    "due_ms": bindparam("due"),
    "owner": None,
    "lease_until_ms": None,
    "fence": 0,
    "attempt": 0,
}

_LANED = {**_FREED, "lane": bindparam("in_lane")}

_SCHEDULE = Statement(
    lambda: Upsert(job, {"kind": bindparam("of_kind"), "key": bindparam("of_key"), **_LANED}, lambda _: _LANED)
)
_RESCHEDULE = Statement(lambda: update(job).where(*_THIS).values(**_FREED))
_CANCEL = Statement(lambda: delete(job).where(*_THIS))
_NEXT = Statement(lambda: select(func.min(job.c.due_ms)).where(_NOT_HELD))
_IS_HELD = Statement(lambda: select(job.c.fence).where(*_THIS, job.c.lease_until_ms > bindparam("machine_ms")))
_COUNT = Statement(lambda: select(func.count()).select_from(job).where(job.c.due_ms <= bindparam("now_ms")))


def schedule(tx: Transaction, *, kind: str, key: str, due: datetime, lane: str | None = None) -> None:
    """Have a job done at ``due``, from its first attempt on; a job of that name is replaced.

    ``lane``: of the errands of one lane a runner has only so many under way, so that others find room beside them.
    """
    tx.run(_SCHEDULE, of_kind=kind, of_key=key, due=to_ms(due), in_lane=lane)


def reschedule(tx: Transaction, *, kind: str, key: str, due: datetime) -> bool:
    """Move a job that exists; whether there was one."""
    return tx.run(_RESCHEDULE, of_kind=kind, of_key=key, due=to_ms(due)) > 0


def cancel(tx: Transaction, kind: str, key: str) -> bool:
    """Forget a job; whether there was one. Done in the transaction that makes it needless."""
    return tx.run(_CANCEL, of_kind=kind, of_key=key) > 0


def next_due(tx: Transaction, machine_now: datetime | None = None) -> datetime | None:
    """When the first job that nobody holds is due; None where there is none.

    A job under a lease that has not run out is somebody's work and not counted.
    """
    row = tx.row(_NEXT, machine_ms=to_ms(machine_now or machine_clock()))
    return None if row is None or row[0] is None else from_ms(row[0])


def is_held(tx: Transaction, kind: str, key: str, machine_now: datetime | None = None) -> bool:
    """Whether somebody is at work on a job: its lease has not run out, and nobody has ended it."""
    return tx.row(_IS_HELD, of_kind=kind, of_key=key, machine_ms=to_ms(machine_now or machine_clock())) is not None


def count_due(tx: Transaction, now: datetime) -> int:
    """How many jobs are due and not finished, held or not."""
    row = tx.row(_COUNT, now_ms=to_ms(now))
    return 0 if row is None else int(row[0])
