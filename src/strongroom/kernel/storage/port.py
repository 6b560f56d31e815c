"""The store as the rooms see it: rows in transactions. Nothing here knows what a row means.

The store is untrusted with respect to secrecy: whatever must be sealed is ciphertext before it comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import FunctionType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from sqlalchemy.sql.expression import Executable

from strongroom.kernel.storage.upsert import Upsert

if TYPE_CHECKING:  # it is made of statements itself
    from strongroom.kernel.storage.foresight import Foreseen, Foresight

Row = tuple[Any, ...]
T = TypeVar("T")


class Statement:
    """One SQLAlchemy Core statement, compiled once an engine and then run through the driver itself.

    Core costs about 50 us a statement, the compiled text 15 (facts: performance).
    Values are given by name with ``bindparam("name")``; module-level constants are the normal use, and say what they
    are made of in a function, so that a start does not wait for hundreds of which it needs a few::

        _BY_NAME = Statement(lambda: select(secret.c.pk).where(secret.c.name == bindparam("name")))
        tx.row(_BY_NAME, name="db")
    """

    __slots__ = ("_construct", "compiled", "named_by", "owner", "passing")

    def __init__(
        self,
        construct: Executable | Upsert | Callable[[], Executable | Upsert],
        *,
        owner: str | int | None = None,
        passing: bool = False,
        named_by: tuple[str, ...] = (),
    ) -> None:
        """``owner``: of a SELECT from tables whose rows belong to one thing each (schema.of_one), that it reads no rows
        but one owner's: the value that names it, or the place of its number in the one row that is answered, which
        must be found by what is unique and never changes. None: nobody knows. ``passing``: its rows are not worth
        keeping, because what they lead to is. ``named_by``: of a SELECT of an owner by its name alone, the values that
        are the name, in the order of the table's (schema.of_one).
        """
        self._construct = construct
        self.compiled: dict[str, Any] = {}
        self.owner = owner
        self.named_by = named_by
        self.passing = passing

    @property
    def construct(self) -> Executable | Upsert:
        """What it is made of; made at the first question, by each thread that asks then."""
        if isinstance(self._construct, FunctionType):
            self._construct = self._construct()
        return cast("Executable | Upsert", self._construct)


class NeedsWrite(Exception):  # noqa: N818  a signal, not an error
    """A reading call found that it must write (a day's first read, a key made on first use).

    The dispatcher throws the attempt away, with everything it would have recorded, and runs the call again
    through the write queue.
    """


class SnapshotMoved(Exception):  # noqa: N818  a signal, not an error
    """Somebody committed during a glance: what it has read so far is to be thrown away and read again."""


class Notes(Protocol):
    """What callers remember of a snapshot, by questions. Bounded. Forgotten when anything changes that was read in the
    transactions in which a note was put or added to.
    """

    def get(self, question: Hashable, /) -> Any:
        """The note under a question, or None."""
        ...

    def put(self, question: Hashable, note: Any, /) -> None:
        """Keep a note."""
        ...

    def met(self, question: Hashable, /) -> bool:
        """Whether a question is worth a note: it was lately asked before, as far as is known. From now on it was."""
        ...

    def again(self, question: Hashable, /) -> None:
        """Say that something may be added to a note in this transaction."""
        ...

    def apart(self) -> Any:
        """Begin a part of this transaction: what is noted in it hangs on what is read in it alone. For questions that
        name all that they take from what was read before.
        """
        ...

    def together(self, before: Any, /) -> None:
        """End the part that answered ``before``."""
        ...

    @property
    def owners(self) -> frozenset[int]:
        """Whose rows the part that goes on has read so far."""
        ...

    def put_of(self, owners: Iterable[int], question: Hashable, note: Any, /) -> None:
        """As ``put``, of a note that hangs on these owners alone."""
        ...


class Transaction(Protocol):
    """One snapshot of the store, and, where ``writable``, the changes of one call on top of it."""

    @property
    def writable(self) -> bool:
        """Whether this transaction may change rows."""
        ...

    @property
    def memory(self) -> Notes | None:
        """What callers may remember of this very snapshot; of this thread alone. None where nobody tells of changes."""
        ...

    def rows(self, statement: Statement | Executable, /, **values: Any) -> Sequence[Row]:
        """All rows of a statement, as plain tuples in column order."""
        ...

    def row(self, statement: Statement | Executable, /, **values: Any) -> Row | None:
        """The first row, or None."""
        ...

    def run(self, statement: Statement | Executable, /, **values: Any) -> int:
        """Run a change; answers how many rows it touched. Raises NeedsWrite in a reading transaction."""
        ...

    def many(self, statement: Statement, values: Sequence[Mapping[str, Any]], /) -> None:
        """Run one change once for each of several sets of values, which name the same columns; for none, nothing.

        It cannot answer rows, nor take lists. Raises NeedsWrite in a reading transaction.
        """
        ...

    def attempt(self) -> AbstractContextManager[None]:
        """A part of a call that may fail by itself: where the block raises, its changes are taken back, and no others.

        Attempts may nest. Raises NeedsWrite in a reading transaction.
        """
        ...

    def raise_generation(self, account: str, kind: str) -> None:
        """Say, in the transaction that changes it, that an account's ``kind`` (iam, kms, ...) changed."""
        ...

    def foresee(self) -> Foresight | None:
        """A transaction on top of this reading one that notes its changes down, to be played in the writer's place;
        None where nobody could tell there whether what was read still holds.
        """
        ...

    def play(self, foreseen: Foreseen) -> bool:
        """Make changes that were foreseen, if nothing that they were worked out from has changed since; whether that
        was so. Nothing is changed where it was not. Raises NeedsWrite in a reading transaction.
        """
        ...

    def generation(self, account: str, kind: str) -> int | None:
        """The generation of (account, kind), by which whoever has read under it knows later whether that still holds;
        None where this transaction has raised it.
        """
        ...

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """What ``load`` answers, kept in memory as long as the generation of (account, kind) stands.

        INVARIANT: never stale. The generation is compared in this transaction's own snapshot; inside a
        writing transaction that raised it, ``load`` is asked directly and nothing is kept. ``key`` must name
        the loader too (``("user", arn)``). Bounded; the oldest go first. Values must be immutable and hold no
        secret value.
        """
        ...


class Store(Protocol):
    """One engine, opened by one process."""

    @property
    def engine(self) -> str:
        """``sqlite`` or ``postgresql``."""
        ...

    @property
    def embedded(self) -> bool:
        """Whether a read is a matter of microseconds and may run in the event loop."""
        ...

    def read(self) -> AbstractContextManager[Transaction]:
        """A reading transaction on this thread: one consistent snapshot. Never waits for a writer."""
        ...

    def glance(self) -> AbstractContextManager[Transaction]:
        """As ``read``, but cheaper where nothing was committed since this thread last read: raises SnapshotMoved from
        any of its statements where somebody commits meanwhile. Then ``read`` is to be asked.
        """
        ...

    def look(self) -> None:
        """On a store that is not embedded: have this thread remember, and its glances from here on be as of now, until
        ``blink``; a glance that has to ask then raises SnapshotMoved. One question to the database. Raises as ``read``.
        """
        ...

    def study(self) -> None:
        """On a store that is not embedded: one transaction for all that this thread reads until ``blink``, begun by
        reading together what glances have asked for in vain; glances go on, as of its snapshot. May be asked again.
        """
        ...

    def blink(self) -> None:
        """What was looked at is over: a glance is a transaction again."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """A writing transaction of its own, for start-up and operators' work; calls use the write queue.

        Waits, bounded, for the one writer's place; commits at the end, rolls back where the block raises.
        """
        ...

    def close(self) -> None:
        """Give back connections and threads."""
        ...
