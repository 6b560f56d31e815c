"""Reading many secrets at once: BatchGetSecretValue of 20, DescribeSecret and ListSecrets of 100 beside GetSecretValue.

    PYTHONPATH=src python -m bench.batch

Rounds are interleaved, so that all of them meet the same machine; ratios are medians over the rounds. Every value of a
batch is decided and recorded as a single read is.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import boto3
import orjson
from botocore.config import Config

from bench import load, machine
from bench.servers import Strongroom

SECRETS, BATCH, PAGE = 1_000, 20, 100
VALUE = orjson.dumps({"username": "admin", "password": "x" * 40, "host": "db.internal", "port": 5432}).decode()
GET, DESCRIBE, MANY, LIST = "GetSecretValue", "DescribeSecret", "BatchGetSecretValue", "ListSecrets"


def main() -> int:
    """Run it; exit 1 where a call failed."""
    arguments = _arguments()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        base = Path(folder)
        with Strongroom(base / "data", workers=2) as server:
            names = _fill(server)
            rounds = [_round(base, server, names, arguments.seconds) for _ in range(arguments.rounds)]
    for number, one in enumerate(rounds, 1):
        told = ", ".join(f"{name} {got.rate:,.0f}/s p50 {got.p50_ms:.1f} ms" for name, got in one.items())
        print(f"round {number}: {told}")
    batch = statistics.median(one[MANY].rate * BATCH / one[GET].rate for one in rounds)
    describe = statistics.median(one[DESCRIBE].rate / one[GET].rate for one in rounds)
    listed = statistics.median(one[LIST].p50_ms for one in rounds)
    print(f"values a second in batches of {BATCH}: {batch:.1f} times those of single reads")
    print(f"DescribeSecret: {describe:.2f} times the rate of GetSecretValue")
    print(f"ListSecrets of {PAGE}, one connection: p50 {listed:.1f} ms")
    return 1 if any(got.refused or got.broken for one in rounds for got in one.values()) else 0


def _round(base: Path, server: Strongroom, names: list[str], seconds: int) -> dict[str, load.Load]:
    asked: dict[str, tuple[int, list[Any]]] = {
        GET: (48, [{"SecretId": name} for name in names]),
        DESCRIBE: (48, [{"SecretId": name} for name in names]),
        MANY: (48, [{"SecretIdList": names[at : at + BATCH]} for at in range(0, len(names), BATCH)]),
        LIST: (1, [{"MaxResults": PAGE}]),
    }
    found = {}
    for operation, (connections, params) in asked.items():
        script = base / f"{operation}.lua"
        bodies = [orjson.dumps(one) for one in params]
        load.write_pool(script, server.url, server.key, f"secretsmanager.{operation}", bodies)
        load.run(script, server.url, seconds=1, connections=connections)  # what one snapshot remembers is learnt
        found[operation] = load.run(script, server.url, seconds=seconds, connections=connections)
    return found


def _fill(server: Strongroom) -> list[str]:
    """The secrets, each read once: the first read of a day is a write."""
    key_id, secret = server.key
    client = boto3.client(
        "secretsmanager",
        "us-east-1",
        endpoint_url=server.url,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )
    names = [f"bench/secret-{number:04d}" for number in range(SECRETS)]
    for name in names:
        client.create_secret(Name=name, SecretString=VALUE)
        client.get_secret_value(SecretId=name)
    return names


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
