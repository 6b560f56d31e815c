"""What a forked child does with a store that it inherited: keep its connections, and never touch them."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Inheritable(Protocol):
    """A store with connections that are its own process's alone."""

    def disown(self) -> None:
        """Count as closed from now on, without a word to the other side."""
        ...


_ORPHANS: list[Inheritable] = []


def disown_in_children(store: Inheritable) -> None:
    """Have every child that is forked while the store lives keep it, unused.

    SQLite's connections must not be carried over a fork, not even to close them, and closing one of PostgreSQL's
    would end the parent's session. Source: sqlite.org, "How To Corrupt An SQLite Database File", section 2.6.
    """
    reference = weakref.ref(store)

    def disown() -> None:
        found = reference()
        if found is not None:
            _ORPHANS.append(found)
            found.disown()

    os.register_at_fork(after_in_child=disown)
