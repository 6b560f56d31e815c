"""The clock's offset, in the kernel's own settings table, so that all processes and nodes agree."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, delete, insert, select

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import setting

EVERYBODY = "*"
CLOCK = "clock"
_OFFSET = "clock_offset_ms"

_READ = Statement(select(setting.c.value).where(setting.c.name == bindparam("name")))
_DROP = Statement(delete(setting).where(setting.c.name == bindparam("name")))
_PUT = Statement(insert(setting).values(name=bindparam("name"), value=bindparam("value")))


def clock_offset(tx: Transaction) -> timedelta:
    """How far the product's clock runs before the machine's."""
    return tx.cached(EVERYBODY, CLOCK, ("offset",), lambda: _stored(tx))


def _stored(tx: Transaction) -> timedelta:
    row = tx.row(_READ, name=_OFFSET)
    return timedelta(milliseconds=int(row[0])) if row else timedelta()


def move_clock(tx: Transaction, by: timedelta) -> timedelta:
    """Move the product's clock forward; the new offset."""
    offset = _stored(tx) + by
    tx.run(_DROP, name=_OFFSET)
    tx.run(_PUT, name=_OFFSET, value=str(offset // timedelta(milliseconds=1)))
    tx.raise_generation(EVERYBODY, CLOCK)
    return offset
