"""PutSecretValue, durable before its answer, beside moto's server (which keeps nothing) in the same run.

Every request writes a version of its own. Afterwards the server is asked how many versions there are: an acknowledged
write that is not there fails the bench.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import boto3
import orjson
from botocore.config import Config

from bench import load, machine
from bench.servers import Moto, Strongroom

SECRETS = 500
TARGET = "secretsmanager.PutSecretValue"
AT_MOST_A_SECOND = 5_000
"""Requests signed for each second of load: wrk must not come to their end, for a repeated token writes nothing."""


def main() -> int:
    """Run it; exit 1 where an acknowledged version is missing or calls failed."""
    arguments = _arguments()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        base = Path(folder)
        with Strongroom(base / "data", workers=2) as ours, Moto(arguments.moto) as peer:
            _fill(ours.url, ours.key)
            _fill(peer.url, peer.key)
            rates: list[tuple[float, float]] = []
            acknowledged = 0
            for number in range(arguments.rounds):
                spent = ours.cpu_seconds()
                mine = _round(base / "ours.lua", ours.url, ours.key, arguments.seconds)
                spent = ours.cpu_seconds() - spent
                theirs = _round(base / "peer.lua", peer.url, peer.key, arguments.seconds)
                acknowledged += mine.requests - mine.refused
                rates.append((mine.rate, theirs.rate))
                print(
                    f"round {number + 1}: strongroom {mine.rate:7,.0f}/s p50 {mine.p50_ms:.1f} "
                    f"p99 {mine.p99_ms:.1f} ms, {spent / mine.requests * 1e6:.0f} us of processor each, "
                    f"refused {mine.refused}, broken {mine.broken};  moto {theirs.rate:6,.0f}/s; "
                    f"ratio {mine.rate / theirs.rate:.1f}"
                )
                if mine.refused or mine.broken:
                    return 1
            kept = _versions(ours.url, ours.key)
            # wrk ends with writes under way that it does not count: those may be there too.
            complete = kept >= acknowledged
            print(f"acknowledged {acknowledged}, kept {kept}: {'complete' if complete else 'WRITES ARE MISSING'}")
    print(
        f"PutSecretValue, 2 workers, 48 connections: median {statistics.median(one for one, _ in rates):,.0f}/s, "
        f"{statistics.median(one / other for one, other in rates):.1f} times moto's server"
    )
    return 0 if complete else 1


def client_of(url: str, key: tuple[str, str]) -> Any:
    """A client that tries nothing twice."""
    session = boto3.session.Session(aws_access_key_id=key[0], aws_secret_access_key=key[1], region_name="us-east-1")
    return session.client("secretsmanager", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))


def _fill(url: str, key: tuple[str, str]) -> None:
    client = client_of(url, key)
    for number in range(SECRETS):
        client.create_secret(Name=f"bench/secret-{number:04d}")


def _round(script: Path, url: str, key: tuple[str, str], seconds: int) -> load.Load:
    value = orjson.dumps({"username": "admin", "password": "x" * 40}).decode()
    bodies = [
        orjson.dumps(
            {
                "SecretId": f"bench/secret-{number % SECRETS:04d}",
                "SecretString": value,
                "ClientRequestToken": str(uuid.uuid4()),
            }
        )
        for number in range(seconds * AT_MOST_A_SECOND)
    ]
    load.write_pool(script, url, key, TARGET, bodies)
    return load.run(script, url, seconds=seconds)


def _versions(url: str, key: tuple[str, str]) -> int:
    client, counted = client_of(url, key), 0
    for number in range(SECRETS):
        asked = {"SecretId": f"bench/secret-{number:04d}", "IncludeDeprecated": True}
        page = client.list_secret_version_ids(**asked)
        counted += len(page["Versions"])
        while "NextToken" in page:
            page = client.list_secret_version_ids(**asked, NextToken=page["NextToken"])
            counted += len(page["Versions"])
    return counted


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--moto", type=Path, default=Path(".venv-bench/bin/moto_server"), help="the peer's program")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
