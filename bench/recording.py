"""What recording costs a read: CPU time of one GetSecretValue with its records and without, in one process.

    PYTHONPATH=src python -m bench.recording

"Without" exists here alone: the chain's maker of records and the journal are put aside for a round. Rounds with and
without take turns, and the best of each are compared. The network, TLS and HTTP are left out, which would only make
the share smaller. Exit 1 where recording costs more than 15 % of the throughput.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import machine
from bench.steps import SECRETS, SOURCES, _fill, _open, _wait_for_writes, signed
from strongroom.app import Opened
from strongroom.base.http import HTTPRequest
from strongroom.kernel.call import Record

MOST_SHARE = 0.15
NOTHING = Record("", {"eventType": "AwsApiCall"}, writes=False)


@contextmanager
def unrecorded(opened: Opened) -> Iterator[None]:
    """The same product, whose reads leave no record."""
    of, read = opened.chain.records.of, opened.recorder.read

    def no_record(*_: Any) -> Record:
        return NOTHING

    def no_write(_: Any) -> None:
        return None

    opened.chain.records.of = no_record  # type: ignore[method-assign]
    opened.recorder.read = no_write  # type: ignore[method-assign]
    try:
        yield
    finally:
        opened.chain.records.of = of  # type: ignore[method-assign]
        opened.recorder.read = read  # type: ignore[method-assign]


def timed(opened: Opened, requests: list[HTTPRequest], calls: int, turn: int) -> float:
    """Microseconds of CPU of one read; the records of so many go out together, as in one turn of the event loop."""
    begun = time.process_time_ns()
    held: list[Any] = []
    for at in range(calls):
        given = requests[at % SECRETS]
        request = HTTPRequest(given.method, given.path, given.query, given.headers, given.body)
        source = SOURCES.of("127.0.0.1", request.by_name.get(b"user-agent", b""), request.by_name[b"host"], None)
        flight = opened.chain.enter(opened.chain.begin(request, source))
        held.extend(flight.records)
        if at % turn == turn - 1:
            opened.recorder.read(held)
            held.clear()
    return (time.process_time_ns() - begun) / calls / 1e3


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--turn", type=int, default=8, help="reads that are answered in one turn of the event loop")
    given = parser.parse_args()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-recording-") as folder:
        opened, key = _open(Path(folder))
        try:
            _fill(opened, key)
            requests = [signed(key, "GetSecretValue", {"SecretId": f"bench/secret-{n:04d}"}) for n in range(SECRETS)]
            _wait_for_writes(opened, requests)
            with_, without = [], []
            for _ in range(given.rounds):
                with_.append(timed(opened, requests, given.calls, given.turn))
                with unrecorded(opened):
                    without.append(timed(opened, requests, given.calls, given.turn))
        finally:
            opened.close()
    recorded, bare = min(with_), min(without)
    share = 1 - bare / recorded
    print(f"one GetSecretValue with its records {recorded:.1f} us, without {bare:.1f} us of CPU")
    print(f"recording takes {share:.1%} of the throughput, HTTP left out")
    return 1 if share > MOST_SHARE else 0


if __name__ == "__main__":
    sys.exit(main())
