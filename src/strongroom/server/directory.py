"""The data directory: where everything lies, who may read it, and that one server at a time uses it.

Layout (DESIGN, "Processes" and "Sealing")::

    DIR/credentials        the first administrator's keys, an AWS credentials file
    DIR/seal/              the seal's own files
    DIR/tls/               the CA and the server's certificate
    DIR/run/               sockets, the lock, and where the running server listens
    DIR/settings.toml      the operator's settings

INVARIANT: directories are 0700 and files 0600, owned by the user who serves.
"""

from __future__ import annotations

import configparser
import fcntl
import json
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.server.parts import StartRefused


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The names of what lies in one data directory. Making one touches nothing."""

    root: Path

    @property
    def run(self) -> Path:
        """Sockets and the lock."""
        return self.root / "run"

    @property
    def tls(self) -> Path:
        """The CA and the server's certificate."""
        return self.root / "tls"

    @property
    def credentials(self) -> Path:
        """The first administrator's keys."""
        return self.root / "credentials"

    @property
    def settings(self) -> Path:
        """The operator's settings."""
        return self.root / "settings.toml"

    @property
    def admin_socket(self) -> Path:
        """Where the operator of the machine gives commands."""
        return self.run / "admin.sock"

    @property
    def runner_socket(self) -> Path:
        """Where workers poke the runner."""
        return self.run / "runner.sock"

    @property
    def endpoint(self) -> Path:
        """What a client of this directory's server must know: URL, CA file, Region."""
        return self.run / "endpoint.json"


def open_directory(root: Path) -> DataDirectory:
    """Make the directory where it is missing, and refuse one that others could read or write.

    Raises StartRefused.
    """
    root = root.absolute()
    directory = DataDirectory(root)
    try:
        for path in (root, directory.run):
            path.mkdir(mode=0o700, parents=path == root, exist_ok=True)
            _refuse_shared(path)
    except OSError as error:
        raise StartRefused(f"the data directory {root} cannot be used: {error.strerror}") from None
    return directory


def _refuse_shared(path: Path) -> None:
    found = path.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise StartRefused(f"{path} is not a directory")
    if found.st_uid != os.geteuid():
        raise StartRefused(f"{path} belongs to user {found.st_uid}, not to the user who starts the server")
    if found.st_mode & 0o077:
        raise StartRefused(f"{path} is open to other users: chmod 700 {path}")


def take_lock(directory: DataDirectory, *, patience: float = 2.0) -> int:
    """Hold the directory for this server; the open descriptor keeps it. Raises StartRefused if it is taken.

    Children inherit the descriptor on purpose: the directory is free again when the last of them is gone.
    The patience (seconds) is for exactly that: children of a killed supervisor end within a second.
    """
    descriptor = os.open(directory.run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() < until:
                time.sleep(0.05)
                continue
            os.close(descriptor)
            raise StartRefused(f"another strongroom serve is using {directory.root}") from None
        return descriptor


def write_private(path: Path, content: bytes) -> None:
    """Put a file in place in one step, 0600, synced: a crash leaves the old content or the new."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def write_endpoint(directory: DataDirectory, found: Mapping[str, Any]) -> None:
    """Say where the running server listens."""
    write_private(directory.endpoint, json.dumps(found, indent=1).encode() + b"\n")


def read_endpoint(directory: DataDirectory) -> dict[str, Any] | None:
    """Where the server of this directory listens or last listened; None where it never did."""
    try:
        found = json.loads(directory.endpoint.read_bytes())
    except FileNotFoundError:
        return None
    return found if isinstance(found, dict) else None


def credentials_text(access_key_id: str, secret_access_key: str) -> str:
    """Keys in the form of ``~/.aws/credentials``, which AWS's SDKs read."""
    return f"[default]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {secret_access_key}\n"


def read_credentials(directory: DataDirectory) -> tuple[str, str] | None:
    """The keys in ``DIR/credentials``: id and secret; None where the file is gone."""
    parser = configparser.RawConfigParser()
    if not parser.read(directory.credentials):
        return None
    section = parser["default"]
    return section["aws_access_key_id"], section["aws_secret_access_key"]
