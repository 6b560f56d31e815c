"""The two servers of a bench, each started on a free loopback port and ended by its pid."""

from __future__ import annotations

import configparser
import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType


def free_port() -> int:
    """A loopback port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Server:
    def __init__(self, command: list[str], url: str, probe: str) -> None:
        self.url = url
        self._probe = url + probe
        self._command = command
        self.ready_seconds = 0.0

    def __enter__(self) -> _Server:
        begun = time.perf_counter()
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() - begun > 30:
                raise SystemExit(f"{self._command[0]} did not start")
            time.sleep(0.01)
        self.ready_seconds = time.perf_counter() - begun
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(15)
            return
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._probe, timeout=1) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class Strongroom(_Server):
    """Ours, over plain loopback HTTP."""

    def __init__(self, data: Path, *, workers: int, extra: tuple[str, ...] = ()) -> None:
        port = free_port()
        self._data = data
        super().__init__(
            [
                sys.executable,
                "-m",
                "strongroom.cli",
                "serve",
                "--data",
                str(data),
                "--listen",
                f"127.0.0.1:{port}",
                "--tls",
                "off",
                "--workers",
                str(workers),
                *extra,
            ],
            f"http://127.0.0.1:{port}",
            "/_strongroom/health?ready",
        )

    @property
    def key(self) -> tuple[str, str]:
        """The first administrator's access key."""
        read = configparser.RawConfigParser()
        read.read(self._data / "credentials")
        return read["default"]["aws_access_key_id"], read["default"]["aws_secret_access_key"]


class Moto(_Server):
    """The peer: moto's server, which checks nothing of all this by default."""

    key = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    def __init__(self, program: Path) -> None:
        port = free_port()
        super().__init__([str(program), "-p", str(port)], f"http://127.0.0.1:{port}", "/moto-api/")
