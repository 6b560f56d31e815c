"""What compiling policies made, by what it was made of: a change of one policy must not compile a thousand others anew.

The key is the whole text, so an entry can never be out of date; the bound is on characters.
Source: docs/explain/performance.md, "Policies, grants, accounts"; ``python -m bench.cliffs``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
_ENTRY_CHARACTERS = 200
"""What an entry weighs beside its own text."""


class Memory(Generic[T]):
    """Pure answers by their arguments. Safe to share between threads; an answer may be made twice, and is the same.

    Two halves: when the young one is full the old one is dropped whole, and what is asked for comes back.
    """

    __slots__ = ("_lock", "_most", "_old", "_weight", "_young")

    def __init__(self, characters: int) -> None:
        """``characters``: the bound, all entries together. A single one of more than an eighth of it is not kept."""
        self._lock = threading.Lock()
        self._young: dict[Hashable, T] = {}
        self._old: dict[Hashable, T] = {}
        self._weight = 0
        self._most = characters // 2

    def of(self, key: Hashable, characters: int, make: Callable[[], T]) -> T:
        """What was made of a key, or is made now; ``characters``: how long the texts in the key are."""
        found = self._young.get(key)
        if found is not None:
            return found
        found = self._old.get(key)
        if found is None:
            found = make()
        weight = characters + _ENTRY_CHARACTERS
        if weight <= self._most // 4:
            with self._lock:
                if self._weight + weight > self._most:
                    self._old, self._young, self._weight = self._young, {}, 0
                self._young[key] = found
                self._weight += weight
        return found

    def clear(self) -> None:
        """Forget everything, as a process does that starts."""
        with self._lock:
            self._old, self._young, self._weight = {}, {}, 0
