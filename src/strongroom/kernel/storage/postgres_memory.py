"""A thread that reads PostgreSQL and remembers: one look at the database tells how much of it still holds.

A look is one statement: the generations, and whose rows were changed since the last one. What is remembered is then
true of the snapshot of that look, and a glance behind it answers from memory alone; what is not there raises
``SnapshotMoved``, and is read in a transaction, which looks for itself and remembers what it reads.
Writers take turns in the whole database (postgres.py), so changes become visible in the order of their numbers.
Source: docs/decisions/0063-remembering-on-postgresql.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

import psycopg
from sqlalchemy.sql.expression import Executable

from strongroom.kernel.storage.cache import Cache, Reading
from strongroom.kernel.storage.compile import bind
from strongroom.kernel.storage.errors import StoreUnavailable
from strongroom.kernel.storage.memory import Memory, owner_of_row, owner_of_values
from strongroom.kernel.storage.port import NeedsWrite, Row, SnapshotMoved, Statement
from strongroom.kernel.storage.postgres_connection import connect, translated
from strongroom.kernel.storage.postgres_values import received, sent
from strongroom.kernel.storage.schema import CONTENT
from strongroom.kernel.storage.unchanging import Unchanging

T = TypeVar("T")
_GENERATIONS = "SELECT kind, value FROM kernel_generation WHERE account = %s"
_LOOK = (
    "SELECT kind, value, NULL::bigint FROM kernel_generation WHERE account = '' "
    "UNION ALL SELECT NULL, number, owner FROM kernel_changed WHERE number >= %s"
)
_MISSED_AT_MOST = 256
_SURELY_KEPT = 1_000
_NOTHING = object()
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresRemembering(Unchanging):
    """One thread's reading transactions and glances, with what it remembers; entered again for each."""

    __slots__ = (
        "_cache",
        "_calm",
        "_content",
        "_cursor",
        "_glancing",
        "_held",
        "_looked",
        "_memory",
        "_missed",
        "_open",
        "_raw",
        "_read_quiet",
        "_seen",
        "_view",
        "_where",
        "closed",
    )

    writable = False

    def __init__(self, where: str, cache: Cache) -> None:
        self._where = where
        self._cache = cache
        self._raw: psycopg.Connection[Any] | None = None
        self._cursor: psycopg.Cursor[Any] | None = None
        self._memory = Memory(at_once=True)
        # What glances have asked for in vain: statement and values, as they are and as the driver takes them.
        self._missed: dict[Hashable, tuple[Statement | Executable, dict[str, Any], str, list[Any]]] = {}
        self._view = Reading(cache, self._kinds)
        self._content: object = _NOTHING
        self._seen = 0
        self._looked = False  # a look has told what is true now, and nothing was asked of the database since
        self._glancing = self._calm = self._held = self._open = self._read_quiet = False
        self.closed = False

    def look(self) -> None:
        """Ask what has changed: glances from here on are as of now, until ``blink``. Raises what ``read`` does."""
        self._looked = False
        try:
            self._catch_up(self._connected())
        except psycopg.Error as error:
            self.discard()
            raise translated(error) from None
        self._looked = True

    def study(self) -> None:
        """Read together what glances had to ask for, in one transaction for all until ``blink``; glances go on, as of
        its snapshot. Raises what ``read`` does.
        """
        if not self._held:
            self._begin()
            self._held = self._looked = True
        missed, self._missed = self._missed, {}
        if self._raw is None or not missed:
            return
        try:
            cursors = [self._raw.cursor() for _ in missed]
            with self._raw.pipeline():
                for cursor, (_, _, sql, parameters) in zip(cursors, missed.values(), strict=True):
                    cursor.execute(sql, parameters)
            found = [received(cursor.fetchall()) for cursor in cursors]
        except psycopg.Error as error:
            raise self._failed(error) from None
        for rows, (key, (statement, values, *_)) in zip(found, missed.items(), strict=True):
            self._keep(key, statement, values, rows)

    def blink(self) -> None:
        """What was looked at is over: a glance is a transaction again."""
        self._looked = False
        self._missed = {}
        if self._held:
            self._held = False
            self._commit()

    def glancing(self, glancing: bool) -> PostgresRemembering:
        """Itself, to be entered as a glance or as a transaction."""
        self._glancing = glancing
        return self

    def __enter__(self) -> PostgresRemembering:
        if self._open:
            raise RuntimeError("a transaction is already open on this thread")
        if self.closed:
            raise StoreUnavailable("the store is closed")
        if self._glancing and self._looked:
            self._open = self._calm = True
            return self
        if not self._held:
            self._begin()
        self._open = True
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
            self._calm = False
        elif not self._held:
            self._commit()
        if self.closed:
            self.discard()

    @property
    def memory(self) -> Memory:
        """As Transaction.memory."""
        return self._memory

    def rows(self, statement: Statement | Executable, /, **values: Any) -> Sequence[Row]:
        """As Transaction.rows."""
        found, owned = self._read(statement, values)
        if owned:
            self._memory.reads(owner_of_values(statement, values))
        return found

    def row(self, statement: Statement | Executable, /, **values: Any) -> Row | None:
        """As Transaction.row. A row of the snapshot that is known is kept: it holds ciphertext at most."""
        key = (statement, *values, *values.values())
        kept = self._memory.row(key)
        if kept is not None:
            return kept[0]
        if self._calm and len(self._missed) < _MISSED_AT_MOST:
            plan, parameters = bind(statement, "postgresql", values)
            if not (plan.writes or plan.reads_quiet):
                self._missed[key] = statement, values, plan.sql, sent(parameters)
        rows, _ = self._read(statement, values)
        owner = self._keep(key, statement, values, rows)
        if owner is not None:
            self._memory.reads(owner)
        return rows[0] if rows else None

    def foresee(self) -> None:
        """As Transaction.foresee: its writers could not tell whether it still holds."""

    def generation(self, account: str, kind: str) -> int | None:
        """As Transaction.generation."""
        if not self._open:
            raise RuntimeError("this transaction is over")
        return self._view.generation(account, kind)

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """As Transaction.cached."""
        if not self._open:
            raise RuntimeError("this transaction is over")
        return self._view.cached(account, kind, key, load)

    def close(self) -> None:
        """Give the connection back, at the end of the transaction if one is open."""
        self.closed = True
        if not self._open:
            self.discard()

    def discard(self) -> None:
        """Give the connection back to the server, and forget what was read over it."""
        raw, self._raw, self._cursor = self._raw, None, None
        if raw is not None:
            raw.close()
        self._looked = self._held = False
        self._memory.clear()

    def _keep(
        self, key: Hashable, statement: Statement | Executable, values: dict[str, Any], rows: Sequence[Row]
    ) -> int | None:
        """Keep the first row of a statement; whose it is."""
        plan, _ = bind(statement, "postgresql", values)
        found = rows[0] if rows else None
        owner = owner_of_row(statement, values, found) if plan.reads_owned else None
        self._memory.keep(key, found, owner)
        return owner

    def _begin(self) -> None:
        try:
            cursor = self._connected()
            cursor.execute(_BEGIN)
            self._catch_up(cursor)
        except psycopg.Error as error:
            self.discard()
            raise translated(error) from None

    def _commit(self) -> None:
        try:
            if self._cursor is not None:
                self._cursor.execute("COMMIT")
        except psycopg.Error:
            self.discard()

    def _connected(self) -> psycopg.Cursor[Any]:
        if self.closed:
            raise StoreUnavailable("the store is closed")
        if self._raw is None or self._cursor is None or self._raw.closed:
            self.discard()
            self._raw = connect(self._where)
            self._cursor = self._raw.cursor()
        return self._cursor

    def _read(self, statement: Statement | Executable, values: dict[str, Any]) -> tuple[Sequence[Row], bool]:
        """The rows, and whether such are read that have owners."""
        if not self._open or self._cursor is None:
            raise RuntimeError("this transaction is over")
        plan, parameters = bind(statement, "postgresql", values)
        if plan.writes:
            raise NeedsWrite
        if self._calm:
            raise SnapshotMoved
        if plan.reads_quiet:
            self._read_quiet = True
        try:
            return received(self._cursor.execute(plan.sql, sent(parameters)).fetchall()), plan.reads_owned
        except psycopg.Error as error:
            raise self._failed(error) from None

    def _kinds(self, account: str) -> Mapping[str, int]:
        if self._calm or self._cursor is None:
            raise SnapshotMoved
        try:
            return dict(self._cursor.execute(_GENERATIONS, (account,)).fetchall())
        except psycopg.Error as error:
            raise self._failed(error) from None

    def _catch_up(self, cursor: psycopg.Cursor[Any]) -> None:
        """Forget what was changed between the snapshot that the memory is true of and that of this statement."""
        generations: dict[str, int] = {}
        changes: list[tuple[int, int]] = []
        for kind, value, owner in cursor.execute(_LOOK, (self._seen,)).fetchall():
            if owner is None:
                generations[kind] = value
            else:
                changes.append((value, owner))
        changes.sort()
        self._view.begin(generations.get(""))
        content = generations.get(CONTENT[1])
        # The last one that was seen leads the new ones, or some in between may have been forgotten, or lost with a
        # database that another has taken the place of.
        if self._seen:
            whole, new = bool(changes) and changes[0][0] == self._seen, changes[1:]
        else:  # there was none at all: these are all that there were, while none was dropped
            whole, new = len(changes) < _SURELY_KEPT, changes
        if whole and content == self._content:
            if new:
                self._memory.changed([owner for _, owner in new])
                self._seen = new[-1][0]
            return
        self._memory.clear()
        self._content = content
        # A later number than this snapshot's would hide what stands between: the list of this very statement.
        self._seen = changes[-1][0] if changes else 0

    def _failed(self, error: psycopg.Error) -> Exception:
        # The transaction has failed with its statement: what follows begins one of its own, on a new connection.
        self.discard()
        return translated(error)
