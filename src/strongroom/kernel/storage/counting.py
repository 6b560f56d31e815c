"""Numbers that are added to and may not go beyond a limit: what a quota counts.

Many calls add to one number, and each would change what the next has read. So a call that is foreseen does not read it:
it says how far the number may go. In the writer's place each is held against the number as it is then, those of the
batch before it counted, and all of them are added in one statement (storage/foresight.py, sqlite_write.py).
"""

from __future__ import annotations

from typing import Any

from strongroom.kernel.storage.foresight import Counter, Foresight
from strongroom.kernel.storage.port import Transaction


def add_one(tx: Transaction, counter: Counter, most: int, **which: Any) -> bool:
    """Add one to a number; False where it is beyond ``most`` then, and the call is to be refused."""
    if isinstance(tx, Foresight):
        tx.add_one(counter, most, which)
        return True
    row = tx.row(counter.added, number=1, **which)
    if row is None:
        raise RuntimeError("a count answered nothing")
    return int(row[0]) <= most
