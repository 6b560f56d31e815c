"""A temporary directory for a whole run of tests, so that what they and their servers leave behind is seen.

Every process of the run finds it as TMPDIR. At the end it must be empty: what still lies in it is named, and the run
fails. A run that was killed cleans nothing up; the next one does, for the kernel has let go of its lock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "srt-"
_YOUNG_SECONDS = 60.0
"""A directory that is younger may not be locked yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of this run. ``before`` is where such directories lie."""

    directory: Path
    before: Path
    lock: int

    def left(self) -> list[str]:
        """What lies in it, each with what it holds: paths from the directory."""
        found = []
        for top in sorted(self.directory.iterdir()):
            below = sorted(one for one in top.rglob("*") if not one.is_dir())[:3] if top.is_dir() else []
            holds = ", ".join(str(one.relative_to(top)) for one in below)
            found.append(f"{top.name} ({holds or 'a directory'})" if top.is_dir() else top.name)
        return found

    def remove(self) -> None:
        """Remove it with all that it holds."""
        shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self.lock)


def made(below: Path = Path("/tmp")) -> Place:
    """A new place, after removing those of runs that were killed.

    Its path is short: PostgreSQL's sockets lie in it, and such a path holds 107 bytes.
    """
    for old in below.glob(f"{_PREFIX}*"):
        _remove_if_dead(old)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=below))
    lock = os.open(directory, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    directory.chmod(0o1777)  # some servers of tests refuse to be root's, and run as others
    return Place(directory, below, lock)


def _remove_if_dead(old: Path) -> None:
    try:
        lock = os.open(old, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    except OSError:
        return  # somebody else's
    try:
        of_us = os.fstat(lock).st_uid == os.geteuid()
        if of_us and time.time() - os.fstat(lock).st_ctime > _YOUNG_SECONDS:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old, ignore_errors=True)
    except BlockingIOError:
        return  # its run is going on
    finally:
        os.close(lock)
