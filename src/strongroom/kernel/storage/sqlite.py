"""The embedded store: one SQLite file, shared by the processes of one machine.

Every thread reads on a connection of its own, which never writes; so ``PRAGMA data_version`` on it tells,
inside its snapshot, whether anybody committed since. All writes of a process go over one further connection.

A glance needs no transaction: as long as the WAL-index says that nobody has committed since a known snapshot, what
was read from that one is what would be read now, and a single statement of its own sees the same. Where somebody
commits in the middle, the glance is given up (``SnapshotMoved``) and asked again in a transaction.
Source: sqlite.org, "Write-Ahead Logging" and "PRAGMA data_version".
"""

from __future__ import annotations

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
from strongroom.kernel.storage.foresight import Footing, Foresight
from strongroom.kernel.storage.inherited import disown_in_children
from strongroom.kernel.storage.memory import ANY, Memory, owner_of_row, owner_of_values
from strongroom.kernel.storage.port import NeedsWrite, Row, SnapshotMoved, Statement
from strongroom.kernel.storage.schema import CONTENT
from strongroom.kernel.storage.sqlite_file import connect, make_private, translated
from strongroom.kernel.storage.sqlite_index import WalIndex, close_index, open_index
from strongroom.kernel.storage.sqlite_write import SQLiteBatch, SQLiteWriter
from strongroom.kernel.storage.unchanging import Unchanging

T = TypeVar("T")
_GENERATIONS = "SELECT kind, value FROM kernel_generation WHERE account = ?"
_CONTENT = "SELECT value FROM kernel_generation WHERE account = ? AND kind = ?"
_CHANGED = "SELECT number, owner FROM kernel_changed WHERE number >= ? ORDER BY number"
_NOTHING = object()
_LAST_CHANGED = "SELECT coalesce(max(number), 0) FROM kernel_changed"


