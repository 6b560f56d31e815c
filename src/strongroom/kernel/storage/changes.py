"""What a writing transaction has changed, as readers are told of it: everything, or the rows of some owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from strongroom.kernel.storage.compile import Plan
from strongroom.kernel.storage.vacancies import vacancy

MAX_OWNERS: Final = 64
"""Of more in one commit, all is forgotten: to look through a long list costs every reader more."""


def owners_changed(plan: Plan, values: Sequence[Mapping[str, Any]], made: set[int]) -> Sequence[int] | None:
    """Whose rows a statement changes, once for each of several sets of values; None where nobody knows.

    Of an owner that it makes, the vacancy of the name, for that is all that anybody can have known of it. ``made``:
    those that this call has made so far. Rows of them that are found by the name are told by it too: nobody else has
    seen the owner yet.
    """
    owner = plan.owner
    if owner is not None:
        return [one[owner] for one in values]
    name = plan.makes or plan.follows
    if name is None:
        return None
    numbers = [vacancy(tuple([one[part] for part in name])) for one in values]
    if plan.makes:
        made.update(numbers)
    return numbers if made.issuperset(numbers) else None


class Changes:
    """Of one transaction. ``of_all``: it may have changed anything; else the rows of ``owners``, if any.

    What is undone in it stays told of, which is never wrong.
    """

    __slots__ = ("_made", "of_all", "owners")

    def __init__(self) -> None:
        self.of_all = False
        self.owners: set[int] = set()
        self._made: set[int] = set()

    def call_begins(self) -> None:
        """What was made before may have been taken back."""
        self._made.clear()

    def heard(self, plan: Plan, values: Sequence[Mapping[str, Any]]) -> None:
        """Note whose rows a statement changes, or that nobody knows; once for each of several sets of values."""
        if not plan.noisy or self.of_all:
            return
        changed = owners_changed(plan, values, self._made)
        if changed is None:
            self.of_all = True
            return
        self.owners.update(changed)
        self.of_all = len(self.owners) > MAX_OWNERS
