"""Automatic rotation: when it is due, and keeping key and job in step.

A job a key, due when its material is. A key that cannot be rotated on its day is rotated once it can be.
Source: KMS Developer Guide, "Rotate AWS KMS keys" (facts: kms, section 8).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.jobs import due
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import store
from strongroom.services.kms.store import KeyRow

ROTATE_KEY = "kms:rotate-key"
"""Kind of the job; its key is the number of the row."""
USUAL_DAYS = 365
SYNCHRONISED = "SynchronizeMultiRegionKey"
"""The event that what related keys share was brought to all of them; it names the primary key alone.

Source: KMS Developer Guide, "SynchronizeMultiRegionKey".
"""


def begin(tx: Transaction, row: KeyRow | None, days: int, now: datetime) -> None:
    """Rotate every so many days, counted from now, in all Regions that a key has."""
    if row is None:
        raise RuntimeError("a key without its row")
    _set(tx, row, days, now + timedelta(days=days))


def end(tx: Transaction, row: KeyRow) -> None:
    """Rotate no more."""
    for one in _related(tx, row):
        store.change_key(tx, one.account, one.pk, rotation_days=None, rotation_ms=None)
        due.cancel(tx, ROTATE_KEY, str(one.pk))


def go_on(tx: Transaction, row: KeyRow, now: datetime) -> None:
    """Set the next day after one has passed: in the same rhythm, or from now where days were missed."""
    if row.rotation_days is None or row.rotation_ms is None:
        return
    period = timedelta(days=row.rotation_days)
    following = from_ms(row.rotation_ms) + period
    _set(tx, row, row.rotation_days, following if following > now else now + period)


def wake(tx: Transaction, row: KeyRow) -> None:
    """Have a key that can be used again rotated on its day; at once, where that has passed."""
    if row.rotation_ms is not None and leads(row):
        due.schedule(tx, kind=ROTATE_KEY, key=str(row.pk), due=from_ms(row.rotation_ms))


def told(row: KeyRow, *, how: str, old: str | None, new: str) -> dict[str, str | None]:
    """What the RotateKey event says of a rotation. Source: facts, kms, section 8."""
    return {
        "rotationType": how,
        "keyOrigin": row.origin,
        "previousKeyMaterialId": old,
        "currentKeyMaterialId": new,
    }


def is_spread(tx: Transaction, row: KeyRow) -> bool:
    """Whether a key has related ones in other Regions."""
    return len(_related(tx, row)) > 1


def leads(row: KeyRow) -> bool:
    """Whether rotation is this key's affair: a replica follows its primary."""
    return row.multi_region != "REPLICA"


def _set(tx: Transaction, row: KeyRow, days: int, moment: datetime) -> None:
    for one in _related(tx, row):
        store.change_key(tx, one.account, one.pk, rotation_days=days, rotation_ms=to_ms(moment))
        if leads(one):
            due.schedule(tx, kind=ROTATE_KEY, key=str(one.pk), due=moment)


def _related(tx: Transaction, row: KeyRow) -> list[KeyRow]:
    return store.related_keys(tx, row.account, row.key_id) if row.multi_region else [row]
