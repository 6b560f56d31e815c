"""What all targets need: a free port, a directory that their user may enter, certificates, an end by pid."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from strongroom.kernel.crypto.certificates import issue_server, make_authority

SECONDS = 60.0
"""How long a server may take to answer."""


@dataclass(frozen=True)
class Certificates:
    """An authority, and a certificate of it for loopback, as files of one owner."""

    authority: str
    chain: Path
    key: Path
    ca: Path


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
        return found


def directory(name: str) -> Path:
    """A new directory with a short path: Unix sockets lie in it."""
    made = Path(tempfile.mkdtemp(prefix=f"sr{name}-"))
    made.chmod(0o755)
    return made


def certificates(where: Path, user: str | None = None) -> Certificates:
    """A certificate for 127.0.0.1 and localhost, its key readable by its user alone."""
    now = datetime.now(UTC)
    authority = make_authority(now)
    issued = issue_server(authority, ["127.0.0.1", "localhost"], now)
    chain, key, ca = where / "server.pem", where / "server.key", where / "ca.pem"
    chain.write_bytes(issued.certificate)
    ca.write_bytes(authority.certificate)
    key.touch(0o600)
    key.write_bytes(issued.key)
    if user is not None:
        for file in (chain, key, ca):
            shutil.chown(file, user)
    return Certificates(authority.certificate.decode(), chain, key, ca)


def start(
    command: Sequence[str | Path],
    log: Path,
    *,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    answers: Callable[[], bool],
) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers; it ends with this process. Raises RuntimeError with its log."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            user=user,
            group=group_of(user),
            env=dict(env) if env is not None else None,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  calls one function of the C library
        )
    until = time.monotonic() + SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > until:
            stop(process)
            raise RuntimeError(log.read_text(errors="replace"))
        time.sleep(0.02)
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it, by its pid."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def listens(port: int) -> bool:
    """Whether somebody answers on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def nobody() -> str | None:
    """The user for servers that refuse to be root's; None where we are not root."""
    return "nobody" if os.geteuid() == 0 else None


def group_of(user: str | None) -> int | None:
    """The first group of a user."""
    return None if user is None else pwd.getpwnam(user).pw_gid


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
