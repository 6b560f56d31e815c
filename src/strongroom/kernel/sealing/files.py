"""Private files: created whole or not at all, never over another, readable by their owner alone.

``SealFailure`` and the failures that files can have live here; ``seals`` has the hierarchy.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from strongroom.base.entropy import Entropy

_BYTES_AT_MOST = 64 * 1024


class SealFailure(Exception):  # noqa: N818  what an operator is told
    """The root key cannot be had. The text is one plain sentence and holds no secret."""


class SealMissing(SealFailure):
    """There is no such file."""


class SealDamaged(SealFailure):
    """The file is not what a seal writes."""


class SealExposed(SealFailure):
    """Others than the owner may read or change the file, so its secret may be known."""


class WrongSecret(SealFailure):
    """What an operator, a program or a token gave does not open the seal."""


def create_private(path: Path, content: bytes, entropy: Entropy) -> None:
    """Write a new file, mode 0600, in a directory made 0700, on disk before this returns.

    It is written under another name and linked into place, so that a crash leaves all of it or none, and two
    that start at once make one file. Raises SealFailure where the file exists.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{entropy.take(8).hex()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)
    except FileExistsError:
        raise SealFailure(f"{path} exists already and is never overwritten.") from None
    finally:
        unfinished.unlink()
        _sync_directory(path.parent)
        # The directory may be new itself: a key whose directory is lost in a power cut is a lost key.
        _sync_directory(path.parent.parent)


def replace_private(path: Path, content: bytes, entropy: Entropy) -> None:
    """Put a file in place of another, mode 0600, on disk before this returns: a crash leaves the one or the other.

    Raises SealFailure where the directory cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{entropy.take(8).hex()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SealFailure(f"{path} cannot be replaced: {error.strerror}.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise SealFailure(f"{path} cannot be replaced: {error.strerror}.") from None
    _sync_directory(path.parent)
    _sync_directory(path.parent.parent)


def refuse_unwritable(path: Path) -> None:
    """Raise SealFailure where ``replace_private`` could not replace this file."""
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise SealFailure(f"{path} cannot be replaced: {path.parent} is not writable.")


def read_private(path: Path) -> bytes:
    """A whole private file. Raises SealMissing, SealExposed, SealDamaged (no plain file, or over 64 KiB)."""
    try:
        # A device or a pipe must not hold up the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise SealMissing(f"{path} does not exist.") from None
    except OSError as error:
        raise SealFailure(f"{path} cannot be read: {error.strerror}.") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _BYTES_AT_MOST:
            raise SealDamaged(f"{path} is not a small plain file.")
        if found.st_mode & 0o077 or found.st_uid not in (os.geteuid(), 0):
            raise SealExposed(f"{path} must belong to this user and be readable by nobody else (chmod 600).")
        return os.read(descriptor, _BYTES_AT_MOST)
    finally:
        os.close(descriptor)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
