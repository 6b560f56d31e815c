"""KMS: Decrypt and GenerateDataKey with every check, beside moto's server, on the same cores in the same run.

The record of every answered call is counted afterwards: an answer without its record fails the bench.
"""

from __future__ import annotations

import argparse
import base64
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
import orjson
from botocore.config import Config

from bench import load, machine
from bench.records import granted
from bench.servers import Moto, Strongroom

POOL = 200
CONTEXT = {"SecretARN": "arn:aws:secretsmanager:us-east-1:111122223333:secret:bench-AbCdEf", "SecretVersionId": "v"}
OPERATIONS = ("Decrypt", "GenerateDataKey")
WANTED = 8000
"""A second, with two workers. Source: issue 5, "Speed"."""


def main() -> int:
    """Run it; exit 1 where records are missing or calls failed."""
    given = _arguments()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        base = Path(folder)
        with Strongroom(base / "data", workers=2) as ours, Moto(given.moto) as peer:
            servers: list[Strongroom | Moto] = [ours, peer]
            bodies = [_bodies(one.url, one.key) for one in servers]
            answered: Counter[str] = Counter()
            rates: dict[str, list[tuple[float, float]]] = {name: [] for name in OPERATIONS}
            for number in range(given.rounds):
                for name in OPERATIONS:
                    spent = [one.cpu_seconds() for one in servers]
                    found = []
                    for at, one in enumerate(servers):
                        found.append(_round(base / f"{at}.lua", one, name, bodies[at][name], given.seconds))
                        spent[at] = one.cpu_seconds() - spent[at]
                    mine, theirs = found
                    if mine.refused or mine.broken:
                        print(f"{name}: refused {mine.refused}, broken {mine.broken}")
                        return 1
                    answered[name] += mine.requests
                    rates[name].append((mine.rate, theirs.rate))
                    print(
                        f"round {number + 1}, {name}: strongroom {mine.rate:8,.0f}/s "
                        f"p50 {mine.p50_ms:.1f} p99 {mine.p99_ms:.1f} ms, "
                        f"{spent[0] / mine.requests * 1e6:.0f} us of processor each;  "
                        f"moto {theirs.rate:6,.0f}/s p99 {theirs.p99_ms:.0f} ms, "
                        f"{spent[1] / theirs.requests * 1e6:,.0f} us each; ratio {mine.rate / theirs.rate:.1f}"
                    )
            complete = _recorded(base / "data" / "journal", answered)
    for name, listed in rates.items():
        median = statistics.median(one for one, _ in listed)
        ratio = statistics.median(one / other for one, other in listed)
        enough = "enough" if median >= WANTED else f"LESS than the {WANTED:,} that are wanted"
        print(f"{name}, 2 workers, 48 connections: median {median:,.0f}/s, {ratio:.1f} times moto's server: {enough}")
    return 0 if complete else 1


def _bodies(url: str, key: tuple[str, str]) -> dict[str, list[bytes]]:
    """A key, and a pool of requests under it."""
    client = boto3.session.Session(
        aws_access_key_id=key[0], aws_secret_access_key=key[1], region_name="us-east-1"
    ).client("kms", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))
    arn = client.create_key()["KeyMetadata"]["Arn"]
    blobs = [
        client.generate_data_key(KeyId=arn, KeySpec="AES_256", EncryptionContext=CONTEXT)["CiphertextBlob"]
        for _ in range(POOL)
    ]
    opening = [{"CiphertextBlob": base64.b64encode(blob).decode(), "EncryptionContext": CONTEXT} for blob in blobs]
    making = [
        {"KeyId": arn, "KeySpec": "AES_256", "EncryptionContext": CONTEXT | {"SecretVersionId": f"v{number}"}}
        for number in range(POOL)
    ]
    return {"Decrypt": list(map(_body, opening)), "GenerateDataKey": list(map(_body, making))}


def _body(params: dict[str, Any]) -> bytes:
    return orjson.dumps(params)


def _round(script: Path, server: Strongroom | Moto, name: str, bodies: list[bytes], seconds: int) -> load.Load:
    load.write_pool(script, server.url, server.key, f"TrentService.{name}", bodies, service="kms")
    return load.run(script, server.url, seconds=seconds)


def _recorded(journal: Path, answered: Counter[str]) -> bool:
    counted = granted(journal)
    # wrk ends with requests under way that it does not count: up to one a connection and round are recorded too.
    complete = all(counted[name] >= answered[name] for name in OPERATIONS)
    told = ", ".join(f"{name} {answered[name]} answered, {counted[name]} recorded" for name in OPERATIONS)
    print(f"{told}: {'complete' if complete else 'RECORDS ARE MISSING'}")
    return complete


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--moto", type=Path, default=Path(".venv-bench/bin/moto_server"), help="the peer's program")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
