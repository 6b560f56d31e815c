"""A thread that reads PostgreSQL and remembers: one look at the database tells how much of it still holds.

A look is one statement: the generations, and whose rows were changed since the last one. What is remembered is then
true of the snapshot of that look, and a glance behind it answers from memory alone; what is not there raises
``SnapshotMoved``, and is read in a transaction, which looks for itself and remembers what it reads.
Writers take turns in the whole database (postgres.py), so changes become visible in the order of their numbers.
Source: docs/decisions/0063-remembering-on-postgresql.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
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

T = TypeVar("T")
_GENERATIONS = "SELECT kind, value FROM kernel_generation WHERE account = %s"
_LOOK = (
    "SELECT kind, value, NULL::bigint FROM kernel_generation WHERE account = '' "
    "UNION ALL SELECT NULL, number, owner FROM kernel_changed WHERE number >= %s"
)
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresRemembering:
    """One thread's reading transactions and glances, with what it remembers; entered again for each."""

    __slots__ = (
        "_cache",
        "_calm",
        "_content",
        "_cursor",
        "_glancing",
        "_looked",
        "_memory",
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
        self._view = Reading(cache, self._kinds)
        self._content: object = None
        self._seen = 0
        self._looked = False  # a look has told what is true now, and nothing was asked of the database since
        self._glancing = self._calm = self._open = self._read_quiet = False
        self.closed = False

    def look(self) -> None:
        """Ask what has changed: glances from here on are as of now, until ``blink``. Raises what ``read`` does."""
        self._looked = False
        try:
            self._catch_up(self._connected())
        except psycopg.Error as error:
            raise self._failed(error) from None
        self._looked = True

    def blink(self) -> None:
        """What was looked at is over: a glance is a transaction again."""
        self._looked = False

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
        try:
            cursor = self._connected()
            cursor.execute(_BEGIN)
            self._catch_up(cursor)
        except psycopg.Error as error:
            raise self._failed(error) from None
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
            return
        try:
            if self._cursor is not None:
                self._cursor.execute("COMMIT")
        except psycopg.Error:
            self.discard()
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
        rows, owned = self._read(statement, values)
        found = rows[0] if rows else None
        owner = owner_of_row(statement, values, found) if owned else None
        if owner is not None:
            self._memory.reads(owner)
        self._memory.keep(key, found, owner)
        return found

    def run(self, statement: Statement | Executable, /, **values: Any) -> int:  # noqa: ARG002
        """As Transaction.run: a reading transaction refuses."""
        raise NeedsWrite

    def many(self, statement: Statement, values: Sequence[Mapping[str, Any]], /) -> None:  # noqa: ARG002
        """As Transaction.many: a reading transaction refuses."""
        raise NeedsWrite

    def attempt(self) -> AbstractContextManager[None]:
        """As Transaction.attempt: a reading transaction refuses."""
        raise NeedsWrite

    def raise_generation(self, account: str, kind: str) -> None:  # noqa: ARG002
        """As Transaction.raise_generation: a reading transaction refuses."""
        raise NeedsWrite

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
        self._looked = False
        self._memory.clear()

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
        whole = bool(changes) and changes[0][0] == self._seen if self._seen else not changes
        if whole and content == self._content:
            if len(changes) > 1:
                self._memory.changed([owner for _, owner in changes[1:]])
                self._seen = changes[-1][0]
            return
        self._memory.clear()
        self._content = content
        # A later number than this snapshot's would hide what stands between: the list of this very statement.
        self._seen = changes[-1][0] if changes else 0

    def _failed(self, error: psycopg.Error) -> Exception:
        if self._raw is None or self._raw.closed:
            self.discard()
        return translated(error)
