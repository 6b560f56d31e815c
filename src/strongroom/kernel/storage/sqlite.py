"""The embedded store: one SQLite file, shared by the processes of one machine.

Every thread reads on a connection of its own, which never writes; so ``PRAGMA data_version`` on it tells,
inside its snapshot, whether anybody committed since. All writes of a process go over one further connection.
Source: sqlite.org, "Write-Ahead Logging" and "PRAGMA data_version".
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy.sql.expression import Executable

from strongroom.base.entropy import Entropy, SystemEntropy
from strongroom.kernel.storage.batch import WRITE_WAIT_S, WriteBlock
from strongroom.kernel.storage.cache import Cache, Reading
from strongroom.kernel.storage.compile import bind
from strongroom.kernel.storage.errors import StoreUnavailable
from strongroom.kernel.storage.port import NeedsWrite, Row, Statement
from strongroom.kernel.storage.sqlite_file import connect, make_private, translated
from strongroom.kernel.storage.sqlite_write import SQLiteBatch, SQLiteWriter

T = TypeVar("T")
_ORPHANS: list[SQLiteStore] = []
_GENERATIONS = "SELECT kind, value FROM kernel_generation WHERE account = ?"


class SQLiteReading:
    """One thread's reading transaction; the object is used again for the thread's next one."""

    __slots__ = ("__weakref__", "_busy", "_connection", "_cursor", "_open", "_stamped", "_store", "_view")

    writable = False

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store
        self._connection = connect(store.path, writing=False)
        self._cursor = self._connection.cursor()
        self._view = Reading(store.cache, partial(_kinds, self._cursor))
        self._busy = False
        self._open = False
        self._stamped = False

    def __enter__(self) -> SQLiteReading:
        if self._busy:
            raise RuntimeError("a transaction is already open on this thread")
        self._busy = True
        if self._store.closed:
            self._busy = False
            raise StoreUnavailable("the store is closed")
        try:
            self._cursor.execute("BEGIN")
        except sqlite3.Error as error:
            self._busy = False
            raise translated(error) from None
        self._open = True
        self._stamped = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        try:
            self._cursor.execute("COMMIT")
        except sqlite3.Error:
            self.discard()  # a connection that cannot end a read is not used again
        finally:
            self._busy = False
        if self._store.closed:
            self.discard()

    def rows(self, statement: Statement | Executable, /, **values: Any) -> Sequence[Row]:
        """As Transaction.rows."""
        cursor = self._run(statement, values)
        try:
            return cursor.fetchall()
        except sqlite3.Error as error:
            raise translated(error) from None

    def row(self, statement: Statement | Executable, /, **values: Any) -> Row | None:
        """As Transaction.row. Rows left unread end with the cursor's next statement, COMMIT at the latest."""
        cursor = self._run(statement, values)
        try:
            found: Row | None = cursor.fetchone()
        except sqlite3.Error as error:
            raise translated(error) from None
        return found

    def run(self, statement: Statement | Executable, /, **values: Any) -> int:  # noqa: ARG002
        """As Transaction.run: a reading transaction refuses."""
        raise NeedsWrite

    def raise_generation(self, account: str, kind: str) -> None:  # noqa: ARG002
        """As Transaction.raise_generation: a reading transaction refuses."""
        raise NeedsWrite

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """As Transaction.cached."""
        if not self._stamped:
            self._stamp()
        return self._view.cached(account, kind, key, load)

    def block(self, blocked: bool) -> None:
        """Refuse reads on this thread while its writing transaction is open."""
        if blocked and self._busy:
            raise RuntimeError("a transaction is already open on this thread")
        self._busy = blocked

    def discard(self) -> None:
        """Close the connection unless its thread is in the middle of a read (which closes it at its end)."""
        if not self._open:
            self._connection.close()
            self._store.forget(self)

    def _run(self, statement: Statement | Executable, values: dict[str, Any]) -> sqlite3.Cursor:
        if not self._open:
            raise RuntimeError("this transaction is over")
        plan, parameters = bind(statement, "sqlite", values)
        if plan.writes:
            raise NeedsWrite
        try:
            return self._cursor.execute(plan.sql, parameters)
        except sqlite3.Error as error:
            raise translated(error) from None

    def _stamp(self) -> None:
        if not self._open:
            raise RuntimeError("this transaction is over")
        try:
            (version,) = self._cursor.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise translated(error) from None
        self._view.begin(version)
        self._stamped = True


def _kinds(cursor: sqlite3.Cursor, account: str) -> dict[str, int]:
    # Apart from the class: a bound method would close a circle that keeps an ended thread's connection open.
    try:
        return dict(cursor.execute(_GENERATIONS, (account,)).fetchall())
    except sqlite3.Error as error:
        raise translated(error) from None


class SQLiteStore:
    """The store in one file. Open it after forking; a forked child's copy refuses to work."""

    engine = "sqlite"
    embedded = True

    def __init__(self, path: str | Path, *, entropy: Entropy | None = None) -> None:
        self.path = Path(path).absolute()
        self.cache = Cache()
        self.closed = False
        make_private(self.path)
        self._local = threading.local()
        self._readings: weakref.WeakSet[SQLiteReading] = weakref.WeakSet()
        self._registering = threading.Lock()
        self._writer = SQLiteWriter(self.path, self.cache, entropy or SystemEntropy())
        _disown_in_children(self)

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})"

    def read(self) -> SQLiteReading:
        """As Store.read."""
        found: SQLiteReading | None = getattr(self._local, "reading", None)
        return found if found is not None else self._new_reading()

    def write(self) -> WriteBlock:
        """As Store.write."""
        return WriteBlock(self)

    def begin_write(self, wait_s: float = WRITE_WAIT_S) -> SQLiteBatch:
        """As BatchStore.begin_write."""
        reading = self.read()
        reading.block(True)
        try:
            return self._writer.begin(wait_s, ended=lambda: reading.block(False))
        except BaseException:
            reading.block(False)
            raise

    def close(self) -> None:
        """Close all connections that are at rest; a read in progress closes its own at its end."""
        self.closed = True
        with self._registering:
            readings = list(self._readings)
        for reading in readings:
            reading.discard()
        self._writer.close()

    def forget(self, reading: SQLiteReading) -> None:
        """Let the thread of a discarded connection open a fresh one."""
        if getattr(self._local, "reading", None) is reading:
            del self._local.reading
        with self._registering:
            self._readings.discard(reading)

    def _new_reading(self) -> SQLiteReading:
        if self.closed:
            raise StoreUnavailable("the store is closed")
        reading = self._local.reading = SQLiteReading(self)
        with self._registering:
            self._readings.add(reading)
        return reading

    def _disown(self) -> None:
        # SQLite connections must not be carried over a fork, not even to close them: they are kept, unused.
        _ORPHANS.append(self)
        self.closed = True
        self._writer.closed = True
        self._registering = threading.Lock()


def _disown_in_children(store: SQLiteStore) -> None:
    reference = weakref.ref(store)

    def disown() -> None:
        found = reference()
        if found is not None:
            found._disown()

    os.register_at_fork(after_in_child=disown)
