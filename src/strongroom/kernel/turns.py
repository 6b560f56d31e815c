"""Waiting for a call's turn among several that go one after the other, sent at once over several connections.

Whoever waits holds a thread and no transaction. Few may, and not for long while nothing moves; then the call is let
go to its handler, which finds that its turn has not come, and says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

WAITING_AT_MOST: Final = 4
"""In one process: they have threads that others need too."""
WAIT_S: Final = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.02


class Turns:
    """The places of one process for those who wait."""

    def __init__(self, *, places: int = WAITING_AT_MOST, wait_s: float = WAIT_S) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._wait_s = wait_s

    def wait(self, has_come: Callable[[], bool]) -> None:
        """Return when a turn has come, or cannot be waited for. Asked again and again; raises as it does."""
        if has_come() or not self._places.acquire(blocking=False):
            return
        try:
            deadline, pause = time.monotonic() + self._wait_s, _FIRST_PAUSE_S
            while time.monotonic() < deadline:
                time.sleep(pause)
                if has_come():
                    return
                pause = min(pause * 1.5, _LONGEST_PAUSE_S)
        finally:
            self._places.release()
