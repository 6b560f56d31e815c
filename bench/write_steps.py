"""What each step of one PutSecretValue costs (or, with --creates, of one CreateSecret), in microseconds of processor,
and which statements it runs.

The product is made in a temporary directory and asked in this process, as a worker's loop and its write queue would
be: so many requests at once, then all their answers. Each step is timed where it stands, among the others.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.credentials import Credentials

from bench import machine
from bench.steps import SECRETS, SOURCES, VALUE, fill, open_product, signed
from strongroom.app import Opened
from strongroom.base.http import HTTPRequest
from strongroom.kernel import steps as steps_file
from strongroom.kernel.flight import Flight
from strongroom.kernel.storage.compile import bind
from strongroom.kernel.storage.sqlite import SQLiteReading
from strongroom.kernel.storage.sqlite_write import SQLiteBatch
from strongroom.kernel.storage.writequeue import Outcome, Waiter


class Spent:
    """Processor time of its own thread that each wrapped function takes, and what is spent in those inside it.

    ``by_name``: (own and inner, calls). Each number is a sum over all calls, in nanoseconds.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, list[int]] = {}

    def around(self, name: str, timed: Callable[..., Any], clock: Callable[[], int]) -> Callable[..., Any]:
        """The same function, timed under a name."""
        spent = self.by_name.setdefault(name, [])

        def measured(*given: Any, **named: Any) -> Any:
            begun = clock()
            try:
                return timed(*given, **named)
            finally:
                spent.append(clock() - begun)

        return measured


def main() -> int:
    """Print the whole, its parts and its statements."""
    arguments = _arguments()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-writes-") as folder:
        opened, key = open_product(Path(folder))
        try:
            fill(opened, key)
            rounds = [_round(opened, _groups(key, arguments)) for _ in range(arguments.rounds)]
            best, median = min(rounds), statistics.median(rounds)
            at_once = arguments.at_once
            name = "CreateSecret" if arguments.creates else "PutSecretValue"
            print(f"one {name} of {at_once} at once: best {best:.0f}, median {median:.0f} us of processor")
            _by_statement(opened, key, arguments)
            _by_step(opened, key, arguments)
        finally:
            opened.close()
    return 0


def _groups(key: Credentials, arguments: argparse.Namespace) -> list[list[HTTPRequest]]:
    """The requests of one round, in the groups that come at once; each writes a version of its own."""
    value = {"SecretString": VALUE}
    if arguments.creates:
        made = [("CreateSecret", {"Name": f"bench/new-{uuid.uuid4()}", **value}) for _ in range(arguments.calls)]
    else:
        puts = [{"SecretId": f"bench/secret-{number % SECRETS:04d}", **value} for number in range(arguments.calls)]
        made = [("PutSecretValue", one) for one in puts]
    requests = [signed(key, name, {**one, "ClientRequestToken": str(uuid.uuid4())}) for name, one in made]
    return [requests[at : at + arguments.at_once] for at in range(0, len(requests), arguments.at_once)]


def _round(opened: Opened, groups: list[list[HTTPRequest]]) -> float:
    """Processor time a call, over all threads of the process."""
    begun = time.process_time_ns()
    for group in groups:
        _ask(opened, group)
    return (time.process_time_ns() - begun) / sum(map(len, groups)) / 1e3


def _ask(opened: Opened, group: list[HTTPRequest]) -> None:
    waiters: list[tuple[Flight, Waiter]] = []
    held = threading.Event()
    opened.queue.submit(lambda _tx: Outcome(keep=held.wait(60), records=(), value=None), lambda _: None)
    for request in group:
        source = SOURCES.of("127.0.0.1", b"bench", request.by_name[b"host"], None)
        flight = opened.chain.enter(opened.chain.begin(request, source))
        waiter = Waiter()
        opened.queue.submit(lambda tx, flight=flight: opened.chain.write(flight, tx), waiter)
        waiters.append((flight, waiter))
    held.set()
    for flight, waiter in waiters:
        waiter.wait(60)
        if flight.reply is None or flight.reply.status != 200:
            raise SystemExit(f"a write was refused: {flight.reply}")


