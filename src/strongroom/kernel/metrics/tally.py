"""What a process counts: calls by service, operation and outcome with how long they took, events, jobs, caches.

Label values are those of a fixed set made at start: no client can make a new one.
A call costs a few additions in memory; nothing is written, locked or allocated.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final

from strongroom.kernel.metrics.cells import SUFFIX, Block, Cells

OUTCOMES: Final = ("answered", "denied", "unauthenticated", "invalid", "throttled", "failed")
"""``invalid``: the client's fault but for the two before; ``failed``: ours."""
ANSWERED, DENIED, UNAUTHENTICATED, INVALID, THROTTLED, FAILED = range(6)
BUCKETS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0,
)  # fmt: skip
"""Upper bounds in seconds; one more column takes what is longer."""
CALLS: Final = "calls"
EVENTS: Final = "events"
JOBS: Final = "jobs"
JOURNAL: Final = "journal"
CACHES: Final = "caches"
SPANS: Final = "spans"
SPANS_ENDS: Final = ("sent", "dropped", "failed")
"""``dropped``: there was no room to keep them; ``failed``: the collector did not take them."""
SPANS_SENT, SPANS_DROPPED, SPANS_FAILED = range(3)
OTHER: Final = "other"
CALL_COLUMNS: Final = (*OUTCOMES, *(str(bound) for bound in BUCKETS), "+Inf", "nanoseconds")
EVENT_NAMES: Final = (
    "RotationStarted", "RotationSucceeded", "RotationFailed", "RotationAbandoned",
    "TestRotationStarted", "TestRotationSucceeded", "TestRotationFailed",
    "StartSecretVersionDelete", "CancelSecretVersionDelete", "EndSecretVersionDelete",
    "ReplicationStarted", "ReplicationSucceeded", "ReplicationFailed", "DeleteKey", "RotateKey", OTHER,
)  # fmt: skip
"""What services do by themselves, as the records name it. All else counts as other."""
_FIRST_BUCKET: Final = len(OUTCOMES)
_NANOSECONDS: Final = len(CALL_COLUMNS) - 1
_REFRESH_SECONDS: Final = 1.0


class Tally:
    """The counts of one process, in ``DIR/run/NAME.cells``. Calls are counted by one thread, the event loop's."""

    def __init__(
        self, directory: Path, name: str, *, operations: Mapping[str, Iterable[str]], jobs: Sequence[str]
    ) -> None:
        rows = [(service, one) for service, offered in sorted(operations.items()) for one in (*sorted(offered), OTHER)]
        blocks = (
            Block(CALLS, (*rows, (OTHER, OTHER)), CALL_COLUMNS),
            Block(EVENTS, tuple((one,) for one in EVENT_NAMES), ("count",)),
            Block(JOBS, tuple((one,) for one in sorted(jobs)), ("done", "failed")),
            Block(JOURNAL, (("read",), ("written",)), ("records",)),
            Block(CACHES, ((name,),), ("entries", "loads")),
            Block(SPANS, ((name,),), SPANS_ENDS),
        )
        self._cells = Cells(directory / f"{name}{SUFFIX}", blocks)
        self._values = self._cells.values
        self._calls = self._cells.index(CALLS)
        self._unknown = self._calls[OTHER, OTHER]
        self._events = {row[0]: at for row, at in self._cells.index(EVENTS).items()}
        self._jobs = {row[0]: at for row, at in self._cells.index(JOBS).items()}
        journal = self._cells.index(JOURNAL)
        self._read, self._written = journal[("read",)], journal[("written",)]
        self._spans = self._cells.index(SPANS)[(name,)]
        self._lock = threading.Lock()
        self._caches = self._cells.index(CACHES)[(name,)]
        self._cached: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self._refresh_at = 0.0

        # What a call costs is counted in tenths of a microsecond: names are looked up here, once.
        self._bucket = partial(bisect_left, BUCKETS)

    def watch(self, cached: Callable[[], tuple[int, int]]) -> None:
        """Say who tells how much the caches hold now, and how often they were filled since this process began."""
        self._cached = cached

    def call(self, service: str, operation: str | None, outcome: int, begun: float) -> None:
        """Count one call that began at ``begun`` (perf_counter) and ends now."""
        now = perf_counter()
        seconds = now - begun
        at = self._calls.get((service, operation or OTHER))
        if at is None:
            at = self._calls.get((service, OTHER), self._unknown)
        values = self._values
        values[at + outcome] += 1
        values[at + _FIRST_BUCKET + self._bucket(seconds)] += 1
        values[at + _NANOSECONDS] += int(seconds * 1e9)
        if now > self._refresh_at:
            self._refresh_at = now + _REFRESH_SECONDS
            values[self._caches], values[self._caches + 1] = self._cached()

    def read(self, records: int) -> None:
        """Count records of reads and refusals that went to the journal. By the thread of ``call``."""
        self._values[self._read] += records

    def written(self, records: int) -> None:
        """Count records that were synced before a COMMIT. By the writer thread alone, as ``event``."""
        self._values[self._written] += records

    def event(self, name: str) -> None:
        """Count one thing that a service did by itself, and that stands."""
        self._values[self._events.get(name, self._events[OTHER])] += 1

    def job(self, kind: str, *, done: bool) -> None:
        """Count one job that was done, or failed and comes again."""
        at = self._jobs.get(kind)
        if at is not None:
            with self._lock:  # errands end in threads of their own
                self._values[at + (0 if done else 1)] += 1

    def spans(self, end: int, number: int) -> None:
        """Count spans of traces that went out, or were lost. By any thread."""
        with self._lock:
            self._values[self._spans + end] += number

    def close(self) -> None:
        """Let go of the file."""
        self._cells.close()
