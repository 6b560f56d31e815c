"""What one thread remembers of the snapshot that it reads, and what of it outlives which commits.

    notes   what callers worked out: questions and what they led to (kernel/remembering.py)
    rows    single rows, by statement and values

Tables whose rows belong to one thing each say so (schema.of_one); a commit that has changed nothing but such rows tells
whose they were, and only what hangs on those is forgotten. What a note hangs on is all that its transactions have read:
nobody says it, so nobody can leave it out. What was read by anything but an owner hangs on all of them (``ANY``).
Source: docs/decisions/0016-reading-fast.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from sqlalchemy.sql.expression import Executable

from strongroom.kernel.storage.port import Row, Statement
from strongroom.kernel.storage.vacancies import vacancy

ANY: Final = -1
"""Stands for every owner."""
MAX_NOTES = 4096
MAX_ROWS = 2048
MET = 4096
"""Questions of which it is known that they were asked; as many as may be remembered."""
MAX_ROW_BYTES = 4096
MAX_OWNERS = 64
"""A note that hangs on more than these hangs on all."""


Before = tuple[set[int], list[Hashable]]
"""What a transaction has read and asked before a part of it."""


class Memory:
    """The notes and rows of one thread. ``get`` answers the note under a question, or None."""

    __slots__ = (
        "_asked",
        "_at_once",
        "_hang_on",
        "_met",
        "_met_before",
        "_notes",
        "_notes_of",
        "_owners",
        "_rows",
        "_rows_of",
        "get",
    )

    def __init__(self, *, at_once: bool = False) -> None:
        """``at_once``: what is asked for the first time is worth a note, because to ask again costs more."""
        self._at_once = at_once
        self._notes: dict[Hashable, Any] = {}
        self._rows: dict[Hashable, tuple[Row | None, int | None]] = {}
        self._hang_on: dict[Hashable, set[int]] = {}  # of notes
        self._notes_of: dict[int, set[Hashable]] = {}
        self._rows_of: dict[int, set[Hashable]] = {}
        self._asked: list[Hashable] = []
        self._owners: set[int] = set()
        self._met: set[int] = set()
        self._met_before: set[int] = set()
        self.get: Callable[[Hashable], Any] = self._notes.get

    # ------------------------------------------------------------------ in a transaction

    def put(self, question: Hashable, note: Any) -> None:
        """Keep what a question led to; it hangs on all that this transaction reads. The oldest go where it is full."""
        if len(self._notes) >= MAX_NOTES:
            for old in list(islice(self._notes, MAX_NOTES // 2)):
                self._drop(old)
        self._notes[question] = note
        self._asked.append(question)

    def met(self, question: Hashable) -> bool:
        """Whether a question was lately asked before, as far as is known; from now on it was.

        Known by a hash alone, for as long as no more others are asked than may be remembered: what is asked for once in
        a long while is not worth its making as a note, nor those that it would push out.
        """
        if self._at_once:
            return True
        name = hash(question)
        if name in self._met:
            return True
        if len(self._met) >= MET // 2:
            self._met_before, self._met = self._met, set()
        self._met.add(name)
        return name in self._met_before

    def again(self, question: Hashable) -> None:
        """Say that more may be added to a note in this transaction: it hangs on what is read now as well."""
        self._asked.append(question)

    def reads(self, owner: int) -> None:
        """Say that this transaction has read what belongs to an owner; ``ANY`` for what nobody knows."""
        self._owners.add(owner)

    def apart(self) -> Before:
        """Begin a part of this transaction: what is asked in it hangs on what is read in it, and on nothing before.

        For a question that names all that it takes from what was read before. ``together`` ends it.
        """
        before = self._owners, self._asked
        self._owners, self._asked = set(), []
        return before

    def together(self, before: Before) -> None:
        """End a part: for what follows, all was read in one transaction."""
        owners, asked = before
        self._settle()
        self._owners, self._asked = owners | self._owners, asked

    def put_of(self, owners: Iterable[int], question: Hashable, note: Any) -> None:
        """As ``put``, of what hangs on these owners alone: those that one part of this transaction has read."""
        before = self.apart()
        self._owners.update(owners)
        self.put(question, note)
        self.together(before)

    @property
    def owners(self) -> frozenset[int]:
        """Whose rows this transaction, or the part of it that goes on, has read; ``ANY`` where nobody knows."""
        return frozenset(self._owners)

    def row(self, key: Hashable) -> tuple[Row | None, int | None] | None:
        """(row, its owner) as it was kept; the transaction has read it then. None where it is not here."""
        kept = self._rows.get(key)
        if kept is not None and kept[1] is not None:
            self._owners.add(kept[1])
        return kept

    def keep(self, key: Hashable, row: Row | None, owner: int | None) -> None:
        """Keep a row, or that there is none; ``owner`` None where it belongs to nobody."""
        # Types of their own, not of their families: a third of the time, and rows have no others.
        weight = 0 if row is None else sum([len(each) for each in row if type(each) is str or type(each) is bytes])
        if weight > MAX_ROW_BYTES:
            return
        if len(self._rows) >= MAX_ROWS:
            self._rows.clear()
            self._rows_of.clear()
        self._rows[key] = row, owner
        if owner is not None:
            self._rows_of.setdefault(owner, set()).add(key)

    def end(self) -> None:
        """The transaction is over: what was asked in it hangs on what was read in it."""
        if self._asked:
            self._settle()
            self._asked = []
        if self._owners:
            self._owners = set()

    def _settle(self) -> None:
        owners = self._owners
        if owners:
            hanging = {ANY} if ANY in owners or len(owners) > MAX_OWNERS else owners
            for question in self._asked:
                if question in self._notes:
                    self._hang(question, hanging)

    # ------------------------------------------------------------------ between snapshots

    def changed(self, owners: Iterable[int]) -> None:
        """Forget what hangs on these owners, or on any."""
        for owner in {*owners, ANY}:
            for key in self._rows_of.pop(owner, ()):
                self._rows.pop(key, None)
            for question in list(self._notes_of.get(owner, ())):
                self._drop(question)

    def clear(self) -> None:
        """Forget all."""
        self._notes.clear()
        self._rows.clear()
        self._hang_on.clear()
        self._notes_of.clear()
        self._rows_of.clear()
        self._asked.clear()

    def __len__(self) -> int:
        return len(self._notes)

    def __iter__(self) -> Iterator[tuple[Hashable, Any]]:
        return iter(self._notes.items())

    def _hang(self, question: Hashable, owners: set[int]) -> None:
        known = self._hang_on.setdefault(question, set())
        for owner in owners - known:
            known.add(owner)
            self._notes_of.setdefault(owner, set()).add(question)

    def _drop(self, question: Hashable) -> None:
        self._notes.pop(question, None)
        for owner in self._hang_on.pop(question, ()):
            held = self._notes_of.get(owner)
            if held is not None:
                held.discard(question)
                if not held:
                    del self._notes_of[owner]


def owner_of_values(statement: Statement | Executable, values: Mapping[str, Any]) -> int:
    """Whose rows alone a statement reads, where it says so; else ``ANY``."""
    named = statement.owner if type(statement) is Statement else None
    return int(values[named]) if type(named) is str else ANY


def owner_of_row(statement: Statement | Executable, values: Mapping[str, Any], row: Row | None) -> int:
    """The same of a statement that answers one row. Where there is none, nobody's is yet: anybody's may be the next, or
    whoever comes by the name that was looked for.
    """
    named = statement.owner if type(statement) is Statement else None
    if type(named) is not int:
        return owner_of_values(statement, values)
    if row is not None:
        return int(row[named])
    name = statement.named_by if type(statement) is Statement else ()
    return vacancy(tuple([values[part] for part in name])) if name else ANY
