"""Free space on the disk of the data directory: what is said, and what is refused, while there is room to record it.

    under ``warn_bytes``     health says so
    under ``writes_bytes``   calls that make the store grow are refused; those that delete are not
    under ``calls_bytes``    every call is refused, and health still answers

A reserved file is given up when even less is left, so that the refusals can be recorded.
Source: Our choice (issue 7, point 2): a full disk is met by refusing early, and never by losing a record.
"""

from __future__ import annotations

import os
import time
from enum import IntEnum
from pathlib import Path

from strongroom.base.classes import dataclass

RESERVE_FILE = "reserve"
RESERVE_BYTES = 16 * 1024 * 1024
LOOK_EVERY_SECONDS = 0.1
"""A look costs two microseconds; a fast disk takes a hundred megabytes in a second, and fewer are kept free."""
_FREEING = (
    "Delete", "Remove", "Untag", "Detach", "Deactivate", "Disable", "Revoke", "Retire", "Cancel", "Stop", "Schedule",
)  # fmt: skip
"""How the names of operations begin that take away more than they add."""


class Level(IntEnum):
    """How far the disk is from full."""

    FREE = 0
    LOW = 1
    READ_ONLY = 2
    STOPPED = 3


@dataclass(frozen=True, slots=True)
class Bounds:
    """Free bytes under which health warns, growing writes are refused, and all calls are."""

    warn_bytes: int
    writes_bytes: int
    calls_bytes: int


class Space:
    """The space of one data directory, looked at ten times a second at most."""

    __slots__ = ("_bounds", "_directory", "_free", "_level", "_next")

    def __init__(self, directory: Path, bounds: Bounds) -> None:
        self._directory = directory
        self._bounds = bounds
        self._level = Level.FREE
        self._free = 0
        self._next = 0.0

    def level(self) -> Level:
        """How it stands now, a tenth of a second old at most."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + LOOK_EVERY_SECONDS
            self._look()
        return self._level

    def warnings(self) -> tuple[tuple[str, str], ...]:
        """What health says; nothing while there is room."""
        level = self.level()
        if level is Level.FREE:
            return ()
        told = {
            Level.LOW: "the disk is nearly full",
            Level.READ_ONLY: "writes that make the store grow are refused",
            Level.STOPPED: "every call is refused",
        }
        return (("space", f"{self._free // (1024 * 1024)} MiB are free: {told[level]}"),)

    def refuses(self, operation: str, *, changes: bool) -> str | None:
        """Why a call is refused now; None where it is not."""
        level = self.level()
        if level is Level.STOPPED:
            return "The disk of this server is full. Every call is refused until there is room."
        if level is Level.READ_ONLY and changes and not operation.startswith(_FREEING):
            return "The disk of this server is nearly full. Calls that store anything are refused until there is room."
        return None

    def reserve(self) -> None:
        """Set the reserved file aside, where it is not there and there is room for it."""
        path = self._directory / RESERVE_FILE
        if path.exists() or self._free_bytes() < self._bounds.warn_bytes + RESERVE_BYTES:
            return
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, 0, RESERVE_BYTES)
        finally:
            os.close(handle)

    def _look(self) -> None:
        free, bounds = self._free_bytes(), self._bounds
        self._free = free
        if free < bounds.calls_bytes:
            self._level = Level.STOPPED
            if free < RESERVE_BYTES:
                (self._directory / RESERVE_FILE).unlink(missing_ok=True)
        elif free < bounds.writes_bytes:
            self._level = Level.READ_ONLY
        else:
            self._level = Level.LOW if free < bounds.warn_bytes else Level.FREE

    def _free_bytes(self) -> int:
        told = os.statvfs(self._directory)
        return told.f_bavail * told.f_frsize
