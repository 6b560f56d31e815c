"""What recording costs a read: GetSecretValue of a whole server that records, beside one whose reads leave no record.

    PYTHONPATH=src python -m bench.recording

Two servers stand side by side with a worker each. Both workers run on one and the same processor and are loaded at the
same time, from another one: a machine's speed wanders by a quarter from one second to the next, and so it wanders for
both alike. What decides is the processor time of the workers for each answer, the median of all turns; beside it stands
how many answers each gave in its half of the processor. One after the other, a second each, half of the pairs lay 20
points apart, and so they lie five. Ends within 90 seconds. Exit 1 where recording costs more than 15 % of the
throughput.

"Without" exists here alone: ``bench.recording serve`` puts the maker of records and the journal's writer aside for
reads before it runs the product's own ``serve``. The index, which the runner makes of the records afterwards, yields to
calls; its processor time is printed apart.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import orjson
from botocore.config import Config

from bench import load, machine
from bench.records import granted
from bench.servers import Strongroom
from strongroom.cli import main as strongroom
from strongroom.kernel.call import AnyRecord, Call, Record, Remembered
from strongroom.kernel.onbehalf import OnBehalf
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.records import Records
from strongroom.server.lines import ask

MOST_SHARE = 0.15
SECRETS = 200
MOST_SECONDS = 75.0
_NOTHING = Record(
    "", {"eventType": "AwsApiCall", "eventSource": "kms.amazonaws.com", "eventName": "Decrypt"}, writes=False
)


@dataclass(frozen=True)
class Half:
    """One turn of one server: answers a second, and microseconds of the workers' processor time for each."""

    rate: float
    micros: float


class Unrecorded(Strongroom):
    """The same server, whose reads leave no record."""

    def __init__(self, data: Path, *, workers: int) -> None:
        super().__init__(data, workers=workers)
        at = self._command.index("strongroom.cli")
        self._command[at] = "bench.recording"


def serve_without(words: Sequence[str]) -> int:
    """Run the product's ``serve`` with recording put aside for reads that are granted. Everything else is recorded."""
    of, read = Records.of, Recorder.read

    def no_record(records: Records, call: Call, operation: Any, model: Any, answer: Any, error: Any, tx: Any) -> Any:
        if error is None and tx is not None and not tx.writable:
            return _NOTHING
        return of(records, call, operation, model, answer, error, tx)

    def no_write(recorder: Recorder, records: Sequence[AnyRecord]) -> None:
        kept = [one for one in records if one is not _NOTHING]
        if kept:
            read(recorder, kept)

    def no_repeat(_: OnBehalf, call: Call, __: Remembered) -> None:
        call.records.append(_NOTHING)

    Records.of = no_record  # type: ignore[method-assign, assignment]
    Recorder.read = no_write  # type: ignore[method-assign, assignment]
    OnBehalf.repeat = no_repeat  # type: ignore[method-assign, assignment]
    return strongroom(list(words))


class Measured:
    """One server under load, its requests signed once."""

    def __init__(self, server: Strongroom, data: Path, script: Path) -> None:
        self.server = server
        self.answered = 0
        self._script = script
        children = ask(data / "run" / "admin.sock", {"do": "status"}, timeout=30)["children"]
        self._workers = [int(one["pid"]) for one in children if one["name"].startswith("worker")]
        self._runner = [int(one["pid"]) for one in children if one["name"] == "runner"]
        _fill(server)
        bodies = [orjson.dumps({"SecretId": f"bench/secret-{number:04d}"}) for number in range(SECRETS)]
        load.write_pool(script, server.url, server.key, "secretsmanager.GetSecretValue", bodies)

    def confine(self, workers: int, rest: int) -> None:
        """Have the workers run on one processor, and all else of this server on another."""
        for pids, processor in ((self._workers, workers), (self._runner, rest)):
            for pid in pids:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    os.sched_setaffinity(int(task.name), {processor})

    def turn(self) -> Half | None:
        """One second of load; None where others had the whole of it."""
        before = _cpu_micros(self._workers)
        found = load.run(self._script, self.server.url, seconds=1)
        spent = _cpu_micros(self._workers) - before
        if found.refused or found.broken:
            raise SystemExit(f"{found.refused} calls were refused, {found.broken} broken")
        self.answered += found.requests
        return Half(found.rate, spent / found.requests) if found.requests else None

    def aside(self) -> float:
        """Microseconds of the runner's processor time for each answer so far."""
        return _cpu_micros(self._runner) / max(1, self.answered)


