"""Hands the newest signed head on to where nobody who can change the journal can change it: a file, and webhooks.

A head vouches for all before it, so only the newest one matters: what waits is replaced by what comes. One thread for
each place; a place that does not take it is tried again, with growing pauses, and keeps nothing else waiting.
Source: issue 7, point 2. Our choice: docs/decisions/0043-signed-heads.md.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from strongroom.base.clock import Clock
from strongroom.kernel.outside.https import BadAnswer, Unreachable
from strongroom.server.sinks import Heads, Webhook
from strongroom.server.webhooks import POST_SECONDS, signed

log = logging.getLogger("strongroom.heads")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
Deliver = Callable[[bytes], None]
"""Takes one signed line, with its newline. Raises NotTaken, OSError."""


class NotTaken(Exception):  # noqa: N818  a finding
    """A place did not take a head; the text says why."""


class Lane:
    """One place and its thread. At most one head waits."""

    def __init__(self, name: str, deliver: Deliver, every_seconds: float) -> None:
        self._name = name
        self._deliver = deliver
        self._every = every_seconds
        self._newest: bytes | None = None
        self._lock = threading.Lock()
        self._come, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heads-{name}", daemon=True)
        self._thread.start()

    def take(self, line: bytes) -> None:
        """Have a head handed on instead of the one that waits. Does not wait itself."""
        with self._lock:
            self._newest = line
        self._come.set()

    def close(self) -> None:
        """Try what waits once more, and end."""
        self._stop.set()
        self._come.set()
        self._thread.join(POST_SECONDS + 1)

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            self._come.wait()
            if self._stop.is_set():
                break
            if self._hand():
                pause = FIRST_PAUSE_SECONDS
                self._stop.wait(self._every)
            else:
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._hand()

    def _hand(self) -> bool:
        """Whether the newest head was taken, or none waits."""
        with self._lock:
            line, self._newest = self._newest, None
            self._come.clear()
        if line is None:
            return True
        try:
            self._deliver(line)
        except Exception as failure:  # noqa: BLE001  the thread must outlive whatever a place does
            told = failure if isinstance(failure, NotTaken | OSError) else type(failure).__name__
            log.error("heads are not taken by %s: %s", self._name, told)  # noqa: TRY400
            with self._lock:
                if self._newest is None:
                    self._newest = line
            self._come.set()
            return False
        return True


class HeadSinks:
    """All places. ``take`` is what the signer calls (trail.signer.Sink)."""

    def __init__(self, heads: Heads, hooks: Sequence[Webhook], clock: Clock) -> None:
        places: list[tuple[str, Deliver]] = []
        if heads.file is not None:
            places.append(("file", appending(heads.file)))
        places.extend((hook.name, posting(hook, clock)) for hook in hooks if hook.heads)
        self._lanes = [Lane(name, deliver, heads.every_seconds) for name, deliver in places]

    def take(self, line: bytes) -> None:
        """Hand a head on to each place."""
        for lane in self._lanes:
            lane.take(line)

    def close(self) -> None:
        """End all threads."""
        for lane in self._lanes:
            lane.close()


def appending(path: Path) -> Deliver:
    """Appends heads to a file, which only its owner can read; never through a link, and never behind half a line."""

    def deliver(line: bytes) -> None:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            content = (b"\n" if torn else b"") + line.rstrip(b"\n") + b"\n"
            if file.write(content) != len(content):
                raise NotTaken("a part of a head was written")
            os.fsync(handle)

    return deliver


def posting(hook: Webhook, clock: Clock) -> Deliver:
    """Posts a head as it is, signed as every delivery of the webhook; its id names node and number."""
    client = hook.client()

    def deliver(line: bytes) -> None:
        body = line.rstrip(b"\n")
        head = orjson.loads(orjson.loads(body)["head"])
        headers = signed(hook.key, f"head-{head['node']}-{head['number']}", int(clock().timestamp()), body)
        try:
            status = client.post(hook.url, body, headers, seconds=POST_SECONDS)
        except (BadAnswer, Unreachable) as failure:
            raise NotTaken(str(failure)) from None
        if not 200 <= status < 300:
            raise NotTaken(f"it was answered with status {status}")

    return deliver
