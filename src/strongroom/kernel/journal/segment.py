"""One segment: a file that only grows, by whole batches of lines or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


class JournalUnwritable(Exception):  # noqa: N818  it says what is the case
    """A record could not be written or made durable. The call that it is about must be refused."""


class Segment:
    """An open segment, locked as long as its process lives and has not closed it.

    INVARIANT: the file ends with a newline, or with the remains of a write that failed and could not be taken
    back; then nothing is written after them until they are gone.
    """

    def __init__(self, path: Path) -> None:
        """Create the file, 0600, and lock it. Raises FileExistsError, JournalUnwritable."""
        self.path = path
        self.size = 0
        self._torn = False
        try:
            self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileExistsError:
            raise
        except OSError as error:
            raise JournalUnwritable(f"segment {path.name} cannot be made: {error.strerror}") from error

    def write(self, data: bytes) -> None:
        """Append all of ``data``, or leave the file as it was. Raises JournalUnwritable."""
        if self._torn:
            self._take_back()
        try:
            written = os.write(self._handle, data)
            while written < len(data):  # a short write: the disk is filling, the next one says why
                written += os.write(self._handle, memoryview(data)[written:])
        except OSError as error:
            self._torn = True
            self._take_back()
            raise JournalUnwritable(f"segment {self.path.name} cannot be written: {error.strerror}") from error
        self.size += len(data)

    def sync(self) -> None:
        """Make all that was written durable. Raises JournalUnwritable."""
        try:
            os.fdatasync(self._handle)
        except OSError as error:
            raise JournalUnwritable(f"segment {self.path.name} cannot be synced: {error.strerror}") from error

    def close(self) -> None:
        """Let go of lock and file."""
        fcntl.flock(self._handle, fcntl.LOCK_UN)
        os.close(self._handle)

    def abandon(self) -> None:
        """In a forked child: close the file and leave the lock to the parent, whose it is."""
        os.close(self._handle)

    def discard(self) -> None:
        """Remove a segment that never got its first line."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.close()

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._handle, self.size)
        except OSError as error:
            raise JournalUnwritable(f"segment {self.path.name} has a torn end: {error.strerror}") from error
        self._torn = False