class SQLiteReading(Unchanging):
    """One thread's reading transaction; the object is used again for the thread's next one."""

    __slots__ = (
        "__weakref__",
        "_before",
        "_busy",
        "_calm",
        "_connection",
        "_content",
        "_cursor",
        "_glancing",
        "_index",
        "_known",
        "_memory",
        "_open",
        "_read_quiet",
        "_seen",
        "_stamped",
        "_store",
        "_view",
    )

    writable = False

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store
        self._connection = connect(store.path, writing=False)
        self._cursor = self._connection.cursor()
        self._view = Reading(store.cache, partial(_kinds, self._cursor))
        self._busy = False
        self._open = False
        self._stamped = False
        self._calm = False  # no transaction is open: the snapshot known is still the newest
        self._glancing = False
        self._index = _index_of(store.path, self._cursor)
        self._before: bytes | None = None  # the index's header when this transaction began
        self._known: bytes | None = None  # the header of the snapshot that view and rows were read from
        self._memory = Memory()
        # Of the snapshot that the memory is true of: the generation of all tables that are not quiet, and the last
        # change of an owner's rows beyond it.
        self._content: object = _NOTHING
        self._seen = 0
        self._read_quiet = False

    def glancing(self, glancing: bool) -> SQLiteReading:
        """Itself, to be entered as a glance or as a transaction."""
        self._glancing = glancing
        return self

    def __enter__(self) -> SQLiteReading:
        if self._busy:
            raise RuntimeError("a transaction is already open on this thread")
        if self._store.closed:
            raise StoreUnavailable("the store is closed")
        if self._index is not None:
            self._before = self._index.header()
            if self._glancing and self._before == self._known:
                self._busy = self._open = self._calm = self._stamped = True
                return self
        self._busy = True
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
        self._memory.end()
        if self._read_quiet:
            # Something may be remembered now that hangs on a table whose changes nobody looks for.
            self._read_quiet = False
            self._memory.clear()
        if self._calm:
            self._busy = self._calm = False
        else:
            try:
                self._cursor.execute("COMMIT")
            except sqlite3.Error:
                self.discard()  # a connection that cannot end a read is not used again
            finally:
                self._busy = False
        if self._store.closed:
            self.discard()

    @property
    def memory(self) -> Memory | None:
        """As Transaction.memory."""
        if not self._stamped:
            self._stamp()
        return self._memory if self._index is not None else None

    def rows(self, statement: Statement | Executable, /, **values: Any) -> Sequence[Row]:
        """As Transaction.rows."""
        cursor, owned = self._run(statement, values)
        try:
            found = cursor.fetchall()
        except sqlite3.Error as error:
            raise translated(error) from None
        if owned:
            self._memory.reads(owner_of_values(statement, values))
        if self._calm:
            self._still_calm()
        return found

    def row(self, statement: Statement | Executable, /, **values: Any) -> Row | None:
        """As Transaction.row. A row of the snapshot that is known is kept: it holds ciphertext at most."""
        if type(statement) is Statement and statement.passing:
            return self._passing(statement, values)
        key = (statement, *values, *values.values())
        if self._calm:
            kept = self._memory.row(key)
            if kept is not None:
                return kept[0]
        cursor, owned = self._run(statement, values)
        try:
            # All of them: rows left unread would keep a snapshot open. COMMIT ends them otherwise.
            found: Row | None = _first(cursor.fetchall()) if self._calm else cursor.fetchone()
        except sqlite3.Error as error:
            raise translated(error) from None
        owner = owner_of_row(statement, values, found) if owned else None
        if owner is not None:
            self._memory.reads(owner)
        if self._calm:
            self._still_calm()
            self._memory.keep(key, found, owner)
        return found

    def _passing(self, statement: Statement, values: dict[str, Any]) -> Row | None:
        """As ``row``, of what is not kept. All in one, for it is most of what a read costs that nothing is known of."""
        plan, parameters = bind(statement, "sqlite", values)
        if not self._open or plan.writes:
            self._run(statement, values)  # which refuses
        if plan.reads_quiet:
            self._read_quiet = True
        try:
            rows = self._cursor.execute(plan.sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise translated(error) from None
        found: Row | None = rows[0] if rows else None
        if plan.reads_owned:
            self._memory.reads(owner_of_row(statement, values, found))
        if self._calm:
            self._still_calm()
        return found

    def row_unkept(self, statement: Statement | Executable, /, **values: Any) -> Row | None:
        """As ``row``, of what is about to be changed: it is not kept."""
        cursor, owned = self._run(statement, values)
        try:
            found = _first(cursor.fetchall())
        except sqlite3.Error as error:
            raise translated(error) from None
        if owned:
            self._memory.reads(owner_of_row(statement, values, found))
        if self._calm:
            self._still_calm()
        return found

    def generation(self, account: str, kind: str) -> int | None:
        """As Transaction.generation."""
        if not self._stamped:
            self._stamp()
        return self._view.generation(account, kind)

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """As Transaction.cached."""
        if not self._stamped:
            self._stamp()
        return self._view.cached(account, kind, key, load)

    def foresee(self) -> Foresight | None:
        """As Transaction.foresee."""
        return None if self._index is None else Foresight(self, "sqlite")

    def footing(self) -> Footing | None:
        """What all that this transaction has read hangs on; None where nobody can tell."""
        if not self._stamped:
            self._stamp()
        owners = self._memory.owners
        if self._index is None or self._read_quiet or ANY in owners:
            return None
        return Footing(self._content, self._seen, owners)

    def block(self, blocked: bool) -> None:
        """Refuse reads on this thread while its writing transaction is open."""
        if blocked and self._busy:
            raise RuntimeError("a transaction is already open on this thread")
        self._busy = blocked

    def discard(self) -> None:
        """Close the connection unless its thread is in the middle of a read (which closes it at its end)."""
        if not self._open:
            self._connection.close()
            self._known = None
            self._memory.clear()
            self._store.forget(self)
            index, self._index = self._index, None
            if index is not None:
                close_index(index, nothing_open=self._store.nothing_open)

    def _run(self, statement: Statement | Executable, values: dict[str, Any]) -> tuple[sqlite3.Cursor, bool]:
        """The cursor, and whether rows that have owners are read."""
        if not self._open:
            raise RuntimeError("this transaction is over")
        plan, parameters = bind(statement, "sqlite", values)
        if plan.writes:
            raise NeedsWrite
        if plan.reads_quiet:
            self._read_quiet = True
        try:
            return self._cursor.execute(plan.sql, parameters), plan.reads_owned
        except sqlite3.Error as error:
            raise translated(error) from None

    def _stamp(self) -> None:
        if not self._open:
            raise RuntimeError("this transaction is over")
        try:
            (version,) = self._cursor.execute("PRAGMA data_version").fetchone()
            if self._index is not None:
                self._catch_up()
        except sqlite3.Error as error:
            raise translated(error) from None
        self._view.begin(version)
        self._stamped = True
        if self._index is not None:
            # The snapshot was taken between two equal headers, so it is theirs; else nobody knows whose it is.
            now = self._index.header()
            self._known = now if now == self._before else None

    def _catch_up(self) -> None:
        """Forget what was changed between the snapshot that the memory is true of and this one."""
        execute = self._cursor.execute
        content = execute(_CONTENT, CONTENT).fetchone()
        changes = execute(_CHANGED, (self._seen,)).fetchall()
        # The last one that was seen leads the new ones, or some in between may have been forgotten.
        if self._seen:
            whole, new = bool(changes) and changes[0][0] == self._seen, changes[1:]
        else:
            whole, new = not changes or changes[0][0] == 1, changes
        if whole and content == self._content:
            if new:
                self._memory.changed([owner for _, owner in new])
                self._seen = new[-1][0]
            return
        self._memory.clear()
        self._content = content
        (self._seen,) = execute(_LAST_CHANGED).fetchone()

    def _still_calm(self) -> None:
        """Nobody had committed when the last statement took its snapshot. Raises SnapshotMoved."""
        if self._index is None or self._index.header() != self._known:
            raise SnapshotMoved


def _first(rows: Sequence[Row]) -> Row | None:
    return rows[0] if rows else None


def _index_of(path: Path, cursor: sqlite3.Cursor) -> WalIndex | None:
    try:
        cursor.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # there is no index before the first read
    except sqlite3.Error as error:
        raise translated(error) from None
    index = open_index(path)
    if index is not None and not index.understood:
        close_index(index, nothing_open=False)
        return None
    return index


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
        disown_in_children(self)

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})"

    def read(self) -> SQLiteReading:
        """As Store.read."""
        return self._reading().glancing(False)

    def glance(self) -> SQLiteReading:
        """As Store.glance."""
        return self._reading().glancing(True)

    def look(self) -> None:
        """As Store.look: a glance here sees for itself what has changed."""

    def study(self) -> None:
        """As Store.study: there is nothing to be saved."""

    def blink(self) -> None:
        """As Store.blink."""

    def write(self) -> WriteBlock:
        """As Store.write."""
        return WriteBlock(self)

    def begin_write(self, wait_s: float = WRITE_WAIT_S) -> SQLiteBatch:
        """As BatchStore.begin_write."""
        reading = self._reading()
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
        self._writer.close()
        for reading in readings:
            reading.discard()

    def forget(self, reading: SQLiteReading) -> None:
        """Let the thread of a discarded connection open a fresh one."""
        if getattr(self._local, "reading", None) is reading:
            del self._local.reading
        with self._registering:
            self._readings.discard(reading)

    @property
    def nothing_open(self) -> bool:
        """Whether no connection of this store is left."""
        with self._registering:
            return self.closed and not self._readings

    def _reading(self) -> SQLiteReading:
        found: SQLiteReading | None = getattr(self._local, "reading", None)
        return found if found is not None else self._new_reading()

    def _new_reading(self) -> SQLiteReading:
        if self.closed:
            raise StoreUnavailable("the store is closed")
        reading = self._local.reading = SQLiteReading(self)
        with self._registering:
            self._readings.add(reading)
        return reading

    def disown(self) -> None:
        """In a forked child: as inherited.Inheritable."""
        self.closed = True
        self._writer.closed = True
        self._registering = threading.Lock()
