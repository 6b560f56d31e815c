"""GetSecretValue with every check, beside moto's server, on the same cores in the same run.

Both journal records of every answered call are counted afterwards: an answer without its records fails the bench.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import boto3
import orjson
from botocore.config import Config

from bench import load, machine
from bench.records import granted
from bench.servers import Moto, Strongroom

SECRETS = 1000
POOL = 1000
TARGET = "secretsmanager.GetSecretValue"


def main() -> int:
    """Run it; exit 1 where records are missing or calls failed."""
    arguments = _arguments()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        base = Path(folder)
        with Strongroom(base / "data", workers=2) as ours, Moto(arguments.moto) as peer:
            print(f"ready after {ours.ready_seconds:.2f} s on an empty data directory")
            _fill(ours.url, ours.key)
            _fill(peer.url, peer.key)
            rates: list[tuple[float, float]] = []
            answered = 0
            # The first read of a version in a day sets its LastAccessedDate: a write, which is not measured here.
            answered += _round(base / "ours.lua", ours.url, ours.key, 2).requests
            for number in range(arguments.rounds):
                spent = ours.cpu_seconds()
                mine = _round(base / "ours.lua", ours.url, ours.key, arguments.seconds)
                spent = ours.cpu_seconds() - spent
                spent_there = peer.cpu_seconds()
                theirs = _round(base / "peer.lua", peer.url, peer.key, arguments.seconds)
                spent_there = peer.cpu_seconds() - spent_there
                answered += mine.requests
                rates.append((mine.rate, theirs.rate))
                print(
                    f"round {number + 1}: strongroom {mine.rate:8,.0f}/s "
                    f"p50 {mine.p50_ms:.1f} p99 {mine.p99_ms:.1f} ms, "
                    f"{spent / mine.requests * 1e6:.0f} us of processor each, "
                    f"refused {mine.refused}, broken {mine.broken};  "
                    f"moto {theirs.rate:6,.0f}/s p99 {theirs.p99_ms:.0f} ms, "
                    f"{spent_there / theirs.requests * 1e6:,.0f} us each; "
                    f"ratio {mine.rate / theirs.rate:.1f}"
                )
                if mine.refused or mine.broken:
                    return 1
            memory = ", ".join(f"{mb:.0f} MB" for mb in ours.memory_mb())
            print(f"memory (PSS) of supervisor, workers, runner: {memory}")
            complete = _recorded(base / "data" / "journal", answered)
        again = Strongroom(base / "data", workers=2)
        with again:
            print(f"ready after {again.ready_seconds:.2f} s on the existing data directory")
    ours_median = statistics.median(one for one, _ in rates)
    ratio = statistics.median(one / other for one, other in rates)
    print(
        f"GetSecretValue, 2 workers, 48 connections, {SECRETS} secrets: median {ours_median:,.0f}/s, "
        f"{ratio:.1f} times moto's server"
    )
    return 0 if complete else 1


def _round(script: Path, url: str, key: tuple[str, str], seconds: int) -> load.Load:
    step = SECRETS // POOL
    bodies = [orjson.dumps({"SecretId": f"bench/secret-{number * step:04d}"}) for number in range(POOL)]
    load.write_pool(script, url, key, TARGET, bodies)
    return load.run(script, url, seconds=seconds)


def _fill(url: str, key: tuple[str, str]) -> None:
    client = boto3.session.Session(
        aws_access_key_id=key[0], aws_secret_access_key=key[1], region_name="us-east-1"
    ).client("secretsmanager", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))
    value = orjson.dumps({"username": "admin", "password": "x" * 40, "host": "db.internal", "port": 5432}).decode()
    for number in range(SECRETS):
        client.create_secret(Name=f"bench/secret-{number:04d}", SecretString=value)


def _recorded(journal: Path, answered: int) -> bool:
    counted = granted(journal)
    gets, decrypts = counted["GetSecretValue"], counted["Decrypt"]
    # wrk ends with requests under way that it does not count: up to one a connection and round are recorded too.
    complete = gets >= answered and decrypts >= answered
    print(
        f"answered {answered}, recorded: GetSecretValue {gets}, Decrypt on behalf {decrypts}: "
        f"{'complete' if complete else 'RECORDS ARE MISSING'}"
    )
    return complete


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--moto", type=Path, default=Path(".venv-bench/bin/moto_server"), help="the peer's program")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
