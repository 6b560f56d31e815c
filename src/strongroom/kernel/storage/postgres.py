"""The store in a PostgreSQL database, shared by the processes of several machines.

Readers see one snapshot each (REPEATABLE READ) and wait for nobody. There is one writer at a time in the
whole database, by an advisory lock, exactly as on SQLite: so "look, then change" is safe in every handler.
Source: PostgreSQL 15 documentation, 13.2.2 "Repeatable Read Isolation Level", 13.3.5 "Advisory Locks".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from types import TracebackType
from typing import Any, TypeVar

import psycopg
from sqlalchemy.sql.expression import Executable

from strongroom.base.entropy import Entropy, SystemEntropy
from strongroom.kernel.storage.batch import WRITE_WAIT_S, WriteBlock
from strongroom.kernel.storage.cache import Cache
from strongroom.kernel.storage.compile import bind
from strongroom.kernel.storage.inherited import disown_in_children
from strongroom.kernel.storage.port import NeedsWrite, Row, Statement
from strongroom.kernel.storage.postgres_connection import parsed, place, translated
from strongroom.kernel.storage.postgres_memory import PostgresRemembering
from strongroom.kernel.storage.postgres_pool import Pool, Pooled
from strongroom.kernel.storage.postgres_values import received, sent
from strongroom.kernel.storage.postgres_write import PostgresBatch, PostgresWriter
from strongroom.kernel.storage.unchanging import Unchanging

T = TypeVar("T")
READERS = 8  # reading connections of one process


class PostgresReading(Unchanging):
    """One reading transaction."""

    __slots__ = ("_pooled", "_store")

    writable = False

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self._pooled: Pooled | None = None

    def __enter__(self) -> PostgresReading:
        self._store.enter_thread()
        try:
            self._pooled = self._store.pool.begin()
        except BaseException:
            self._store.leave_thread()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pooled, self._pooled = self._pooled, None
        if pooled is None:
            return
        try:
            pooled.cursor.execute("COMMIT")
        except psycopg.Error:
            pooled.close()
        finally:
            self._store.pool.give(pooled)
            self._store.leave_thread()

    @property
    def memory(self) -> None:
        """As Transaction.memory: this thread looks for no changes."""
        return None

    def rows(self, statement: Statement | Executable, /, **values: Any) -> Sequence[Row]:
        """As Transaction.rows."""
        plan, parameters = bind(statement, "postgresql", values)
        if plan.writes:
            raise NeedsWrite
        cursor = self._current().cursor
        try:
            return received(cursor.execute(plan.sql, sent(parameters)).fetchall())
        except psycopg.Error as error:
            raise translated(error) from None

    def row(self, statement: Statement | Executable, /, **values: Any) -> Row | None:
        """As Transaction.row."""
        found = self.rows(statement, **values)
        return found[0] if found else None

    def foresee(self) -> None:
        """As Transaction.foresee: writers here do not look at what readers are told."""

    def generation(self, account: str, kind: str) -> int | None:
        """As Transaction.generation."""
        return self._current().view.generation(account, kind)

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """As Transaction.cached."""
        return self._current().view.cached(account, kind, key, load)

    def _current(self) -> Pooled:
        if self._pooled is None:
            raise RuntimeError("this transaction is over")
        return self._pooled


class PostgresStore:
    """The store in one database. Open it after forking; a forked child's copy refuses to work.

    Raises StoreUnavailable where the database cannot be reached, ValueError for an unreadable address.
    """

    engine = "postgresql"
    embedded = False

    def __init__(self, where: str, *, entropy: Entropy | None = None, readers: int = READERS) -> None:
        self._place = place(parsed(where))
        self._where = where
        self._all_remembering: list[PostgresRemembering] = []
        self.cache = Cache()
        self.pool = Pool(where, self.cache, readers)
        self._writer = PostgresWriter(where, self.cache, entropy or SystemEntropy())
        self._local = threading.local()
        disown_in_children(self)

    def __repr__(self) -> str:
        return f"PostgresStore({self._place})"

    def read(self) -> PostgresReading | PostgresRemembering:
        """As Store.read."""
        remembering = self._remembering()
        return PostgresReading(self) if remembering is None else remembering.glancing(False)

    def glance(self) -> PostgresReading | PostgresRemembering:
        """As Store.glance: a snapshot of its own, so that it never moves, but for a thread that remembers."""
        remembering = self._remembering()
        return PostgresReading(self) if remembering is None else remembering.glancing(True)

    def look(self) -> None:
        """As Store.look. From the first one on this thread remembers, over a connection of its own."""
        self._begun_to_remember().look()

    def study(self) -> None:
        """As Store.study."""
        self._begun_to_remember().study()

    def blink(self) -> None:
        """As Store.blink."""
        found = self._remembering()
        if found is not None:
            found.blink()

    def _begun_to_remember(self) -> PostgresRemembering:
        found = self._remembering()
        if found is None:
            found = self._local.remembering = PostgresRemembering(self._where, self.cache)
            self._all_remembering.append(found)
        return found

    def _remembering(self) -> PostgresRemembering | None:
        found: PostgresRemembering | None = getattr(self._local, "remembering", None)
        return found

    def write(self) -> WriteBlock:
        """As Store.write."""
        return WriteBlock(self)

    def begin_write(self, wait_s: float = WRITE_WAIT_S) -> PostgresBatch:
        """As BatchStore.begin_write."""
        self.enter_thread()
        try:
            return self._writer.begin(wait_s, ended=self.leave_thread)
        except BaseException:
            self.leave_thread()
            raise

    def close(self) -> None:
        """Close all connections that are at rest; a transaction in progress closes its own at its end."""
        self.pool.close()
        for each in self._all_remembering:
            each.close()
        self._writer.close()

    def enter_thread(self) -> None:
        """Refuse a transaction inside a transaction: the two would see different snapshots."""
        if getattr(self._local, "busy", False):
            raise RuntimeError("a transaction is already open on this thread")
        self._local.busy = True

    def leave_thread(self) -> None:
        """Let this thread begin its next transaction."""
        self._local.busy = False

    def disown(self) -> None:
        """In a forked child: as inherited.Inheritable."""
        self.pool.closed = True
        self._writer.closed = True
        for each in self._all_remembering:
            each.closed = True
