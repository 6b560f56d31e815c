"""The two servers of a bench, each started on a free loopback port and ended by its pid."""

from __future__ import annotations

import configparser
import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self


def free_port() -> int:
    """A loopback port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family(pid: int) -> list[int]:
    """A process and all that come from it."""
    family = [pid]
    for one in family:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                family += map(int, (thread / "children").read_text().split())
    return family


class _Server:
    def __init__(self, command: list[str], url: str, probe: str) -> None:
        self.url = url
        self._probe = url + probe
        self._command = command
        self.ready_seconds = 0.0

    def __enter__(self) -> Self:
        begun = time.perf_counter()
        # Compiled modules are kept, as on any machine that has started it once.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() - begun > 120:
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

    @property
    def pid(self) -> int:
        """The first process of the family."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """The processor time that the server's whole family has taken so far."""
        ticks = 0
        for pid in family(self._process.pid):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> list[float]:
        """The memory of each process of the family, shared pages counted in proportion (PSS)."""
        found = []
        for pid in family(self._process.pid):
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                found.append(int(text.split("Pss:", 1)[1].split()[0]) / 1024)
        return found

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._probe, timeout=1, context=self._trust()) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _trust(self) -> ssl.SSLContext | None:
        """Whom its clients trust; None where it speaks plain HTTP."""
        return None


class Strongroom(_Server):
    """Ours, on loopback, over plain HTTP unless ``tls``."""

    def __init__(self, data: Path, *, workers: int, extra: tuple[str, ...] = (), tls: bool = False) -> None:
        port = free_port()
        self._data = data
        self.authority = data / "tls" / "ca.pem" if tls else None
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
                "auto" if tls else "off",
                "--workers",
                str(workers),
                *extra,
            ],
            f"{'https' if tls else 'http'}://127.0.0.1:{port}",
            "/_strongroom/health?ready",
        )

    def _trust(self) -> ssl.SSLContext | None:
        return None if self.authority is None else ssl.create_default_context(cafile=self.authority)

    @property
    def key(self) -> tuple[str, str]:
        """The first administrator's access key."""
        read = configparser.RawConfigParser()
        read.read(self._data / "credentials")
        return read["default"]["aws_access_key_id"], read["default"]["aws_secret_access_key"]


class Bare(_Server):
    """The peer that checks and stores nothing (bench/bare.py)."""

    key = ("AKIAIOSFODNN7EXAMPLE", "none")

    def __init__(self, *, workers: int) -> None:
        port = free_port()
        super().__init__([sys.executable, "-m", "bench.bare", str(port), str(workers)], f"http://127.0.0.1:{port}", "/")


class Moto(_Server):
    """The peer: moto's server, which checks nothing of all this by default."""

    key = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    def __init__(self, program: Path) -> None:
        port = free_port()
        super().__init__([str(program), "-p", str(port)], f"http://127.0.0.1:{port}", "/moto-api/")
