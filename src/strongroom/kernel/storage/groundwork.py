"""Work that is done ahead of its turn, when it hangs on nothing but what is kept by generations.

Most of what a batch of new secrets costs is reading, deciding and sealing, and all that this reads is policies,
principals, keys and aliases: they are kept in memory under the generation of their (account, kind), which every change
of them raises (``Transaction.cached``). So it may be done beforehand by any number of processes at once. In the
writer's place the generations are compared (``stands``); where one differs, the work is thrown away and done there.

Rows that are not kept so raise NeedsWrite, as every change does: what depends on them waits for its turn.
No snapshot is held meanwhile: the log of SQLite could not begin anew behind it. What is looked at twice must be as it
was the first time; and that all of it was so at one time is seen in the end.
Source: docs/decisions/0065-imports-on-all-workers.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from sqlalchemy.sql.expression import Executable

from strongroom.kernel.storage.memory import Memory
from strongroom.kernel.storage.port import NeedsWrite, Row, Statement, Transaction
from strongroom.kernel.storage.unchanging import Unchanging

T = TypeVar("T")
Ground = Mapping[tuple[str, str], int | None]
"""The generation of each (account, kind) that was looked at."""


def stands(ground: Ground, tx: Transaction) -> bool:
    """Whether nothing has changed that a work was done on, as this transaction sees it."""
    return all(seen is not None and tx.generation(*pair) == seen for pair, seen in ground.items())


class Groundwork(Unchanging):
    """A writing transaction, as Transaction, that changes nothing and notes what its answers hang on.

    ``memory`` is its own and ends with it: what is remembered there hangs on the same ground.
    """

    __slots__ = ("_ground", "_read", "_reading", "memory")

    writable = True

    def __init__(self, read: Callable[[], AbstractContextManager[Transaction]]) -> None:
        """``read`` opens a reading transaction, for a short look."""
        self._read = read
        self._ground: dict[tuple[str, str], int | None] = {}
        self._reading: Transaction | None = None
        self.memory: Memory | None = Memory()

    @property
    def ground(self) -> Ground:
        """All that was looked at so far."""
        return self._ground

    def generation(self, account: str, kind: str) -> int | None:
        """As Transaction.generation."""
        return self._looked(lambda tx: self._noted(tx, account, kind))

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """As Transaction.cached; rows may be read in ``load`` alone. Raises NeedsWrite where a generation has moved."""

        def look(tx: Transaction) -> T:
            self._noted(tx, account, kind)
            return tx.cached(account, kind, key, load)

        return self._looked(look)

    def _noted(self, tx: Transaction, account: str, kind: str) -> int | None:
        now = tx.generation(account, kind)
        if self._ground.setdefault((account, kind), now) != now:
            raise NeedsWrite
        return now

    def _looked(self, look: Callable[[Transaction], T]) -> T:
        if self._reading is not None:  # in a look already
            return look(self._reading)
        with self._read() as tx:
            self._reading = tx
            try:
                return look(tx)
            finally:
                self._reading = None

    def rows(self, statement: Statement | Executable, /, **values: Any) -> Sequence[Row]:
        """As Transaction.rows."""
        if self._reading is None:
            raise NeedsWrite
        return self._reading.rows(statement, **values)

    def row(self, statement: Statement | Executable, /, **values: Any) -> Row | None:
        """As Transaction.row."""
        if self._reading is None:
            raise NeedsWrite
        return self._reading.row(statement, **values)

    def foresee(self) -> None:
        """As Transaction.foresee: this is foreseen already."""
