"""What a function prints: cut into lines, each with its moment, no more of it than is bounded."""

from __future__ import annotations

import fcntl
import os
import select
import sys
import termios
import threading
import time

MOST_BYTES = 1024 * 1024
MOST_LINE = 256 * 1024 - 26
"""Source: CloudWatch Logs quotas, "Event size"."""
_LINES = 10_000
_SETTLE_SECONDS = 2.0
_LOOKS = 40
_LOOK_SECONDS = 0.0005
_DROPPED = "... this invocation printed more than is kept; the rest was dropped"


def moment_ms() -> int:
    """The machine's clock in ms since the epoch."""
    return time.time_ns() // 1_000_000


class Printed:
    """The lines of one process between two invocations' ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[tuple[int, str]] = []
        self._rest = b""
        self._left = MOST_BYTES
        self._dropped = False
        self._closed = threading.Event()

    def begin(self) -> None:
        """A new invocation has its own share."""
        with self._lock:
            self._left, self._dropped = MOST_BYTES, False

    def read_from(self, descriptor: int) -> bool:
        """Wait for output and take it; False once there is no more to come."""
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        waiting.poll()
        with self._lock:  # from the pipe to the lines in one step: see settle_briefly
            chunk = os.read(descriptor, 65536)
            self._feed(chunk)
        return bool(chunk)

    def _feed(self, chunk: bytes) -> None:
        now = moment_ms()
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MOST_LINE:
            whole.append(self._rest)
            self._rest = b""
        for line in whole:
            self._keep(now, line)

    def _keep(self, now: int, line: bytes) -> None:
        if len(line) > self._left or len(self._lines) >= _LINES:
            if not self._dropped:
                self._dropped = True
                self._lines.append((now, _DROPPED))
            return
        self._left -= len(line)
        text = line[:MOST_LINE].decode("utf-8", errors="replace").rstrip("\r")
        if text:
            self._lines.append((now, text))

    def note(self, line: str) -> None:
        """A line of our own; never dropped."""
        with self._lock:
            if self._rest:
                self._keep(moment_ms(), self._rest)
                self._rest = b""
            self._lines.append((moment_ms(), line))

    def close(self) -> None:
        """The process will print nothing more."""
        with self._lock:
            if self._rest:
                self._keep(moment_ms(), self._rest)
                self._rest = b""
        self._closed.set()

    def settle(self) -> None:
        """Wait, bounded, until all that an ended process printed is here."""
        self._closed.wait(_SETTLE_SECONDS)

    def settle_briefly(self, descriptor: int) -> None:
        """Wait, bounded, for what was printed before the answer came by its other way: until the pipe is empty."""
        for _ in range(_LOOKS):
            with self._lock:
                unread = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4)
            if not int.from_bytes(unread, sys.byteorder):
                return
            time.sleep(_LOOK_SECONDS)

    def take(self) -> list[tuple[int, str]]:
        """The lines so far, and forget them."""
        with self._lock:
            taken, self._lines = self._lines, []
            return taken
