"""What the processes of one server tell each other about issuers: who is asking, when one was asked, what it said.

A file for each of a few places, in the server's own directory: its lock is the turn to ask, its content what the last
who had the turn was told. Only public keys are in it. What cannot be read is nothing: then a process asks for itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from strongroom.base.classes import dataclass

PLACES = 256
"""Issuers that share a place wait for each other and forget each other's answers; nothing else is lost."""
_BYTES_AT_MOST = 1024 * 1024
_LOOK_SECONDS = 0.02
_NOWHERE = -1
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Note:
    """What one issuer answered: its keys as it told them, or why there were none ("": there are).

    ``asked``: monotonic seconds, which all processes of a machine share until it is started again.
    """

    issuer: str
    asked: float
    keys: list[Any]
    failed: str
    boot: str


class Place:
    """One file, by who has its turn."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, issuer: str) -> Note | None:
        """What was noted last, if it is about this issuer and of today's boot."""
        try:
            note = Note(**json.loads(os.pread(self._descriptor, _BYTES_AT_MOST, 0)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        sound = isinstance(note.asked, float) and isinstance(note.keys, list) and isinstance(note.failed, str)
        return note if sound and (note.issuer, note.boot) == (issuer, _boot()) else None

    def write(self, issuer: str, asked: float, keys: list[Any], failed: str) -> None:
        """Note an answer in place of the one before."""
        text = json.dumps(asdict(Note(issuer, float(asked), keys, failed, _boot()))).encode()
        with contextlib.suppress(OSError):  # the others ask for themselves then
            os.ftruncate(self._descriptor, 0)
            if len(text) <= _BYTES_AT_MOST:
                os.pwrite(self._descriptor, text, 0)


class Board:
    """The places of one server. Safe to share between threads."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock

    @contextlib.contextmanager
    def turn(self, issuer: str, wait_seconds: float) -> Iterator[Place | None]:
        """The turn to ask an issuer, which one process of the server has at a time; None where it does not come."""
        number = int.from_bytes(hashlib.sha256(issuer.encode()).digest()[:4], "big") % PLACES
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._directory / f"{number:03}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            yield Place(_NOWHERE)
            return
        try:
            yield Place(descriptor) if self._locked(descriptor, self._clock() + wait_seconds) else None
        finally:
            os.close(descriptor)  # which gives the turn back

    def _locked(self, descriptor: int, until: float) -> bool:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._clock() > until:
                    return False
                time.sleep(_LOOK_SECONDS)
            else:
                return True


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
