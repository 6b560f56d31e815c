"""Changes that are worked out on a snapshot beforehand, and made in the writer's place if they still hold there.

A writing call is mostly reading, deciding and sealing; only its changes need the one writer's place. So it may run on
a reading transaction that notes its changes down (``Foresight``). What it has read is known to the storage itself
(kernel/storage/memory.py): the state of all rows without owners, and whose rows beyond. In the writer's place both are
compared with what is committed by then and with what the batch has changed before it. Where anything differs the
changes are thrown away and the call runs there as if nothing had been foreseen.

Whatever cannot be told beforehand raises NeedsWrite: a look at rows after a change, a change that answers something,
one whose owner is not known, and tables whose changes nobody looks for.
Source: docs/decisions/0061-writes-foreseen.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy.sql.expression import Executable

from strongroom.kernel.storage.changes import owners_changed
from strongroom.kernel.storage.compile import Plan, bind_many
from strongroom.kernel.storage.port import NeedsWrite, Notes, Row, Statement

T = TypeVar("T")
Change = tuple[Plan, Sequence[Sequence[Any]]]
"""One statement, and the sets of values that it is run with."""


class Footing(NamedTuple):
    """What was read hangs on: the generation of all rows without owners, the last change of rows with one, and the
    owners of those that were read.
    """

    content: object
    seen: int
    owners: frozenset[int]


class Counter(NamedTuple):
    """A number in one row of a table that is quiet (storage/counting.py).

    ``told``: a SELECT of it; ``add`` adds the value ``number`` to it; ``added`` does, and answers what it is then.
    """

    told: Statement
    add: Statement
    added: Statement


class Addition(NamedTuple):
    """One more of what a number counts, which may be ``most`` then. ``which``: the values that name the number."""

    counter: Counter
    which: tuple[tuple[str, Any], ...]
    most: int


class Foreseen(NamedTuple):
    """Changes in their order, each of one row; whose rows they are of; what they were worked out from; and what they
    add to.
    """

    footing: Footing
    changes: Sequence[Change]
    owners: frozenset[int]
    additions: Sequence[Addition] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Equal for those that run the same statements."""
        return tuple([id(plan) for plan, _ in self.changes])


class Reading(Protocol):
    """The reading transaction beneath."""

    @property
    def memory(self) -> Notes | None:
        """As Transaction.memory."""
        ...

    def rows(self, statement: Statement | Executable, /, **values: Any) -> Sequence[Row]:
        """As Transaction.rows."""
        ...

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """As Transaction.cached."""
        ...

    def row_unkept(self, statement: Statement | Executable, /, **values: Any) -> Row | None:
        """As ``row``, of what is about to be changed: it is not worth remembering."""
        ...

    def footing(self) -> Footing | None:
        """What all that was read so far hangs on; None where nobody can tell."""
        ...


class Foresight:
    """A writing transaction, as Transaction, that changes nothing: it says afterwards what it would have changed."""

    __slots__ = ("_additions", "_changes", "_engine", "_made", "_owners", "_reading")

    writable = True

    def __init__(self, reading: Reading, engine: str) -> None:
        self._reading = reading
        self._engine = engine
        self._changes: list[Change] = []
        self._owners: set[int] = set()
        self._made: set[int] = set()
        self._additions: list[Addition] = []

    @property
    def memory(self) -> Notes | None:
        """As Transaction.memory, before the first change: the snapshot is the reading's own."""
        return None if self._changes else self._reading.memory

    def foreseen(self) -> Foreseen | None:
        """What would be changed; None where it is nothing, or nobody could tell later whether it still holds."""
        footing = self._reading.footing()
        if footing is None or not self._changes:
            return None
        return Foreseen(footing, self._changes, frozenset(self._owners), self._additions)

    def rows(self, statement: Statement | Executable, /, **values: Any) -> Sequence[Row]:
        """As Transaction.rows, before the first change."""
        if self._changes:
            raise NeedsWrite
        return self._reading.rows(statement, **values)

    def row(self, statement: Statement | Executable, /, **values: Any) -> Row | None:
        """As Transaction.row, before the first change."""
        if self._changes:
            raise NeedsWrite
        return self._reading.row_unkept(statement, **values)

    def run(self, statement: Statement | Executable, /, **values: Any) -> int:  # noqa: ARG002
        """As Transaction.run: how many rows it would touch nobody knows."""
        raise NeedsWrite

    def many(self, statement: Statement, values: Sequence[Mapping[str, Any]], /) -> None:
        """As Transaction.many; each set of values must be going to change one row."""
        if not values:
            return
        plan, parameters = bind_many(statement, self._engine, values)
        owners = owners_changed(plan, values, self._made)
        if owners is None:
            raise NeedsWrite
        self._owners.update(owners)
        self._changes.append((plan, parameters))

    def add_one(self, counter: Counter, most: int, which: Mapping[str, Any]) -> None:
        """Note an addition down. The number itself is looked at in the writer's place alone."""
        self._additions.append(Addition(counter, tuple(which.items()), most))

    def attempt(self) -> AbstractContextManager[None]:
        """As Transaction.attempt: what it would take back is not known."""
        raise NeedsWrite

    def raise_generation(self, account: str, kind: str) -> None:  # noqa: ARG002
        """As Transaction.raise_generation: that changes more than one owner's rows."""
        raise NeedsWrite

    def generation(self, account: str, kind: str) -> int | None:  # noqa: ARG002
        """As Transaction.generation: what is foreseen has a footing of its own."""
        raise NeedsWrite

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """As Transaction.cached, before the first change."""
        if self._changes:
            raise NeedsWrite
        return self._reading.cached(account, kind, key, load)

    def foresee(self) -> None:
        """As Transaction.foresee: what is foreseen is a whole call."""

    def play(self, foreseen: Foreseen) -> bool:  # noqa: ARG002
        """As Transaction.play: this is no writer's place."""
        raise NeedsWrite


class LastChanges:
    """Which owners' rows have changed last, as the writer's place sees it; kept from one batch to the next.

    What is read was committed, never what a batch is about to tell itself: its numbers are given again if it is lost.
    """

    __slots__ = ("_last", "_since", "newest")

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._since = 0  # all changes after this one are known
        self.newest = 0

    def take(self, rows: Sequence[Row]) -> None:
        """Take up (number, owner) of all changes from the newest known one on, in their order."""
        if self.newest == 0 or not rows or rows[0][0] != self.newest:
            # The newest one that was known leads those after it, or some in between may be gone.
            self._last.clear()
            self._since = rows[0][0] - 1 if rows else 0
        elif len(self._last) > _MOST_OWNERS:
            self._since = self.newest
            self._last.clear()
        for number, owner in rows:
            self._last[owner] = number
        self.newest = rows[-1][0] if rows else 0

    def have_left(self, footing: Footing) -> bool:
        """Whether none of the owners that somebody has read was changed since."""
        seen, last = footing.seen, self._last
        if not self._since <= seen <= self.newest:
            return False
        return all(last.get(owner, 0) <= seen for owner in footing.owners)


_MOST_OWNERS = 8_192
