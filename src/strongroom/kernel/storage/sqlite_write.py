"""The one writing connection of a process to the embedded store."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import Counter as Counted
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.sql.expression import Executable

from strongroom.base.entropy import Entropy
from strongroom.kernel.storage.cache import Cache, Writing
from strongroom.kernel.storage.changes import owners_changed
from strongroom.kernel.storage.compile import Plan, bind, bind_many
from strongroom.kernel.storage.errors import CommitUnknown, StoreBusy, StoreError, StoreUnavailable
from strongroom.kernel.storage.foresight import Addition, Counter, Footing, Foreseen, LastChanges
from strongroom.kernel.storage.port import Row, Statement
from strongroom.kernel.storage.schema import CONTENT
from strongroom.kernel.storage.sqlite_file import connect, is_busy, is_failing_disk, translated
from strongroom.kernel.storage.sqlite_together import insert_together, update_together

T = TypeVar("T")
_GENERATIONS = "SELECT kind, value FROM kernel_generation WHERE account = ?"
_RAISE = (
    "INSERT INTO kernel_generation (account, kind, value) VALUES (?, ?, ?) "
    "ON CONFLICT (account, kind) DO UPDATE SET value = excluded.value"
)
_CONTENT = "SELECT value FROM kernel_generation WHERE account = ? AND kind = ?"
_CHANGED = "SELECT number, owner FROM kernel_changed WHERE number >= ? ORDER BY number"
_TELL = "INSERT INTO kernel_changed (owner)"
_FORGET = "DELETE FROM kernel_changed WHERE number <= ?"
_MAX_OWNERS = 64
"""Of more in one commit, all is forgotten: to look through a long list costs every reader more."""
_CHANGES_KEPT, _FORGET_EVERY = 1_024, 128
_UNKNOWN: object = object()
# A batch is over within milliseconds: whoever sleeps longer leaves the writer's place empty after it.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.0002, 0.001


class SQLiteWriter:
    """Holds the connection and gives it to one transaction at a time."""

    def __init__(self, path: Path, cache: Cache, entropy: Entropy) -> None:
        self._cache = cache
        self._entropy = entropy
        self._free = threading.Lock()
        self._path = path
        self._connection = self._connect()
        self._changes = LastChanges()
        self.closed = False

    def begin(self, wait_s: float, *, ended: Callable[[], None]) -> SQLiteBatch:
        """Wait for this process's turn, then for the file's; ``ended`` is called when the batch is over."""
        deadline = time.monotonic() + wait_s
        if not self._free.acquire(timeout=wait_s):
            raise StoreBusy(f"the writer's place in this process did not come free in {wait_s:g} s")
        try:
            self._begin_immediate(deadline, wait_s)
        except BaseException:
            self._free.release()
            raise
        ends = self._free.release, ended
        return SQLiteBatch(self._connection, self._cache, self._entropy, ends, self._changes)

    def close(self) -> None:
        """Close the connection; waits, bounded, for a transaction in progress."""
        self.closed = True
        if self._free.acquire(timeout=10):
            self._connection.close()
            self._free.release()

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._path, writing=True)
        # BEGIN IMMEDIATE is asked for by our own short pauses: SQLite's grow to 100 ms, which is a hundred
        # commits.
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    def _begin_immediate(self, deadline: float, wait_s: float) -> None:
        if self.closed:
            raise StoreUnavailable("the store is closed")
        if self._connection.in_transaction:  # left behind by a failed ROLLBACK
            self._connection.close()
            self._connection = self._connect()
        pause = _FIRST_PAUSE_S
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                if not is_busy(error):
                    raise translated(error) from None
            else:
                return
            if time.monotonic() + pause > deadline:
                raise StoreBusy(f"another process kept the writer's place for {wait_s:g} s")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)


class SQLiteBatch:
    """One writing transaction with savepoints, as Batch.

    What was foreseen is played together: it waits until a statement is run, or the commit, and what is alike is then
    one call of SQLite for all. A call's savepoint begins with its first statement: one that was foreseen needs none.
    """

    __slots__ = (
        "_changes",
        "_connection",
        "_content",
        "_cursor",
        "_ended",
        "_entropy",
        "_first",
        "_in_call",
        "_made",
        "_noisy",
        "_numbers",
        "_open",
        "_owners",
        "_played",
        "_played_before",
        "_view",
    )

    writable = True
    memory = None  # what is read among changes is not remembered

    def __init__(
        self,
        connection: sqlite3.Connection,
        cache: Cache,
        entropy: Entropy,
        ended: Sequence[Callable[[], None]],
        changes: LastChanges,
    ) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._entropy = entropy
        self._ended = ended
        self._changes = changes
        self._content: object = _UNKNOWN  # the generation of all rows without owners, as it is committed
        self._open = True
        self._made: set[int] = set()
        self._numbers: dict[tuple[Counter, tuple[tuple[str, Any], ...]], int] = {}  # with what was played
        self._noisy = False
        self._owners: set[int] = set()
        self._played: list[Foreseen] = []  # not yet run
        self._played_before = 0  # how many of them when this call began
        self._first = False  # whether the next statement is this call's first
        self._in_call = False  # whether its savepoint has begun
        self._view = Writing(cache, self._kinds)

    def rows(self, statement: Statement | Executable, /, **values: Any) -> Sequence[Row]:
        """As Transaction.rows."""
        plan, parameters = bind(statement, "sqlite", values)
        if plan.noisy and not self._noisy:
            self._heard(plan, (values,))
        return self._all(plan.sql, parameters)

    def row(self, statement: Statement | Executable, /, **values: Any) -> Row | None:
        """As Transaction.row."""
        plan, parameters = bind(statement, "sqlite", values)
        if plan.noisy and not self._noisy:
            self._heard(plan, (values,))
        found = self._all(plan.sql, parameters)
        return found[0] if found else None

    def run(self, statement: Statement | Executable, /, **values: Any) -> int:
        """As Transaction.run."""
        plan, parameters = bind(statement, "sqlite", values)
        if plan.noisy and not self._noisy:
            self._heard(plan, (values,))
        if plan.returns:
            return len(self._all(plan.sql, parameters))
        return self._execute(plan.sql, parameters).rowcount

    def many(self, statement: Statement, values: Sequence[Mapping[str, Any]], /) -> None:
        """As Transaction.many."""
        if len(values) == 1:
            self.run(statement, **values[0])
        elif values:
            plan, parameters = bind_many(statement, "sqlite", values)
            if plan.noisy and not self._noisy:
                self._heard(plan, values)
            self._begin_call()
            self._sent_many(plan, parameters)

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """As Transaction.attempt. What was learnt or raised in it is forgotten, which is never wrong."""
        self._execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            if self._open:
                self._execute("ROLLBACK TO attempt")
                self._execute("RELEASE attempt")
                self._view.undo()
            raise
        self._execute("RELEASE attempt")

    def raise_generation(self, account: str, kind: str) -> None:
        """As Transaction.raise_generation."""
        if self._view.must_raise(account, kind):
            self._noisy = True
            self._raise(account, kind)

    def _raise(self, account: str, kind: str) -> None:
        drawn = int.from_bytes(self._entropy.take(8), "big") >> 1
        self._execute(_RAISE, (account, kind, drawn))

    def generation(self, account: str, kind: str) -> int | None:
        """As Transaction.generation."""
        return self._view.generation(account, kind)

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """As Transaction.cached."""
        return self._view.cached(account, kind, key, load)

    def foresee(self) -> None:
        """As Transaction.foresee: here everything is as it will be."""

    def play(self, foreseen: Foreseen) -> bool:
        """As Transaction.play."""
        if self._noisy or self._in_call or not self._open or not self._still_holds(foreseen.footing):
            return False
        if len(self._owners) + len(foreseen.owners) > _MAX_OWNERS:
            return False
        if foreseen.additions and not self._may_add(foreseen.additions):
            return False
        self._owners |= foreseen.owners
        self._played.append(foreseen)
        return True

    def _may_add(self, additions: Sequence[Addition]) -> bool:
        """Whether these numbers stay within their limits, those that were played before counted; then these are too."""
        for one in additions:
            name = one.counter, one.which
            if name not in self._numbers:
                plan, parameters = bind(one.counter.told, "sqlite", dict(one.which))
                told = self._sent(plan.sql, parameters).fetchone()
                waiting = sum(each[:2] == name for played in self._played for each in played.additions)
                self._numbers[name] = (told[0] if told else 0) + waiting
            if self._numbers[name] >= one.most:
                return False
        for one in additions:
            self._numbers[one.counter, one.which] += 1
        return True

    def _still_holds(self, footing: Footing) -> bool:
        """Whether what somebody has read is what stands here: committed by nobody since, changed by no call of this
        batch.
        """
        if not self._owners.isdisjoint(footing.owners):
            return False
        if self._content is _UNKNOWN:
            try:
                self._content = self._cursor.execute(_CONTENT, CONTENT).fetchone()
                self._changes.take(self._cursor.execute(_CHANGED, (self._changes.newest,)).fetchall())
            except sqlite3.Error as error:
                raise self._failed(error) from error
        return self._content == footing.content and self._changes.have_left(footing)

    def _run_played(self) -> None:
        """Run what was played, what is alike together. A change that does not change its one row loses the batch:
        then something was not as it was read, which nobody may be told was kept.
        """
        played, self._played = self._played, []
        self._numbers.clear()
        added = Counted((each.counter, each.which) for one in played for each in one.additions)
        alike: dict[tuple[int, ...], list[Foreseen]] = {}
        for one in played:
            alike.setdefault(one.shape, []).append(one)
        for group in alike.values():
            for at, (plan, _) in enumerate(group[0].changes):
                self._change_all(plan, [each for one in group for each in one.changes[at][1]])
        for (counter, which), number in added.items():
            plan, parameters = bind(counter.add, "sqlite", {**dict(which), "number": number})
            self._change_all(plan, [parameters])

    def _change_all(self, plan: Plan, values: Sequence[Sequence[Any]]) -> None:
        try:
            changed = update_together(self._sent, plan, values)
            changed = self._sent_many(plan, values) if changed is None else changed
        except StoreError as error:
            self.rollback()
            raise StoreUnavailable(f"what was foreseen could not be done: {error}") from error
        if changed != len(values):
            self.rollback()
            raise StoreUnavailable("what was foreseen was not there any more")

    def savepoint(self) -> None:
        """As Batch.savepoint."""
        self._still_open()
        self._made.clear()  # what was made may have been taken back
        self._first, self._played_before = True, len(self._played)

    def release(self) -> None:
        """As Batch.release."""
        self._still_open()
        self._first = False
        if self._in_call:
            self._execute("RELEASE call")
            self._in_call = False
        self._view.keep()

    def undo(self) -> None:
        """As Batch.undo."""
        self._still_open()
        self._first = False
        if self._in_call:
            self._execute("ROLLBACK TO call")
            self._execute("RELEASE call")
            self._in_call = False
        else:
            del self._played[self._played_before :]
            self._numbers.clear()
        self._view.undo()

    def commit(self) -> None:
        """As Batch.commit."""
        try:
            if self._played:
                self._run_played()
            if self._noisy:
                self._raise(*CONTENT)
            elif self._owners:
                self._tell_owners()
            self._execute("COMMIT")
        except StoreUnavailable as error:
            self.rollback()
            if isinstance(error.__cause__, sqlite3.Error) and is_failing_disk(error.__cause__):
                # The commit's frames may be on the disk although the sync failed: a crash now could bring
                # them back.
                raise CommitUnknown(str(error), askable=False) from None
            raise
        except BaseException:
            self.rollback()
            raise
        self._end()
        self._view.committed()

    def rollback(self) -> None:
        """As Batch.rollback."""
        if not self._open:
            return
        with contextlib.suppress(sqlite3.Error):  # the writer opens the file anew where this fails
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        self._end()

    def _heard(self, plan: Plan, values: Sequence[Mapping[str, Any]]) -> None:
        """Note whose rows a statement changes, or that nobody knows."""
        owners = owners_changed(plan, values, self._made)
        if owners is None:
            self._noisy = True
            return
        self._owners.update(owners)
        self._noisy = len(self._owners) > _MAX_OWNERS

    def _tell_owners(self) -> None:
        count = len(self._owners)
        told = self._execute(f"{_TELL} VALUES {', '.join(['(?)'] * count)}", tuple(self._owners)).lastrowid or 0
        if told % _FORGET_EVERY < count:
            self._execute(_FORGET, (told - _CHANGES_KEPT,))

    def _end(self) -> None:
        self._open = False
        self._cursor.close()
        for ended in self._ended:
            ended()

    def _still_open(self) -> None:
        if not self._open:
            raise StoreUnavailable("this transaction is over")

    def _execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        self._begin_call()
        return self._sent(sql, parameters)

    def _begin_call(self) -> None:
        """What comes before any statement: what was played, and the savepoint of a call whose first it is."""
        self._still_open()
        if self._played:
            self._run_played()
        if self._first:
            self._first = False
            self._sent("SAVEPOINT call", ())
            self._in_call = True

    def _sent(self, sql: str, parameters: Sequence[Any]) -> sqlite3.Cursor:
        try:
            return self._cursor.execute(sql, parameters)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _sent_many(self, plan: Plan, values: Sequence[Sequence[Any]]) -> int:
        """Run a change with several sets of values; how many rows it has touched."""
        touched = insert_together(self._sent, plan, values)
        if touched is not None:
            return touched
        try:
            return self._cursor.executemany(plan.sql, values).rowcount
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _all(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        cursor = self._execute(sql, parameters)
        try:
            return cursor.fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> Exception:
        # A full disk and the like end the whole transaction by themselves. What follows must not run outside
        # one.
        if not self._connection.in_transaction:
            self.rollback()
        return translated(error)

    def _kinds(self, account: str) -> dict[str, int]:
        return dict(self._all(_GENERATIONS, (account,)))
