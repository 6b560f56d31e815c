"""Who called what, how often: gathered in memory and given out every few seconds, to be stored as sums.

Bounded: beyond so many different callers and resources between two gifts only the operation is told apart, and
beyond twice as many nothing is. A process that is killed loses what it gathered since the last gift; the journal
has every call.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

MOST_KEYS = 10_000
OTHER = "other"


class Use(NamedTuple):
    """What calls are counted by. ``principal``: the user's or role's own ARN; ``resource``: an ARN, or nothing."""

    account: str
    region: str
    service: str
    operation: str
    principal: str
    resource: str


class Usage:
    """The counts of one process since they were last given out. Safe to share between threads."""

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, ...], int] = {}

    def count(
        self, account: str, region: str, service: str, operation: str, principal: str, resource: str, number: int = 1
    ) -> None:
        """Count calls."""
        key = (account, region, service, operation, principal, resource)
        with self._lock:
            counts = self._counts
            kept = counts.get(key)
            if kept is not None:
                counts[key] = kept + number
                return
            if len(counts) >= self._most:
                key = (account, region, service, operation, OTHER, "")
                if len(counts) >= 2 * self._most and key not in counts:
                    return
            counts[key] = counts.get(key, 0) + number

    def given(self) -> dict[Use, int]:
        """All counts since the last time, which are then forgotten here."""
        with self._lock:
            counts, self._counts = self._counts, {}
        return {Use._make(key): number for key, number in counts.items()}
