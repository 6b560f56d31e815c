"""What the index of the journal costs the runner a record: reads of few secrets, of many at random, and their creation.

    PYTHONPATH=src python -m bench.indexing

One worker without sockets (``bench.stack``) makes a journal of each kind. Then each is indexed as the runner does it,
each time into a new index, in turns: microseconds of processor a record, and what the index has of each on disk.
``--before ../other-tree`` has another tree of the program index the same journals in between, and prints the median of
the ratios of neighbours. ``--profile`` tells what the time is spent on.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import uvloop

from bench import machine
from bench.stack import CONNECTIONS, VALUE, Worker
from bench.unremembered import asked_all
from strongroom.base.clock import machine_clock
from strongroom.kernel.trail.follow import Follower
from strongroom.kernel.trail.index import Index
from strongroom.kernel.trail.indexing import rebuild

FEW = 200
KINDS = ("few", "many", "creates")


@dataclass(frozen=True)
class Took:
    """What one indexing took: processor time a record, bytes of the index a record, and the most memory there was."""

    micros: float
    size: float
    memory: int


async def _make(folder: Path, secrets: int, reads: int) -> None:
    """A journal of each kind, from one worker's calls: its segments are moved aside between them."""
    (folder / "data").mkdir(parents=True)
    worker = Worker(folder / "data")
    tags = [{"Key": "team", "Value": "search"}, {"Key": "stage", "Value": "prod"}]
    journals = {kind: folder / kind for kind in KINDS}
    for first in range(0, secrets, 2000):  # signatures are good for five minutes
        some = range(first, min(first + 2000, secrets))
        named = [{"Name": f"bench/{one:06d}", "ClientRequestToken": f"{one:032d}", "Tags": tags} for one in some]
        made = [
            worker.request("secretsmanager", "secretsmanager.CreateSecret", SecretString=VALUE, **one) for one in named
        ]
        await asked_all(worker, made)
    begin = _take(folder / "data" / "journal", journals["creates"], {})
    asked = [
        worker.request("secretsmanager", "secretsmanager.GetSecretValue", SecretId=f"bench/{number:06d}")
        for number in range(secrets)
    ]
    await asked_all(worker, asked)  # the first read of a day is a write
    begin = _take(folder / "data" / "journal", None, begin)
    chance = random.Random(0)
    for kind, some in (("few", asked[:FEW]), ("many", asked)):
        for _ in range(0, reads, CONNECTIONS):
            await worker.turn(chance.choices(some, k=CONNECTIONS))
        begin = _take(folder / "data" / "journal", journals[kind], begin)
    worker.close()


def _take(journal: Path, into: Path | None, begin: dict[str, int]) -> dict[str, int]:
    """Copy what came into the segments since they had so many bytes; how many they have now."""
    time.sleep(1)
    if into is not None:
        into.mkdir()
    now = dict[str, int]()
    for path in sorted(journal.glob("*.jsonl")):
        data = path.read_bytes()
        now[path.name] = len(data)
        if into is not None and (some := data[begin.get(path.name, 0) :]):
            (into / path.name).write_bytes(some)
    return now


def followed(journal: Path, folder: Path) -> Took:
    """Index a journal, as an index that is made anew does."""
    path = folder / "trail.1.db"
    folder.mkdir(exist_ok=True)

    def following(index: Index) -> Follower:
        return Follower(journal, index, set, machine_clock)

    begun = time.process_time()
    rebuild(path, following, threading.Event())
    spent = time.process_time() - begun
    memory = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
    count = sum(one.read_bytes().count(b',"event":{') for one in journal.iterdir())
    return Took(spent * 1e6 / count, path.stat().st_size / count, memory)


def _profiled(journal: Path, folder: Path) -> None:
    profile = cProfile.Profile()
    profile.enable()
    followed(journal, folder)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def _apart(tree: Path, journal: Path) -> Took:
    """The same in a process of its own, of this tree or another."""
    with tempfile.TemporaryDirectory(dir=journal.parent, prefix="index-") as folder:
        done = subprocess.run(
            [sys.executable, __file__, "--follow", str(journal), folder],
            env={**os.environ, "PYTHONPATH": f"{tree / 'src'}:{Path(__file__).resolve().parents[1]}"},
            capture_output=True,
            check=True,
        )
    return Took(**orjson.loads(done.stdout))


def _told(kind: str, now: Sequence[Took], before: Sequence[Took]) -> str:
    middle, micros, memory = statistics.median, [one.micros for one in now], max(one.memory for one in now) >> 10
    line = (
        f"{kind:8} {min(micros):6.2f} us a record at least, half {middle(micros):6.2f},"
        f" {now[0].size:4.0f} bytes, {memory} MB at most"
    )
    if before:
        ratios = sorted(ours.micros / theirs.micros for ours, theirs in zip(now, before, strict=True))
        line += (
            f"; before: half {middle(one.micros for one in before):6.2f}, {before[0].size:4.0f} bytes,"
            f" {max(one.memory for one in before) >> 10} MB;"
            f" {middle(ratios):.2f} of it ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
    return line


def main() -> int:
    """Make, index, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--secrets", type=int, default=20_000)
    parser.add_argument("--reads", type=int, default=40_000, help="of each kind")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--before", type=Path, help="another tree of the same program, to compare with")
    parser.add_argument("--journals", type=Path, help="where the journals lie; made there where they are missing")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--follow", type=Path, nargs=2, metavar=("JOURNAL", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.follow is not None:
        print(orjson.dumps(followed(*given.follow)).decode())
        return 0
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-indexing-") as folder:
        place: Path = given.journals or Path(folder)
        if not all((place / kind).exists() for kind in KINDS):
            uvloop.run(_make(place, given.secrets, given.reads))
        for kind in KINDS:
            if given.profile:
                _profiled(place / kind, Path(folder) / kind)
                continue
            now, before = list[Took](), list[Took]()
            for _ in range(given.rounds):
                now.append(_apart(Path(__file__).resolve().parents[1], place / kind))
                if given.before is not None:
                    before.append(_apart(given.before.resolve(), place / kind))
            print(_told(kind, now, before))
    return 0


if __name__ == "__main__":
    sys.exit(main())
