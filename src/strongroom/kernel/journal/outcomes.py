"""Which writing records of a chain still wait to hear whether their transaction was committed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MAX_WAITING = 100_000
MAX_TOLD = 4096
FORGET_FROM = 512


class Outcomes:
    """The event ids that wait, and those whose COMMIT is known so that their row in the store may go.

    Bounded: where nobody tells outcomes, marks stop saying what is open, and the next start reads all of the
    chain.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}
        self._forgettable: list[str] = []
        self._lost = False
        self._at_once = False

    def wait(self, event_ids: Iterable[str]) -> None:
        """These were written; their COMMIT comes next."""
        for event_id in event_ids:
            self._waiting[event_id] = None
        if len(self._waiting) > MAX_WAITING:
            self._waiting.clear()
            self._lost = True

    def committed(self, event_ids: Iterable[str]) -> None:
        """The transaction of these was committed."""
        known = [event_id for event_id in event_ids if self._waiting.pop(event_id, self) is None]
        self._forgettable.extend(known)

    def undone(self, event_ids: Iterable[str]) -> None:
        """The journal has said of these that they were not committed."""
        for event_id in event_ids:
            self._waiting.pop(event_id, None)

    def forget(self, event_ids: Sequence[str]) -> None:
        """The outcome of these, of other chains, is settled: their rows may go at the next checkpoint."""
        self._forgettable.extend(event_ids)
        self._at_once = self._at_once or bool(event_ids)

    def due(self) -> list[str]:
        """The ids whose rows may go, given out once; none while they are too few to be worth a mark."""
        if self._lost or not (self._at_once or len(self._forgettable) >= FORGET_FROM):
            return []
        due, self._forgettable, self._at_once = self._forgettable, [], False
        return due

    def open(self) -> list[str] | None:
        """What a mark says is still open; None where that is not known or too much to say."""
        return None if self._lost or len(self._waiting) > MAX_TOLD else list(self._waiting)
