"""How rotations stand, and what an operator can do about one: words that the room of secrets and ``local`` share.

Whoever has rotations says so in ``registry.rotations``; names, dates and masked texts are told, never values.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from strongroom.base.classes import dataclass
from strongroom.kernel.call import Call, Target
from strongroom.kernel.storage.port import Transaction


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """One attempt that failed; ``step`` "" where the server was stopped in it.

    ``message``: the function's own words; ``lines``: the last that it printed. Values in both are masked.
    """

    began: datetime
    ended: datetime
    step: str
    message: str
    lines: str


@dataclass(frozen=True, slots=True)
class KeptValue:
    """A version with a value that the target may have taken. ``state``: what became of its rotation."""

    version_id: str
    since: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One secret's rotation. ``state``: running, waiting, held (the secret is to be deleted), or how the last ended.

    ``attempts`` have failed; ``blocked_by``: the version whose AWSPENDING keeps the next rotation from beginning,
    though none is under way; "" where nothing does.
    """

    name: str
    arn: str
    enabled: bool
    function: str
    schedule: str
    last: datetime | None
    next: datetime | None
    state: str
    version_id: str
    test: bool
    attempts: int
    next_attempt: datetime | None
    failures: Sequence[FailedAttempt]
    kept: Sequence[KeptValue]
    blocked_by: str


@dataclass(frozen=True, slots=True)
class Worry:
    """A rotation to look after: failing, with its attempts and the step that failed last, or overdue since ``due``."""

    name: str
    arn: str
    attempts: int = 0
    step: str = ""
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """The rotations of an account in a Region as one looks at them from afar.

    ``scheduled``: how many secrets have a next rotation; ``by_day``: how many on each of the next days, where there
    are any; of the others there are at most as many as were asked for.
    """

    scheduled: int
    by_day: Sequence[tuple[datetime, int]]
    failing: Sequence[Worry]
    overdue: Sequence[Worry]


class RotationRefused(Exception):  # noqa: N818  it is an answer
    """It was not done, and why. ``unsure``: it can be, by somebody who says that they know."""

    def __init__(self, reason: str, *, unsure: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unsure = unsure


class RotationDesk(Protocol):
    """What the room that has rotations answers. ``found`` is what its ``locate`` found."""

    def locate(self, call: Call, tx: Transaction) -> Target:
        """The secret that SecretId names, of the caller's own account."""
        ...

    def standing(self, call: Call, tx: Transaction, found: Any) -> Standing:
        """How one stands."""
        ...

    def page(self, call: Call, tx: Transaction, after: str, at_most: int) -> Sequence[Standing]:
        """How those of the caller's account and Region stand that come after a name, by name."""
        ...

    def overview(self, call: Call, tx: Transaction, days: int, at_most: int) -> Overview:
        """All of them from afar: the next so many days, and the worst worries."""
        ...

    def retry(self, call: Call, tx: Transaction, found: Any, version_id: str | None) -> Standing:
        """Try again now, with the same token and value. Raises RotationRefused."""
        ...

    def abandon(self, call: Call, tx: Transaction, found: Any, *, sure: bool) -> Standing:
        """End what is under way and free AWSPENDING; a value stays. Raises RotationRefused."""
        ...