def _cpu_micros(pids: Sequence[int]) -> float:
    """The processor time of all threads of some processes. Source: Linux, Documentation/scheduler/sched-stats."""
    nanoseconds = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            nanoseconds += int((task / "schedstat").read_text().split()[0])
    return nanoseconds / 1e3


def _fill(server: Strongroom) -> None:
    client = boto3.session.Session(
        aws_access_key_id=server.key[0], aws_secret_access_key=server.key[1], region_name="us-east-1"
    ).client("secretsmanager", endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}))
    value = orjson.dumps({"username": "admin", "password": "x" * 40, "host": "db.internal", "port": 5432}).decode()
    for number in range(SECRETS):
        client.create_secret(Name=f"bench/secret-{number:04d}", SecretString=value)


def compared(with_: Measured, without: Measured, turns: int, until: float) -> list[tuple[Half, Half]]:
    """(with, without) of each turn that both take at the same time, as many as time allows."""
    found: list[tuple[Half, Half]] = []
    with ThreadPoolExecutor(2) as threads:
        for _ in range(turns):
            if time.monotonic() > until:
                break
            full, bare = threads.map(Measured.turn, (with_, without))
            if full is not None and bare is not None:
                found.append((full, bare))
    return found


def spread(values: Sequence[float]) -> str:
    """Median and quartiles of shares."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.1%} (half of the turns between {low:.1%} and {high:.1%})"


def main() -> int:
    """Measure and print."""
    if sys.argv[1:2] == ["serve"]:
        return serve_without(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=40, help="of one second, as many as 75 seconds allow")
    given = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        raise SystemExit("this takes two processors: one for the workers, one for the load")
    until = time.monotonic() + MOST_SECONDS
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-recording-") as folder:
        place = Path(folder)
        with (
            Strongroom(place / "with", workers=1) as recording,
            Unrecorded(place / "without", workers=1) as silent,
        ):
            with_ = Measured(recording, place / "with", place / "with.lua")
            without = Measured(silent, place / "without", place / "without.lua")
            for one in (with_, without):  # the first read of a day is a write
                while one.answered < 2 * SECRETS and time.monotonic() < until:
                    one.turn()
                one.confine(processors[1], processors[0])
            os.sched_setaffinity(0, {processors[0]})  # and so for the load, which this process begins
            pairs = compared(with_, without, given.turns, until)
            aside = with_.aside() - without.aside()
        recorded, unrecorded = (granted(place / name / "journal") for name in ("with", "without"))
    if len(pairs) < 2:
        raise SystemExit("too few turns came about in the time; is the machine busy?")
    whole = recorded["GetSecretValue"] >= with_.answered and recorded["Decrypt"] >= with_.answered
    # Of the first reads those are recorded that were writes.
    bare = unrecorded["GetSecretValue"] <= SECRETS and unrecorded["Decrypt"] <= SECRETS
    if not whole or not bare:
        raise SystemExit(f"records: {recorded['GetSecretValue']} of {with_.answered}; {unrecorded['GetSecretValue']}")
    shares = [1 - bare.micros / full.micros for full, bare in pairs]
    rates = [1 - full.rate / bare.rate for full, bare in pairs]
    full_us, bare_us = (statistics.median(half.micros for half in halves) for halves in zip(*pairs, strict=True))
    full_rate, bare_rate = (statistics.median(half.rate for half in halves) for halves in zip(*pairs, strict=True))
    print(f"{len(pairs)} turns of both at once, a worker each, on one processor")
    print(f"an answer takes {full_us:.1f} us of the workers' time with its records, {bare_us:.1f} us without")
    print(f"by the workers' processor time recording takes {spread(shares)} of the throughput")
    print(f"by the rate ({full_rate:,.0f} and {bare_rate:,.0f} a second in a half each) {spread(rates)}")
    print(f"aside, in the runner: {aside:.1f} us for each recorded answer")
    return 1 if statistics.median(shares) > MOST_SHARE else 0


if __name__ == "__main__":
    sys.exit(main())