def _by_statement(opened: Opened, key: Credentials, arguments: argparse.Namespace) -> None:
    counted: Counter[str] = Counter()
    sent, read = SQLiteBatch._sent, SQLiteReading._run

    def counting(self: SQLiteBatch, sql: str, *rest: Any, **how: Any) -> Any:
        counted[_short(sql)] += 1
        return sent(self, sql, *rest, **how)

    def counting_reads(self: SQLiteReading, statement: Any, values: dict[str, Any]) -> Any:
        counted["(read beforehand) " + _short(bind(statement, "sqlite", values)[0].sql)] += 1
        return read(self, statement, values)

    SQLiteBatch._sent = counting  # type: ignore[method-assign]
    SQLiteReading._run = counting_reads  # type: ignore[method-assign]
    try:
        _round(opened, _groups(key, arguments))
    finally:
        SQLiteBatch._sent, SQLiteReading._run = sent, read  # type: ignore[method-assign]
    print(f"{sum(counted.values()) / arguments.calls:.1f} statements a call:")
    for sql, count in counted.most_common():
        print(f"{count / arguments.calls:8.2f}  {sql}")


def _short(sql: str) -> str:
    """A statement as one line; the columns that it reads are left out."""
    return re.sub(r"SELECT .*? FROM", "SELECT ... FROM", " ".join(sql.split()))[:110]


def _by_step(opened: Opened, key: Credentials, arguments: argparse.Namespace) -> None:
    spent, clock = Spent(), time.thread_time_ns
    chain, recorder = opened.chain, opened.recorder
    chain.enter = spent.around("enter: proven, read and worked out, in the loop", chain.enter, clock)  # type: ignore[method-assign]
    chain.write = spent.around("write: its turn", chain.write, clock)  # type: ignore[method-assign]
    steps_file.INSIDE = tuple(  # type: ignore[assignment]
        spent.around(f"  {step.__name__} (both calls)", step, clock) for step in steps_file.INSIDE
    )
    chain.records.of = spent.around("  records (both calls)", chain.records.of, clock)  # type: ignore[method-assign]
    chain.ask = spent.around("  ask on behalf: kms:GenerateDataKey, in handle", chain.ask, clock)  # type: ignore[method-assign]
    recorder.before_commit = spent.around("ledger: ids, feed, journal", recorder.before_commit, clock)  # type: ignore[method-assign]
    journal = recorder.journal
    journal.append = spent.around("  journal: lines, chain, write", journal.append, clock)  # type: ignore[method-assign]
    journal.sync = spent.around("  journal: sync", journal.sync, clock)  # type: ignore[method-assign]
    recorder.committed = spent.around("ledger: committed", recorder.committed, clock)  # type: ignore[method-assign]
    sent, commit, read = SQLiteBatch._sent, SQLiteBatch.commit, SQLiteReading._run
    SQLiteReading._run = spent.around("statements read beforehand", read, clock)  # type: ignore[method-assign]
    SQLiteBatch._sent = spent.around("statements in the writer's place", sent, clock)  # type: ignore[method-assign]
    SQLiteBatch.commit = spent.around("commit, with its sync", commit, clock)  # type: ignore[method-assign]
    try:
        _round(opened, _groups(key, arguments))
    finally:
        SQLiteBatch._sent, SQLiteBatch.commit = sent, commit  # type: ignore[method-assign]
        SQLiteReading._run = read  # type: ignore[method-assign]
    for name, times in spent.by_name.items():
        print(f"{sum(times) / arguments.calls / 1e3:8.1f} us  {name}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=960)
    parser.add_argument("--at-once", type=int, default=24, help="requests that come together (default: 24)")
    parser.add_argument("--creates", action="store_true", help="make secrets, in place of new versions")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
