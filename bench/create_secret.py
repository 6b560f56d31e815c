"""CreateSecret over the network, durable before its answer: how long half a million secrets take by the public API.

    PYTHONPATH=src python -m bench.create_secret

Two workers, 48 connections from wrk, each request another name. Afterwards the server is asked for all names: an
acknowledged secret that is not there fails the bench. The store grows meanwhile; a rate is told for each round.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import uuid
from pathlib import Path

import orjson

from bench import load, machine
from bench.put_secret_value import AT_MOST_A_SECOND, client_of
from bench.servers import Strongroom
from bench.sizes import VALUE

TARGET = "secretsmanager.CreateSecret"
ALL, GOAL_SECONDS = 500_000, 300


def main() -> int:
    """Run it; exit 1 where an acknowledged secret is missing, a call failed, or half a million would take too long."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--rounds", type=int, default=5)
    read.add_argument("--seconds", type=int, default=4)
    given = read.parse_args()
    print("machine:", machine.describe())
    rates, acknowledged = [], 0
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        base = Path(folder)
        with Strongroom(base / "data", workers=2) as server:
            for number in range(given.rounds):
                spent = server.cpu_seconds()
                one = _round(base / "create.lua", server, number, given.seconds)
                spent = server.cpu_seconds() - spent
                acknowledged += one.requests - one.refused
                rates.append(one.rate)
                print(
                    f"round {number + 1}: {one.rate:7,.0f}/s p50 {one.p50_ms:.1f} p99 {one.p99_ms:.1f} ms, "
                    f"{spent / one.requests * 1e6:.0f} us of processor each, refused {one.refused}, "
                    f"broken {one.broken}"
                )
                if one.refused or one.broken:
                    return 1
            kept = _names(server)
    complete, rate = kept >= acknowledged, statistics.median(rates)
    print(f"acknowledged {acknowledged}, kept {kept}: {'complete' if complete else 'SECRETS ARE MISSING'}")
    print(f"CreateSecret: median {rate:,.0f}/s; {ALL:,} take {ALL / rate:,.0f} s at that rate (goal: {GOAL_SECONDS})")
    return 0 if complete and ALL / rate <= GOAL_SECONDS else 1


def _round(script: Path, server: Strongroom, number: int, seconds: int) -> load.Load:
    bodies = [
        orjson.dumps(
            {
                "Name": f"bench/round-{number}/secret-{at:06d}",
                "SecretString": VALUE,
                "ClientRequestToken": str(uuid.uuid4()),
            }
        )
        for at in range(seconds * AT_MOST_A_SECOND)
    ]
    load.write_pool(script, server.url, server.key, TARGET, bodies)
    return load.run(script, server.url, seconds=seconds)


def _names(server: Strongroom) -> int:
    client = client_of(server.url, server.key)
    pages = client.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": 100})
    return sum(len(page["SecretList"]) for page in pages)


if __name__ == "__main__":
    sys.exit(main())
