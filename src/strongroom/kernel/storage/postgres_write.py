"""The one writing connection of a process to PostgreSQL, and the lock that makes it the only one anywhere."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy.sql.expression import Executable

from strongroom.base.entropy import Entropy
from strongroom.kernel.storage.cache import Cache, Writing
from strongroom.kernel.storage.changes import Changes
from strongroom.kernel.storage.compile import bind, bind_many
from strongroom.kernel.storage.errors import CommitUnknown, StoreBusy, StoreUnavailable
from strongroom.kernel.storage.foresight import Foreseen
from strongroom.kernel.storage.port import Row, Statement
from strongroom.kernel.storage.postgres_connection import LOCK, connect, translated
from strongroom.kernel.storage.postgres_values import received, sent
from strongroom.kernel.storage.schema import CONTENT

T = TypeVar("T")
_PAUSE_S = 0.1
_GENERATIONS = "SELECT kind, value FROM kernel_generation WHERE account = %s"
# READ COMMITTED, so that every statement sees what was committed before the lock was given to us.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {}; SELECT pg_advisory_xact_lock({})"
_RAISE = (
    "INSERT INTO kernel_generation (account, kind, value) VALUES (%s, %s, %s), ('', '', %s) "
    "ON CONFLICT (account, kind) DO UPDATE SET value = excluded.value"
)
_RELEASE = "RELEASE SAVEPOINT call; "
_RAISE_CONTENT = (
    "INSERT INTO kernel_generation (account, kind, value) VALUES ('{}', '{}', {}) "
    "ON CONFLICT (account, kind) DO UPDATE SET value = excluded.value; "
)
# Numbers go up by steps that are drawn: where a lagging replica takes over, one that was lost never comes again.
_TELL = (
    "INSERT INTO kernel_changed (number, owner) SELECT {} + told.place + coalesce((SELECT max(number) FROM "
    "kernel_changed), 0), told.owner FROM (VALUES {}) AS told (place, owner); "
)
_FORGET = (
    "DELETE FROM kernel_changed WHERE number <= "
    "(SELECT number FROM kernel_changed ORDER BY number DESC OFFSET {} LIMIT 1); "
)
_STEP_BITS = 24
_CHANGES_KEPT, _FORGET_EVERY = 1_024, 128


class PostgresWriter:
    """Holds the connection, opened when it is first needed, and gives it to one transaction at a time."""

    def __init__(self, where: str, cache: Cache, entropy: Entropy) -> None:
        self._where = where
        self._cache = cache
        self._entropy = entropy
        self._free = threading.Lock()
        self._raw: psycopg.Connection[Row] | None = None
        self.closed = False

    def begin(self, wait_s: float, *, ended: Callable[[], None]) -> PostgresBatch:
        """Wait for this process's turn and then for the lock; ``ended`` is called when the batch is over.

        A server that restarts is waited for within the same bound: nothing has been done yet.
        """
        deadline = time.monotonic() + wait_s
        if not self._free.acquire(timeout=wait_s):
            raise StoreBusy(f"the writer's place in this process did not come free in {wait_s:g} s")
        try:
            while True:
                try:
                    raw = self._begun(max(deadline - time.monotonic(), _PAUSE_S))
                    break
                except StoreUnavailable:
                    if self.closed or time.monotonic() + _PAUSE_S > deadline:
                        raise
                    time.sleep(_PAUSE_S)
        except BaseException:
            self._free.release()
            raise
        return PostgresBatch(raw, self._cache, self._entropy, (self._free.release, ended))

    def close(self) -> None:
        """Close the connection; waits, bounded, for a transaction in progress."""
        self.closed = True
        if self._free.acquire(timeout=10):
            if self._raw is not None:
                self._raw.close()
            self._free.release()

    def _begun(self, wait_s: float) -> psycopg.Connection[Row]:
        if self.closed:
            raise StoreUnavailable("the store is closed")
        raw = self._raw
        if raw is None or raw.closed:
            raw = self._raw = connect(self._where)
        try:
            raw.execute(_BEGIN.format(int(wait_s * 1000), LOCK))
        except psycopg.Error as error:
            raw.close()  # rather than wonder what state it is in
            failed = translated(error)
            if isinstance(failed, StoreBusy):
                failed = StoreBusy(f"another process or node kept the writer's place for {wait_s:.1f} s")
            raise failed from None
        except BaseException:
            raw.close()
            raise
        return raw


class PostgresBatch:
    """One writing transaction with savepoints, as Batch."""

    __slots__ = ("_changes", "_cursor", "_ended", "_entropy", "_lost", "_open", "_owed", "_raw", "_view")

    writable = True
    memory = None  # what is read among changes is not remembered

    def __init__(
        self,
        raw: psycopg.Connection[Row],
        cache: Cache,
        entropy: Entropy,
        ended: Sequence[Callable[[], None]],
    ) -> None:
        self._raw = raw
        self._cursor = raw.cursor()
        self._entropy = entropy
        self._ended = ended
        self._open = True
        self._changes = Changes()
        self._lost = False
        self._owed = ""  # a RELEASE that travels with the next message, one round trip saved a call
        self._view = Writing(cache, self._kinds)

    def rows(self, statement: Statement | Executable, /, **values: Any) -> Sequence[Row]:
        """As Transaction.rows."""
        plan, parameters = bind(statement, "postgresql", values)
        self._changes.heard(plan, (values,))
        return received(self._execute(plan.sql, sent(parameters)).fetchall())

    def row(self, statement: Statement | Executable, /, **values: Any) -> Row | None:
        """As Transaction.row."""
        found = self.rows(statement, **values)
        return found[0] if found else None

    def run(self, statement: Statement | Executable, /, **values: Any) -> int:
        """As Transaction.run."""
        plan, parameters = bind(statement, "postgresql", values)
        self._changes.heard(plan, (values,))
        return self._execute(plan.sql, sent(parameters)).rowcount

    def many(self, statement: Statement, values: Sequence[Mapping[str, Any]], /) -> None:
        """As Transaction.many: all sets travel together."""
        if not values:
            return
        plan, parameters = bind_many(statement, "postgresql", values)
        self._changes.heard(plan, values)
        if self._owed:
            self._say("")
        each = [sent(one) for one in parameters]
        self._sent(lambda: self._cursor.executemany(plan.sql, each))

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """As Transaction.attempt. What was learnt or raised in it is forgotten, which is never wrong."""
        self._say("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            if self._open and not self._lost:
                self._say("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt")
                self._view.undo()
            raise
        self._say("RELEASE SAVEPOINT attempt")

    def raise_generation(self, account: str, kind: str) -> None:
        """As Transaction.raise_generation."""
        if self._view.must_raise(account, kind):
            drawn = self._drawn(63)
            self._changes.of_all = True
            self._execute(_RAISE, [account, kind, drawn, drawn])

    def foresee(self) -> None:
        """As Transaction.foresee: others may commit unseen."""

    def play(self, foreseen: Foreseen) -> bool:  # noqa: ARG002
        """As Transaction.play: nobody can tell whether it still holds."""
        return False

    def generation(self, account: str, kind: str) -> int | None:
        """As Transaction.generation."""
        return self._view.generation(account, kind)

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """As Transaction.cached."""
        return self._view.cached(account, kind, key, load)

    def savepoint(self) -> None:
        """As Batch.savepoint."""
        self._changes.call_begins()
        self._say("SAVEPOINT call")

    def release(self) -> None:
        """As Batch.release."""
        self._owed = _RELEASE
        self._view.keep()

    def undo(self) -> None:
        """As Batch.undo."""
        self._say("ROLLBACK TO SAVEPOINT call; RELEASE SAVEPOINT call")
        self._view.undo()

    def commit(self) -> None:
        """As Batch.commit."""
        try:
            cursor = self._say(self._told() + "COMMIT")
        except StoreUnavailable as error:
            # Once COMMIT was sent on a connection that is now gone, only the database knows.
            self.rollback()
            if self._lost:
                raise CommitUnknown(str(error), askable=True) from None
            raise
        except BaseException:
            self.rollback()
            raise
        while cursor.nextset():
            pass
        if cursor.statusmessage != "COMMIT":  # what PostgreSQL answers where a statement had failed before
            self.rollback()
            raise StoreUnavailable("the transaction had failed before its COMMIT; nothing was kept")
        self._end()
        self._view.committed()

    def rollback(self) -> None:
        """As Batch.rollback."""
        if not self._open:
            return
        try:
            self._raw.execute("ROLLBACK")
        except psycopg.Error:
            self._raw.close()
        self._end()

    def _told(self) -> str:
        """The statements, of numbers alone, that tell readers what this commit has changed."""
        if self._raw.info.transaction_status is TransactionStatus.INERROR:
            return ""  # a statement had failed: COMMIT will be answered so, and anything else before it refused
        if self._changes.of_all:
            return _RAISE_CONTENT.format(*CONTENT, self._drawn(63))
        owners = self._changes.owners
        if not owners:
            return ""
        told = ", ".join(f"({place}, {int(owner)})" for place, owner in enumerate(owners, 1))
        forget = _FORGET.format(_CHANGES_KEPT) if self._drawn(16) % _FORGET_EVERY < len(owners) else ""
        return _TELL.format(self._drawn(_STEP_BITS), told) + forget

    def _drawn(self, bits: int) -> int:
        return int.from_bytes(self._entropy.take(8), "big") >> (64 - bits)

    def _end(self) -> None:
        self._open = False
        for ended in self._ended:
            ended()

    def _say(self, words: str) -> psycopg.Cursor[Row]:
        """Send statements without values, after what is owed, in one message."""
        owed, self._owed = self._owed, ""
        return self._send(owed + words, None)

    def _execute(self, sql: str, parameters: list[Any]) -> psycopg.Cursor[Row]:
        if self._owed:
            self._say("")
        return self._send(sql, parameters)

    def _send(self, sql: str, parameters: list[Any] | None) -> psycopg.Cursor[Row]:
        return self._sent(lambda: self._cursor.execute(sql, parameters))

    def _sent(self, send: Callable[[], T]) -> T:
        if not self._open:
            raise StoreUnavailable("this transaction is over")
        try:
            return send()
        except psycopg.Error as error:
            raise self._failed(error) from None

    def _failed(self, error: psycopg.Error) -> Exception:
        self._lost = self._raw.closed
        return StoreUnavailable("the connection to the database was lost") if self._lost else translated(error)

    def _kinds(self, account: str) -> dict[str, int]:
        return dict(self._execute(_GENERATIONS, [account]).fetchall())
