"""What a GetSecretValue costs whose secret this worker has not read lately, beside one that it remembers.

    PYTHONPATH=src python -m bench.unremembered

Without sockets, as ``bench.stack``: the processor's time of a worker from the bytes of a request to those of its
answer, both journal records included. In turns a few secrets are read again and again, and many, each once in a round,
in an order that no memory helps with. Every secret has been read that day: a first read sets a date. ``--memory``
prints what Python's objects take meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import statistics
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

from bench import machine
from bench.stack import CONNECTIONS, VALUE, Worker

FEW = 200


async def asked_all(worker: Worker, requests: list[bytes]) -> None:
    """Answers to all of them, as many at once as there are connections."""
    for first in range(0, len(requests), CONNECTIONS):
        asked = list(zip(worker.connections, requests[first : first + CONNECTIONS], strict=False))
        for (protocol, wire), request in asked:
            wire.written.clear()
            protocol.data_received(request)
        while not all(wire.written for (_, wire), _ in asked):
            await asyncio.sleep(0.0005)
        for (_, wire), _ in asked:
            if not wire.written[0].startswith(b"HTTP/1.1 200"):
                raise SystemExit(wire.written[0].decode("latin-1"))
            wire.written.clear()


async def measured(folder: Path, given: argparse.Namespace) -> None:
    """Print the medians and what lies between them."""
    worker = Worker(folder)
    tags = [{"Key": "team", "Value": "search"}, {"Key": "stage", "Value": "prod"}]
    made = []
    for number in range(given.secrets):
        named = {"Name": f"bench/{number:06d}", "ClientRequestToken": f"{number:032d}", "Tags": tags}
        made.append(worker.request("secretsmanager", "secretsmanager.CreateSecret", SecretString=VALUE, **named))
    await asked_all(worker, made)
    asked = [
        worker.request("secretsmanager", "secretsmanager.GetSecretValue", SecretId=f"bench/{number:06d}")
        for number in range(given.secrets)
    ]
    if given.memory:
        tracemalloc.start()
    await asked_all(worker, asked)
    chance = random.Random(0)
    chance.shuffle(asked)
    few, many = asked[:FEW] * (given.secrets // FEW), asked[: given.secrets // FEW * FEW]
    found: dict[str, list[float]] = {"few": [], "many": []}
    gc.collect()
    gc.freeze()
    for _ in range(given.rounds):
        for name, requests in (("few", few), ("many", many)):
            begun = time.process_time_ns()
            for at in range(0, len(requests), CONNECTIONS):
                await worker.turn(requests[at : at + CONNECTIONS])
            found[name].append((time.process_time_ns() - begun) / 1000 / len(requests))
    if given.memory:
        held, most = tracemalloc.get_traced_memory()
        print(f"Python's objects since the first read: {held / 1e6:.1f} MB, at most {most / 1e6:.1f}")
    for name, rounds in found.items():
        print(f"{name:5} median {statistics.median(rounds):6.1f} us, least {min(rounds):6.1f}, most {max(rounds):6.1f}")
    ratio = statistics.median(found["many"]) / statistics.median(found["few"])
    print(f"one of {given.secrets:,} costs {ratio:.2f} times one of {FEW}")
    worker.close()


def main() -> int:
    """Run it."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--secrets", type=int, default=6_000)
    read.add_argument("--rounds", type=int, default=5)
    read.add_argument("--memory", action="store_true")
    given = read.parse_args()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-unremembered-") as folder:
        asyncio.run(measured(Path(folder), given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
