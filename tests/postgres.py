"""A real PostgreSQL for tests: started when first asked for, on a Unix socket of its own, stopped by its pid.

One server a test process (so one an xdist worker), one database a test, cloned from a migrated template.
PostgreSQL refuses to run as root; there it is started as the user ``postgres`` or ``nobody``.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from strongroom.kernel.storage.migrations import migrate

PASSWORD = "canary-" + secrets.token_hex(8)
_PLAIN = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=60", "autovacuum=off")


def programs() -> Path | None:
    """The directory of the newest PostgreSQL server installed, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    told = shutil.which("initdb")
    return Path(told).parent if told else None


@dataclass
class Server:
    """One running server."""

    directory: Path
    programs: Path
    user: str | None
    port: int = 0
    more: tuple[str, ...] = ()
    """Settings beyond those of every test, such as ``ssl=on``."""
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _made: int = 0

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the server has said."""
        return self.directory / "log"

    def url(self, database: str = "postgres") -> str:
        """The address of a database, with its password."""
        port = f"&port={self.port}" if self.port else ""
        return f"postgresql://strongroom:{PASSWORD}@/{database}?host={self.directory}{port}"

    def start(self) -> None:
        """Start and wait until it answers. The server ends with the thread that makes it."""
        reached = ["listen_addresses=127.0.0.1", f"port={self.port}"] if self.port else ["listen_addresses="]
        settings = [f"unix_socket_directories={self.directory}", *reached, *_PLAIN, *self.more]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self.programs / "postgres",
                    "-D",
                    self.directory / "data",
                    *(part for setting in settings for part in ("-c", setting)),
                ],
                stdout=log,
                stderr=log,
                user=self.user,
                group=self.user,
                cwd=self.directory,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  calls one function of the C library
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url()).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(self.log.read_text()) from None
                time.sleep(0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT ends the sessions at once, SIGQUIT is a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
        self._process = None

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop and start again."""
        self.stop(how)
        self.start()

    def database(self, template: str = "migrated") -> str:
        """The address of a new database, a copy of ``template`` (``template0`` for an empty one)."""
        self._made += 1
        name = f"t{self._made}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database and whatever is still connected to it."""
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def started() -> Server:
    """A new server with a migrated template database. Raises RuntimeError where there is no PostgreSQL."""
    server = initialised()
    try:
        server.start()
        with psycopg.connect(server.url(), autocommit=True) as connection:
            # A locale that sorts unlike bytes, so that a missing COLLATE "C" would show.
            connection.execute("CREATE DATABASE migrated TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
        migrate(server.url("migrated"))
    except BaseException:
        remove(server)
        raise
    return server


def reachable_by_tcp() -> Server:
    """A new server that also listens on a loopback port, for what runs apart from this process: a target."""
    server = initialised()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server.port = free.getsockname()[1]
    try:
        server.start()
    except BaseException:
        remove(server)
        raise
    return server


def initialised() -> Server:
    """A server's directory, with nothing started. Raises RuntimeError where there is no PostgreSQL."""
    found = programs()
    if found is None:
        raise RuntimeError("these tests need PostgreSQL's server (Debian: apt-get install postgresql)")
    user = _unprivileged()
    # Short, for a Unix socket's path holds 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="srpg-"))
    if user is not None:
        shutil.chown(directory, user, user)
    secret = directory / "password"
    secret.touch(0o600)
    secret.write_text(PASSWORD)
    if user is not None:
        shutil.chown(secret, user, user)
    subprocess.run(
        [
            found / "initdb",
            "-D",
            directory / "data",
            "-U",
            "strongroom",
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        user=user,
        group=user,
        cwd=directory,
    )
    return Server(directory, found, user)


def remove(server: Server) -> None:
    """Stop and leave nothing behind."""
    server.stop()
    shutil.rmtree(server.directory)


def _unprivileged() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {line.split(":", 1)[0] for line in Path("/etc/passwd").read_text().splitlines()}
    return "postgres" if "postgres" in known else "nobody"


def _die_with_parent() -> None:
    # A test run that is killed must not leave a server behind.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)
