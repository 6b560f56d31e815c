"""What one call costs in a worker, from the bytes of its request to those of its answer, but for sockets and kernel.

    PYTHONPATH=src python -m bench.stack

Eight connections ask in each turn of the event loop, as a busy worker meets them: the protocol, the chain with every
check, the journal's write and the answer. The cheapest turns are told: on a shared machine the others tell how busy
its neighbours are. Between other processes' work the same call costs two to three times as much (caches).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import uvicorn
import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from uvicorn.server import ServerState

from bench import machine
from strongroom.app import Product
from strongroom.server.parts import WireLimits
from strongroom.server.quick import QuickProtocol
from strongroom.settings import load_settings

HOST = "127.0.0.1:8443"
CONNECTIONS, POOL, BATCH = 8, 200, 20
VALUE = orjson.dumps({"username": "admin", "password": "x" * 40, "host": "db.internal", "port": 5432}).decode()


class Wire(asyncio.Transport):
    """A connection that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        """Keep it."""
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        """Never."""
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """A plain loopback peer."""
        return ("127.0.0.1", 50_000) if name in ("peername", "sockname") else default

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """Nothing comes by itself."""


class Worker:
    """One worker of a fresh product, spoken to without sockets. Used inside an event loop."""

    def __init__(self, folder: Path) -> None:
        product = Product(load_settings({"data": str(folder), "tls": "off", "console": "off"}, {}))
        root = os.urandom(32)
        product.prepare(root)
        found = dict(line.split(" = ") for line in (folder / "credentials").read_text().splitlines() if " = " in line)
        self.key = Credentials(found["aws_access_key_id"], found["aws_secret_access_key"])
        self._parts = product.open_worker(root, 0)
        loop = asyncio.get_running_loop()
        config = uvicorn.Config(self._parts.asgi, interface="asgi3", lifespan="off", ws="none", log_config=None)
        config.load()
        state = ServerState()
        state.default_headers = [(b"date", b"Mon, 23 Nov 2026 00:00:00 GMT")]
        self.connections: list[tuple[QuickProtocol, Wire]] = []
        for _ in range(CONNECTIONS):
            one = QuickProtocol(config, state, loop, WireLimits(), self._parts.at_once, self._parts.glance), Wire()
            one[0].connection_made(one[1])
            self.connections.append(one)

    def request(self, service: str, target: str, **params: Any) -> bytes:
        """One request as an SDK writes it, signed by botocore."""
        body = orjson.dumps(params)
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        made = AWSRequest("POST", f"http://{HOST}/", data=body, headers=headers)
        SigV4Auth(self.key, service, "us-east-1").add_auth(made)
        lines = [("Host", HOST), ("Content-Length", str(len(body))), *made.headers.items()]
        return b"POST / HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines).encode() + b"\r\n" + body

    async def ask(self, request: bytes) -> dict[str, Any]:
        """The answer to one request, however long it takes."""
        protocol, wire = self.connections[0]
        wire.written.clear()
        protocol.data_received(request)
        while not (answer := b"".join(wire.written)).partition(b"\r\n\r\n")[2]:
            await asyncio.sleep(0.001)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(answer.decode("latin-1"))
        found: dict[str, Any] = orjson.loads(answer.partition(b"\r\n\r\n")[2])
        return found

    async def turn(self, requests: Sequence[bytes]) -> float:
        """The microseconds of one of these requests, asked in one turn of the loop."""
        begun = time.perf_counter_ns()
        for (protocol, _), request in zip(self.connections, requests, strict=True):
            protocol.data_received(request)
        await asyncio.sleep(0)
        spent = time.perf_counter_ns() - begun
        for _, wire in self.connections:
            if not wire.written[-1].startswith(b"HTTP/1.1 200"):
                raise SystemExit(wire.written[-1].decode("latin-1"))
            wire.written.clear()
        return spent / 1000 / len(requests)

    def close(self) -> None:
        """End it."""
        self._parts.close()


async def measured(folder: Path, turns: int) -> None:
    """Print a line for each operation."""
    worker = Worker(folder)
    for name, requests in (await _requests(worker)).items():
        for request in requests * 2:  # the first read of a day sets its date
            await worker.ask(request)
        gc.collect()
        gc.disable()
        taken = []
        for number in range(turns):
            first = number * CONNECTIONS
            taken.append(await worker.turn([requests[(first + at) % POOL] for at in range(CONNECTIONS)]))
        gc.enable()
        taken.sort()
        cheap, low, median = (taken[int(len(taken) * part)] for part in (0.01, 0.1, 0.5))
        print(f"{name:16} {cheap:6.1f} us (1 in 100 turns), {low:6.1f} (1 in 10), {median:6.1f} (half)")
    worker.close()


async def _requests(worker: Worker) -> dict[str, list[bytes]]:
    for number in range(POOL):
        params = {"Name": f"bench/{number:04d}", "SecretString": VALUE, "ClientRequestToken": f"{number:032d}"}
        await worker.ask(worker.request("secretsmanager", "secretsmanager.CreateSecret", **params))
    made = await worker.ask(worker.request("kms", "TrentService.CreateKey"))
    contexts = [{"v": str(number)} for number in range(POOL)]
    asked = {"KeyId": made["KeyMetadata"]["Arn"], "KeySpec": "AES_256"}
    keys = [worker.request("kms", "TrentService.GenerateDataKey", EncryptionContext=c, **asked) for c in contexts]
    blobs = [(await worker.ask(one))["CiphertextBlob"] for one in keys]
    reads = {}
    for name in ("GetSecretValue", "DescribeSecret"):
        secrets = [{"SecretId": f"bench/{number:04d}"} for number in range(POOL)]
        reads[name] = [worker.request("secretsmanager", f"secretsmanager.{name}", **one) for one in secrets]
    batches = [[f"bench/{number % POOL:04d}" for number in range(at, at + BATCH)] for at in range(POOL)]
    many = [worker.request("secretsmanager", "secretsmanager.BatchGetSecretValue", SecretIdList=one) for one in batches]
    return {
        **reads,
        f"Batch of {BATCH}": many,
        "Decrypt": [
            worker.request("kms", "TrentService.Decrypt", CiphertextBlob=blob, EncryptionContext=context)
            for blob, context in zip(blobs, contexts, strict=True)
        ],
        "GenerateDataKey": keys,
    }


def main() -> int:
    """Run it."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--turns", type=int, default=2500)
    given = read.parse_args()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-stack-") as folder:
        uvloop.run(measured(Path(folder), given.turns))
    return 0


if __name__ == "__main__":
    sys.exit(main())
