"""What each step of one GetSecretValue costs, in microseconds, without the network: where to look next.

The product is made in a temporary directory and asked in this process. Each step is timed where it stands, among
the others, because a tight loop over one of them alone flatters it (caches, branch prediction).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench import machine
from strongroom.app import Opened, Product
from strongroom.base.http import HTTPRequest
from strongroom.kernel import steps as steps_file
from strongroom.kernel.call import Sources
from strongroom.settings import load_settings

URL = "http://127.0.0.1:8443"
SECRETS = 200
VALUE = orjson.dumps({"username": "admin", "password": "x" * 40, "host": "db.internal", "port": 5432}).decode()


SOURCES = Sources()


class Stopwatch:
    """Keeps the times spent in the functions it is put around.

    Reported is a low quartile: on a shared machine the upper ones tell how busy the others are.
    """

    def __init__(self) -> None:
        self.spent: dict[str, list[int]] = {}

    def around(self, name: str, timed: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed under a name."""
        spent, clock = self.spent.setdefault(name, []), time.perf_counter_ns

        def measured(*given: Any, **named: Any) -> Any:
            begun = clock()
            try:
                return timed(*given, **named)
            finally:
                spent.append(clock() - begun)

        return measured


def main() -> int:
    """Print the whole and its parts."""
    arguments = _arguments()
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-steps-") as folder:
        opened, key = open_product(Path(folder))
        try:
            fill(opened, key)
            requests = [signed(key, "GetSecretValue", {"SecretId": f"bench/secret-{n:04d}"}) for n in range(SECRETS)]
            _wait_for_writes(opened, requests)
            rounds = [_round(opened, requests, arguments.calls) for _ in range(arguments.rounds)]
            best, median = min(rounds), statistics.median(rounds)
            print(f"one GetSecretValue, recorded twice: best {best:.1f}, median {median:.1f} us")
            _by_step(opened, requests, 10 * arguments.calls)
        finally:
            opened.close()
    return 0


def open_product(folder: Path) -> tuple[Opened, Credentials]:
    settings = load_settings({"data": str(folder), "tls": "off"}, {})
    product = Product(settings)
    root = os.urandom(32)
    product.prepare(root)
    lines = (folder / "credentials").read_text().splitlines()
    found = dict(line.split(" = ") for line in lines if " = " in line)
    key = Credentials(found["aws_access_key_id"], found["aws_secret_access_key"])
    return product.open_engine(root, "worker0"), key


def signed(key: Credentials, operation: str, params: dict[str, Any]) -> HTTPRequest:
    """One request as the server hands it to the chain, signed by botocore."""
    body = orjson.dumps(params)
    request = AWSRequest(
        "POST",
        URL + "/",
        data=body,
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"secretsmanager.{operation}",
        },
    )
    SigV4Auth(key, "secretsmanager", "us-east-1").add_auth(request)
    headers = [(b"host", urlsplit(URL).netloc.encode()), (b"content-length", b"%d" % len(body))]
    headers += [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
    return HTTPRequest("POST", b"/", b"", headers, body)


def _ask(opened: Opened, request: HTTPRequest) -> int:
    again = HTTPRequest(request.method, request.path, request.query, request.headers, request.body)
    source = SOURCES.of("127.0.0.1", again.by_name.get(b"user-agent", b""), again.by_name[b"host"], None)
    flight = opened.chain.enter(opened.chain.begin(again, source))
    if flight.reply is None:
        outcome: list[Any] = []
        opened.queue.submit(lambda tx: opened.chain.write(flight, tx), outcome.append)
        while not outcome:
            time.sleep(0.0005)
    else:
        opened.recorder.read(flight.records)
    return 0 if flight.reply is None else flight.reply.status


def fill(opened: Opened, key: Credentials) -> None:
    for number in range(SECRETS):
        token = os.urandom(16).hex()
        params = {"Name": f"bench/secret-{number:04d}", "SecretString": VALUE, "ClientRequestToken": token}
        status = _ask(opened, signed(key, "CreateSecret", params))
        if status != 200:
            raise SystemExit(f"CreateSecret answered {status}")


def _wait_for_writes(opened: Opened, requests: list[HTTPRequest]) -> None:
    """The first read of a day sets LastAccessedDate, which is a write and not what is measured here."""
    for request in requests * 2:
        if _ask(opened, request) != 200:
            raise SystemExit("GetSecretValue was refused")


def _round(opened: Opened, requests: list[HTTPRequest], calls: int) -> float:
    begun = time.process_time_ns()
    for at in range(calls):
        _ask(opened, requests[at % SECRETS])
    return (time.process_time_ns() - begun) / calls / 1e3


def _by_step(opened: Opened, requests: list[HTTPRequest], calls: int) -> None:
    watch = Stopwatch()
    opened.chain.begin = watch.around("begin: route, ids", opened.chain.begin)  # type: ignore[method-assign]
    before = tuple(watch.around(f"  {step.__name__}", step) for step in steps_file.BEFORE)
    inside = tuple(watch.around(f"  {step.__name__} (both calls)", step) for step in steps_file.INSIDE)
    steps_file.BEFORE, steps_file.INSIDE = before, inside  # type: ignore[assignment]
    opened.chain.records.of = watch.around("  records (both calls)", opened.chain.records.of)  # type: ignore[method-assign]
    opened.chain.ask = watch.around("  ask on behalf: kms:Decrypt, in handle", opened.chain.ask)  # type: ignore[method-assign]
    opened.chain.enter = watch.around("enter: all steps", opened.chain.enter)  # type: ignore[method-assign]
    opened.recorder.read = watch.around("journal: lines, chain, write", opened.recorder.read)  # type: ignore[method-assign]
    _round(opened, requests, calls)
    for name, spent in watch.spent.items():
        if not spent:  # a step that a remembered call does not take
            continue
        low = statistics.quantiles(spent, n=4)[0]
        print(f"{low * len(spent) / calls / 1e3:8.1f} us  {name}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
