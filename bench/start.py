"""How long a start takes, in turns: an existing directory, an empty one and ``--help``, beside a bare Python.

    PYTHONPATH=src python -m bench.start --rounds 9 --before ../tree-before

A start is the time from the command to the first request that is answered with 200 (``/_strongroom/health?ready``,
asked every 2 ms), with two workers and plain HTTP. The bare Python, and one that loads what no server of this kind
can do without, say how fast the machine is just now. ``--before`` has another tree take its turns in between.
Told are milliseconds by the clock (least, median, most), milliseconds of processor of the whole family until the
answer, and how many bare Pythons that is; with ``--before`` the ratio of neighbours too (median, least, most).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.servers import family, free_port

HERE = Path(__file__).resolve().parents[1]
BARE = "python -c pass"
LIBRARIES = "import sqlite3, ssl, asyncio, uvloop, httptools, orjson, cryptography.hazmat.bindings._rust"
"""What every server like this one must load: the store's, the loop's, the parser's and the crypto library."""
_ASKS = b"GET /_strongroom/health?ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Took:
    """One turn: seconds by the clock, and of processor."""

    wall: float
    processor: float


@dataclass(frozen=True)
class Installed:
    """A tree of the program, and where its data lies."""

    tree: Path
    home: Path

    def turns(self) -> dict[str, Callable[[], Took]]:
        """What is measured of it."""
        return {
            "strongroom --help": lambda: self.runs("-m", "strongroom.cli", "--help"),
            "serve, an existing directory": lambda: self.serves(self.home / "used"),
            "serve, an empty one": self.begins,
        }

    def runs(self, *words: str) -> Took:
        """A Python that ends by itself."""
        before = os.times()
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=self._environment(), cwd=self.tree
        )
        wall = time.perf_counter() - begun
        after = os.times()
        return Took(wall, sum(after[2:4]) - sum(before[2:4]))

    def begins(self) -> Took:
        """A server that makes its directory."""
        shutil.rmtree(self.home / "empty", ignore_errors=True)
        return self.serves(self.home / "empty")

    def serves(self, data: Path) -> Took:
        """A server, until its first answer."""
        port = free_port()
        command = [sys.executable, "-m", "strongroom.cli", "serve", "--data", str(data), "--workers", "2"]
        command += ["--listen", f"127.0.0.1:{port}", "--tls", "off"]
        begun = time.perf_counter()
        server = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self._environment(), cwd=self.tree
        )
        try:
            while not _answers(port):
                if server.poll() is not None or time.perf_counter() - begun > 120:
                    raise SystemExit("the server did not start")
                time.sleep(0.002)
            wall = time.perf_counter() - begun
            return Took(wall, _spent(server.pid))
        finally:
            server.terminate()
            server.wait(60)

    def _environment(self) -> dict[str, str]:
        """As where it is installed: modules are read compiled, whatever this environment says of that."""
        found = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        compiled = self.home / "bytecode"
        return found | {"PYTHONPATH": str(self.tree / "src"), "PYTHONPYCACHEPREFIX": str(compiled)}


def main() -> int:
    """Run it."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--rounds", type=int, default=9)
    read.add_argument("--before", type=Path, help="another tree of the same program, to compare with")
    read.add_argument("--only", default="", help="the turns of the program whose names have this in them")
    given = read.parse_args()
    print("machine:", machine.describe())
    found: dict[str, list[Took]] = {}
    with tempfile.TemporaryDirectory(prefix="strongroom-start-") as folder:
        here = Installed(HERE, Path(folder) / "here")
        here.home.mkdir()
        turns: dict[str, Callable[[], Took]] = {
            BARE: lambda: here.runs("-c", "pass"),
            "the libraries alone": lambda: here.runs("-c", LIBRARIES),
        }
        trees = {"": here}
        if given.before is not None:
            trees["before: "] = Installed(given.before.resolve(), Path(folder) / "before")
            trees["before: "].home.mkdir()
        for name in here.turns():  # neighbours, because the machine changes its speed
            turns |= {title + name: tree.turns()[name] for title, tree in trees.items() if given.only in name}
        for turn in turns.values():
            turn()  # bytecode is written, files come into memory
        for _ in range(given.rounds):
            for name, turn in turns.items():
                found.setdefault(name, []).append(turn())
    _tell(found)
    _compare(found)
    return 0


def _compare(found: dict[str, list[Took]]) -> None:
    for name, now in found.items():
        before = found.get(f"before: {name}")
        if before is not None:
            ratios = sorted(ours.wall / theirs.wall for ours, theirs in zip(now, before, strict=True))
            spent = statistics.median(one.processor for one in now)
            theirs = statistics.median(one.processor for one in before)
            print(
                f"{name}: {statistics.median(ratios):.2f} of the time before ({ratios[0]:.2f} to {ratios[-1]:.2f}), "
                f"{spent / theirs:.2f} of the processor's"
            )


def _tell(found: dict[str, list[Took]]) -> None:
    bare = statistics.median(one.wall for one in found[BARE])
    print(f"{'':<40}{'least':>8}{'median':>8}{'most':>8}{'cpu':>8}   ratio")
    for name, turns in found.items():
        walls = [one.wall for one in turns]
        told = (min(walls), statistics.median(walls), max(walls), statistics.median(one.processor for one in turns))
        print(f"{name:<40}" + "".join(f"{seconds * 1e3:8.0f}" for seconds in told) + f"{told[1] / bare:8.1f}")


def _answers(port: int) -> bool:
    """Whether a worker answers that it is ready."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as asked:
            asked.sendall(_ASKS)
            return asked.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _spent(pid: int) -> float:
    """Seconds of processor of a family so far, those included that have ended."""
    ticks = 0
    for one in family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
