"""Statements about invocations that nobody waits for."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select, update

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.functions.store.tables import Queued, event

_ADD = Statement(lambda: insert(event).values({name: bindparam(f"v_{name}") for name in Queued._fields}))
_BY_ID = Statement(lambda: select(*(event.c[name] for name in Queued._fields)).where(event.c.id == bindparam("at_id")))
_FAILED = Statement(lambda: update(event).where(event.c.id == bindparam("at_id")).values(failures=event.c.failures + 1))
_DROP = Statement(lambda: delete(event).where(event.c.id == bindparam("at_id")))


def add(tx: Transaction, one: Queued) -> None:
    """Keep an event."""
    tx.run(_ADD, **{f"v_{name}": value for name, value in one._asdict().items()})


def by_id(tx: Transaction, event_id: str) -> Queued | None:
    """One event; None where it was done, or its function deleted."""
    row = tx.row(_BY_ID, at_id=event_id)
    return None if row is None else Queued._make(row)


def failed(tx: Transaction, event_id: str) -> None:
    """Count one failure."""
    tx.run(_FAILED, at_id=event_id)


def drop(tx: Transaction, event_id: str) -> None:
    """Forget an event."""
    tx.run(_DROP, at_id=event_id)
