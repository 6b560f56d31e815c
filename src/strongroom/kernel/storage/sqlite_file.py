"""The database file of the embedded store: made private, opened with the settings that the promises need."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

from strongroom.kernel.storage.errors import Conflict, StoreBusy, StoreError, StoreUnavailable

OPEN_WAIT_MS = 5_000  # how long opening, or a reader during a crash's recovery, waits for a lock
_STATEMENTS = 512  # prepared statements kept by a connection

# busy_timeout first: without it, two processes that open the file at once fail on the switch to WAL.
# The rest: every commit is synced; rows that point nowhere are refused; a page is checked before it is
# believed; a tampered schema cannot call functions; nothing spills into temporary files; deleted ciphertext
# is overwritten; LIKE compares as PostgreSQL's does.
_SETTINGS = (
    f"PRAGMA busy_timeout = {OPEN_WAIT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = ON",
    "PRAGMA case_sensitive_like = ON",
    f"PRAGMA mmap_size = {256 << 20}",
    "PRAGMA cache_size = -4000",  # KiB a connection; the map serves the rest
    f"PRAGMA journal_size_limit = {64 << 20}",
    # Pages of 4 KiB. A write is two of them, and each checkpoint syncs two files while the writer's place is held.
    "PRAGMA wal_autocheckpoint = 4000",
)


def make_private(path: Path) -> None:
    """Create the file where it is missing, 0600, and take away what others may do with an existing one.

    An existing file is never opened here: closing a second descriptor would drop the locks that SQLite holds
    on the file for this whole process (POSIX advisory locks; sqlite.org, "How To Corrupt An SQLite Database
    File", 2.2).
    """
    try:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            for part in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                _close_to_others(part)
            return
        os.close(descriptor)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StoreUnavailable(f"cannot use {path} as a store: {error.strerror}") from None


def connect(path: Path, *, writing: bool) -> sqlite3.Connection:
    """One connection in autocommit mode: transactions are begun and ended by our own words only."""
    try:
        connection = sqlite3.connect(
            path,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS,
            timeout=OPEN_WAIT_MS / 1000,
        )
        for setting in _SETTINGS:
            connection.execute(setting).fetchall()
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            connection.close()
            raise StoreUnavailable(f"{path} lies on a file system that cannot do write-ahead logging")
        if not writing:
            connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise translated(error) from None
    return connection


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else holds the lock that was wanted."""
    return _name(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def is_failing_disk(error: sqlite3.Error) -> bool:
    """Whether reading, writing or syncing the file itself failed."""
    return _name(error).startswith("SQLITE_IOERR")


def translated(error: sqlite3.Error) -> Exception:
    """The error in the store's own words; SQLite's texts name tables and columns, never values."""
    name = _name(error)
    if name.startswith("SQLITE_CONSTRAINT"):
        return Conflict(str(error))
    if is_busy(error):
        return StoreBusy(str(error))
    if name.startswith(_FAILED):
        return StoreUnavailable(f"{name}: {error}")
    return StoreError(f"{name or type(error).__name__}: {error}")


_FAILED = (
    "SQLITE_IOERR",
    "SQLITE_FULL",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_PROTOCOL",
    "SQLITE_NOMEM",
)


def _name(error: sqlite3.Error) -> str:
    return str(getattr(error, "sqlite_errorname", ""))


def _close_to_others(path: Path) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return
    if mode & 0o077:
        path.chmod(mode & 0o700)
