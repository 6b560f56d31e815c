"""GetSecretValue at random over all secrets of a large store, beside a thousand of them, in one run.

    PYTHONPATH=src python -m bench.at_random --secrets 100000

Two workers, 48 connections from wrk on the same cores, as ``bench.get_secret_value``. Secrets come by ``strongroom
import``. In interleaved rounds the same server is asked for a thousand of them and for others drawn from all; every
one of these has been read that day already, because the first read of a day sets a date.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import orjson

from bench import load, machine
from bench.filled import row
from bench.servers import Strongroom
from bench.sizes import import_lines, write_lines

TARGET = "secretsmanager.GetSecretValue"
FEW = 1_000
GOAL = 0.9
REST_AT_MOST_S = 120


def main() -> int:
    """Run it; exit 1 where the ratio is below the goal."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--secrets", type=int, default=50_000)
    read.add_argument("--asked", type=int, default=20_000, help="how many of them are drawn")
    read.add_argument("--rounds", type=int, default=5)
    read.add_argument("--seconds", type=int, default=3)
    given = read.parse_args()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-random-") as folder:
        base = Path(folder)
        write_lines(base / "secrets.jsonl", given.secrets)
        with Strongroom(base / "data", workers=2) as server:
            import_lines(base / "data", base / "secrets.jsonl")
            ratio = _ratio(server, base, given)
    print(f"{given.secrets:,} secrets at random: {ratio:.2f} of the rate at {FEW:,} (goal: {GOAL})")
    return int(ratio < GOAL)


def _ratio(server: Strongroom, base: Path, given: argparse.Namespace) -> float:
    names = {
        "few": [row(number)["name"] for number in range(FEW)],
        "all": [row(number)["name"] for number in random.sample(range(given.secrets), min(given.asked, given.secrets))],
    }
    bodies = {told: [orjson.dumps({"SecretId": name}) for name in found] for told, found in names.items()}
    for told, asked in bodies.items():
        _read_each(server, base, told, asked)
    _rest(server)
    begin = dict.fromkeys(bodies, 0)  # each round goes on where the last one ended, or the end would never be reached
    found: dict[str, list[float]] = {told: [] for told in bodies}
    for _ in range(given.rounds):
        for told, asked in bodies.items():
            spent = server.cpu_seconds()
            at = begin[told]
            one = _round(server, base, told, asked[at:] + asked[:at], given.seconds)
            begin[told] = (at + one.requests) % len(asked)
            spent = server.cpu_seconds() - spent
            found[told].append(one.rate)
            each = spent / max(1, one.requests) * 1e6
            print(f"{told}: {one.rate:8,.0f}/s p50 {one.p50_ms:.1f} p99 {one.p99_ms:.1f} ms, {each:.0f} us each")
    return statistics.median(found["all"]) / statistics.median(found["few"])


def _rest(server: Strongroom) -> None:
    """Wait until nothing of the import is left to be done: its records are indexed behind it."""
    begun = time.monotonic()
    while time.monotonic() - begun < REST_AT_MOST_S:
        spent = server.cpu_seconds()
        time.sleep(1)
        if server.cpu_seconds() - spent < 0.1:
            break
    print(f"at rest {time.monotonic() - begun:.0f} s behind the first reads")


def _read_each(server: Strongroom, base: Path, told: str, bodies: list[bytes]) -> None:
    """Read each once, so that none is read for the first time later. A busy machine may refuse some: then all again."""
    for _ in range(5):
        done = refused = 0
        while done < len(bodies):
            one = _asked(server, base, told, bodies[done:], 3)
            done, refused = done + one.requests, refused + one.refused
        if not refused:
            return
    raise SystemExit("the server refuses reads")


def _round(server: Strongroom, base: Path, told: str, bodies: list[bytes], seconds: int) -> load.Load:
    one = _asked(server, base, told, bodies, seconds)
    if one.refused + one.broken:
        raise SystemExit(f"{one.refused} calls were refused, {one.broken} broken")
    return one


def _asked(server: Strongroom, base: Path, told: str, bodies: list[bytes], seconds: int) -> load.Load:
    script = base / f"{told}.lua"
    load.write_pool(script, server.url, server.key, TARGET, bodies)  # signatures are good for five minutes
    return load.run(script, server.url, seconds=seconds)


if __name__ == "__main__":
    sys.exit(main())
