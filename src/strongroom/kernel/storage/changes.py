"""What a writing transaction has changed, as readers are told of it: everything, or the rows of some owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from strongroom.kernel.storage.compile import Plan

MAX_OWNERS: Final = 64
"""Of more in one commit, all is forgotten: to look through a long list costs every reader more."""


class Changes:
    """Of one transaction. ``of_all``: it may have changed anything; else the rows of ``owners``, if any.

    What is undone in it stays told of, which is never wrong.
    """

    __slots__ = ("of_all", "owners")

    def __init__(self) -> None:
        self.of_all = False
        self.owners: set[int] = set()

    def heard(self, plan: Plan, values: Sequence[Mapping[str, Any]]) -> None:
        """Note whose rows a statement changes, or that nobody knows; once for each of several sets of values."""
        if not plan.noisy or self.of_all:
            return
        owner = plan.owner
        if owner is None:
            self.of_all = True
            return
        self.owners.update(one[owner] for one in values)
        self.of_all = len(self.owners) > MAX_OWNERS
