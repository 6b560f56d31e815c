"""Whether anybody has committed to an SQLite file, seen without asking SQLite: the header of its WAL-index.

The first 48 bytes of ``FILE-shm`` change with every commit, last of all that a commit does: a change counter, the
number of frames, their checksums and the log's salts. Comparing them costs a tenth of a microsecond;
``PRAGMA data_version`` costs three and wants a transaction around it.
Source: sqlite.org, "WAL-mode File Format", section 2.1; facts performance, "Cache validation". The layout is SQLite's
own affair, so it is looked at before it is trusted, and whoever gets None here asks SQLite.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
from pathlib import Path

HEADER_BYTES = 48
_VERSION = 3007000
_VERSION_AT = struct.Struct("=I")
_COPIES = 2 * HEADER_BYTES


class WalIndex:
    """The header of one WAL-index, mapped. Good as long as a connection to the file is open in this process."""

    __slots__ = ("_descriptor", "_map", "users")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._map = mmap.mmap(descriptor, _COPIES, prot=mmap.PROT_READ)
        self.users = 0

    def header(self) -> bytes:
        """The 48 bytes as they are now: equal to earlier ones only if nothing was committed between."""
        return self._map[:HEADER_BYTES]

    @property
    def understood(self) -> bool:
        """Whether the layout is the one that is documented: its version, and the second copy behind the first."""
        for _ in range(100):  # a writer may be between its two copies
            both = self._map[:_COPIES]
            if both[:HEADER_BYTES] == both[HEADER_BYTES:]:
                return bool(_VERSION_AT.unpack_from(both)[0] == _VERSION)
        return False

    def close(self) -> None:
        """Let go of map and file."""
        self._map.close()
        os.close(self._descriptor)


_LOCK = threading.Lock()
_OPEN: dict[tuple[int, int], WalIndex] = {}
"""By device and inode. One descriptor a file and process: closing any would drop the locks that SQLite holds on the
file for the whole process (sqlite.org, "How To Corrupt An SQLite Database File", 2.2)."""


def open_index(database: Path) -> WalIndex | None:
    """The WAL-index of a database to which the caller holds a connection that has read; None where it has none.

    Each must be given back by ``close_index``.
    """
    path = database.with_name(database.name + "-shm")
    with _LOCK:
        try:
            status = path.stat()
            name = status.st_dev, status.st_ino
            found = _OPEN.get(name)
            if found is None:
                if status.st_size < _COPIES:
                    return None
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                found = _OPEN[name] = WalIndex(descriptor)
        except OSError:
            return None
        found.users += 1
        return found


def close_index(index: WalIndex, *, nothing_open: bool) -> None:
    """Give one back. The last of them closes the file if ``nothing_open``: no connection to it is left here."""
    with _LOCK:
        index.users -= 1
        if index.users == 0 and nothing_open:
            for name, one in list(_OPEN.items()):
                if one is index:
                    del _OPEN[name]
            index.close()


def _after_fork() -> None:
    global _LOCK  # noqa: PLW0603  a lock that was held while forking is held for ever in the child
    _LOCK = threading.Lock()
    _OPEN.clear()


os.register_at_fork(after_in_child=_after_fork)
