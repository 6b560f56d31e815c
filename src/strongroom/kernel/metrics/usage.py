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


class _Again(NamedTuple):
    """Numbers, and the object that they are found by, held so that its identity is not given to another."""

    counts: list[int]
    asked: object


class Usage:
    """The counts of one process since they were last given out. Safe to share between threads."""

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._again: dict[int, _Again] = {}

    def again(self, asked: object, decrypts: int) -> bool:
        """Count a call that is the same as one before, known by the object ``asked``; False where none was."""
        with self._lock:
            kept = self._again.get(id(asked))
            if kept is None:
                return False
            kept.counts[0] += 1
            kept.counts[1] += decrypts
        return True

    def count(
        self,
        account: str,
        region: str,
        service: str,
        operation: str,
        principal: str,
        resource: str,
        decrypts: int = 0,
        *,
        asked: object = None,
    ) -> None:
        """Count a call, and so many of kms:Decrypt that it made on its caller's behalf.

        ``asked``: by what the same call may be counted ``again``.
        """
        key = (account, region, service, operation, principal, resource)
        with self._lock:
            kept = self._counts.get(key) or self._new(key)
            kept[0] += 1
            kept[1] += decrypts
            if asked is not None and len(self._again) < self._most:
                self._again[id(asked)] = _Again(kept, asked)

    def _new(self, key: tuple[str, ...]) -> list[int]:
        counts = self._counts
        if len(counts) >= self._most:
            key = (*key[:4], OTHER, "")
            if len(counts) >= 2 * self._most and key not in counts:
                return [0, 0]
        return counts.setdefault(key, [0, 0])

    def given(self) -> dict[Use, int]:
        """All counts since the last time, which are then forgotten here."""
        with self._lock:
            counts, self._counts = self._counts, {}
            self._again = {}
        found: dict[Use, int] = {}
        for key, (number, decrypts) in counts.items():
            use = Use._make(key)
            found[use] = found.get(use, 0) + number
            if decrypts:
                one = Use(use.account, use.region, "kms", "Decrypt", use.principal, "")
                found[one] = found.get(one, 0) + decrypts
        return found
