"""Twice as many calls as one worker can answer: what it answers, how fast, how fast it refuses, and who suffers.

One worker and one process of load, a core each. The load keeps its pace (bench/paced.py); capacity is what the same
load gets in a closed loop just before, over as many connections as the other benches have. A flood's first second, in
which all of its connections are accepted and the worker learns what it can refuse, is not counted. It has as many
connections as calls are due in 30 ms, but no more than a worker takes: each is answered once a turn, and with fewer it
could not keep the pace. Beside it a second principal asks a hundred times a second. Exit 1 where what was answered
took longer than 100 ms at p99, or where the second principal was refused or kept waiting for longer.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import boto3
import orjson
from botocore.config import Config

from bench import machine
from bench.paced import ANSWERED, BROKEN, REFUSED, Load, Measured, signed_pool
from bench.servers import Strongroom

SECRETS = 200
TARGET = "secretsmanager.GetSecretValue"
MOST_MS = 100.0
_LEAD_SECONDS = 1.0
POLITE_RATE = 100.0
FEWEST, MOST = 256, 900
"""Connections of a flood."""
POLITE_CONNECTIONS = 10
"""As many as boto3 keeps by itself."""
Key = tuple[str, str]


def main() -> int:
    """Run it."""
    arguments = _arguments()
    print("machine:", machine.describe())
    with (
        tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder,
        Strongroom(Path(folder) / "data", workers=1) as ours,
    ):
        polite = _fill(ours)
        bodies = [orjson.dumps({"SecretId": f"bench/secret-{number:04d}"}) for number in range(SECRETS)]
        pools = [signed_pool(ours.url, key, TARGET, bodies) for key in (ours.key, polite)]
        good = _rounds(arguments, ours, *pools)
    return 0 if good else 1


def _rounds(arguments: argparse.Namespace, ours: Strongroom, flooding: list[bytes], asking: list[bytes]) -> bool:
    """Capacity, twice that, and twice that with somebody else beside it; several times."""
    url, good = ours.url, True
    for number in range(arguments.rounds):
        closed = Load(url, flooding, connections=48)
        closed.run(0.5, None)  # the first read of a version in a day is a write
        spent = ours.cpu_seconds()
        whole = closed.run(arguments.seconds, None)
        answer_us = (ours.cpu_seconds() - spent) / len(whole.latencies[ANSWERED]) * 1e6
        capacity = whole.rate(ANSWERED)
        closed.close()
        alone = Load(url, asking, connections=POLITE_CONNECTIONS)
        quiet = alone.run(arguments.seconds, POLITE_RATE)
        alone.close()
        flood = Load(url, flooding, connections=arguments.connections or _enough(2 * capacity))
        flood.run(_LEAD_SECONDS, 2 * capacity)
        spent = ours.cpu_seconds()
        twice = flood.run(arguments.seconds, 2 * capacity)
        spent = (ours.cpu_seconds() - spent) * 1e6 - answer_us * len(twice.latencies[ANSWERED])
        refusal_us = spent / max(1, len(twice.latencies[REFUSED]))
        print(
            f"round {number + 1}: capacity {capacity:,.0f}/s; an answer costs {answer_us:.0f} us of processor, "
            f"a refusal {refusal_us:.0f}"
        )
        _told("  twice that", twice)
        with _beside(url, asking, arguments.seconds) as found:
            again = flood.run(arguments.seconds, 2 * capacity)
        flood.close()
        beside = found[0]
        _told("  the same, and somebody else", again)
        _told("  somebody else alone", quiet)
        _told("  somebody else beside it", beside)
        good &= all(one.ms(ANSWERED, 0.99) <= MOST_MS and not one.latencies[BROKEN] for one in (twice, again, beside))
        good &= not beside.latencies[REFUSED]
    print("graceful" if good else f"NOT GRACEFUL: over {MOST_MS:.0f} ms, broken, or the polite one refused")
    return good


def _enough(rate: float) -> int:
    return max(FEWEST, min(MOST, int(rate * 0.03)))


def _told(what: str, one: Measured) -> None:
    print(
        f"{what + ':':32} offered {one.offered / one.seconds:8,.0f}/s, answered {one.rate(ANSWERED):8,.0f}/s "
        f"p50 {one.ms(ANSWERED, 0.5):5.1f} p99 {one.ms(ANSWERED, 0.99):5.1f} ms, "
        f"refused {one.rate(REFUSED):8,.0f}/s p99 {one.ms(REFUSED, 0.99):5.1f} ms, "
        f"broken {len(one.latencies[BROKEN])}, the load busy {one.busy:.0%}"
        + "".join(f"\n    {count} x {error}" for error, count in one.errors.most_common(3))
    )


@contextmanager
def _beside(url: str, pool: list[bytes], seconds: float) -> Iterator[list[Measured]]:
    """Somebody else's load in a process of its own; what it measured, once the block has ended."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    other = context.Process(target=_ask, args=(theirs, url, pool, seconds))
    other.start()
    found: list[Measured] = []
    yield found
    found.append(ours.recv())
    other.join()


def _ask(answer: Connection, url: str, pool: list[bytes], seconds: float) -> None:
    load = Load(url, pool, connections=POLITE_CONNECTIONS)
    answer.send(load.run(seconds, POLITE_RATE))


def _fill(ours: Strongroom) -> Key:
    """Secrets, and a user of the same account who may read them; the user's key."""
    session = boto3.session.Session(*ours.key, region_name="us-east-1")
    once = Config(retries={"total_max_attempts": 1})
    secrets, iam = (session.client(name, endpoint_url=ours.url, config=once) for name in ("secretsmanager", "iam"))
    for number in range(SECRETS):
        secrets.create_secret(Name=f"bench/secret-{number:04d}", SecretString="x" * 100)
    iam.create_user(UserName="polite")
    allow = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_user_policy(UserName="polite", PolicyName="read", PolicyDocument=policy)
    made = iam.create_access_key(UserName="polite")["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each of the four parts of a round")
    parser.add_argument("--connections", type=int, help="of the flood; else as many as its rate needs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
