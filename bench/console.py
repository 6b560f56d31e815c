"""How long the console's pages take over many secrets, in one browser that comes back; and the API beside it.

    PYTHONPATH=src python -m bench.console --secrets 500000
    PYTHONPATH=src python -m bench.console --api

Each page is asked for on a kept connection, whole, as HTML. Exit 1 where the median of a page that people open is 50 ms
or more.

With ``--api``, GetSecretValue of two servers instead, one with the console on and visited, one with it off, in short
rounds by turns, so that both meet the same machine; the ratio of their medians is printed. Exit 1 above 1.05.
"""

from __future__ import annotations

import argparse
import http.client
import ssl
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import boto3

from bench import machine
from bench.filled import fill, row
from bench.servers import Strongroom
from strongroom.kernel.storage.open import open_store

REGION = "us-east-1"
LIMIT_MS = 50.0
RATIO_AT_MOST = 1.05
ACCOUNT = "123456789012"
ONE = str(row(7)["name"])


@dataclass
class Visitor:
    """One browser: a connection, a cookie."""

    url: str
    cookie: str = ""
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    def get(self, where: str) -> tuple[int, bytes]:
        """One page."""
        return self._asked("GET", where, None)

    def sign_in(self, key_id: str, secret: str) -> None:
        """With an access key."""
        form = urlencode({"with": "key", "access_key_id": key_id, "secret_key": secret})
        status, _ = self._asked("POST", "/console/sign-in", form)
        if status != 303:
            raise RuntimeError(f"the sign-in was answered {status}")

    def _asked(self, method: str, where: str, form: str | None) -> tuple[int, bytes]:
        if self._connection is None:
            parts = urlsplit(self.url)
            # The bench made this server a moment ago; its certificate is not what is measured.
            trusting = ssl._create_unverified_context()
            host, port = parts.hostname or "", parts.port
            secured = parts.scheme == "https"
            self._connection = (
                http.client.HTTPSConnection(host, port, context=trusting)
                if secured
                else http.client.HTTPConnection(host, port)
            )
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if form is not None:
            headers |= {"Origin": self.url, "Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request(method, where, form, headers)
        answer = self._connection.getresponse()
        body = answer.read()
        given = answer.getheader("set-cookie")
        if given:
            self.cookie = given.partition(";")[0]
        return answer.status, body


PAGES = (
    ("the list, by name", f"/console/{REGION}/secrets"),
    ("the list, newest first", f"/console/{REGION}/secrets?sort=created-date&order=desc"),
    ("the list, last changed", f"/console/{REGION}/secrets?sort=last-changed-date&order=desc"),
    ("a team's secrets, by chip", f"/console/{REGION}/secrets?f=name:payments/"),
    ("search by two words", f"/console/{REGION}/secrets?q=growth+dev"),
    ("search, one in a thousand", f"/console/{REGION}/secrets?q=certificate"),
    ("search, nothing fits", f"/console/{REGION}/secrets?q=nowhere"),
    ("one secret", f"/console/{REGION}/secret?id={ONE}"),
    ("its versions", f"/console/{REGION}/secret?id={ONE}&tab=versions"),
    ("its permissions", f"/console/{REGION}/secret?id={ONE}&tab=permissions"),
    ("its rotation", f"/console/{REGION}/secret?id={ONE}&tab=rotation"),
    ("its activity", f"/console/{REGION}/secret?id={ONE}&tab=activity"),
    ("storing a secret", f"/console/{REGION}/store"),
    ("the dashboard", f"/console/{REGION}/dashboard"),
    ("keys", f"/console/{REGION}/keys"),
    ("the key of all these secrets", f"/console/{REGION}/key?id=alias/aws/secretsmanager"),
    ("functions", f"/console/{REGION}/functions"),
    ("identities", f"/console/{REGION}/identities"),
    ("the trail", f"/console/{REGION}/audit"),
    ("sessions", "/console/sessions"),
)


def beside(rounds: int, calls: int) -> int:
    """The time of a call with the console on, by that with it off."""
    times: dict[str, list[float]] = {"on": [], "off": []}
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder, ExitStack() as stack:
        clients = {}
        for console in times:
            data = Path(folder) / console
            data.mkdir(mode=0o700)
            (data / "settings.toml").write_text(f'console = "{console}"\n')
            server = stack.enter_context(Strongroom(data, workers=1))
            visitor = Visitor(server.url)
            if console == "on":
                visitor.sign_in(*server.key)
                visitor.get(PAGES[0][1])
            key_id, secret = server.key
            clients[console] = boto3.client(
                "secretsmanager",
                REGION,
                endpoint_url=server.url,
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
            )
            clients[console].create_secret(Name="one", SecretString="x")
        for number in range(rounds + 1):
            # Whoever begins a round meets the machine as the other left it: they take turns at that too.
            for console in sorted(clients, reverse=bool(number % 2)):
                for _ in range(calls):
                    begun = time.perf_counter()
                    clients[console].get_secret_value(SecretId="one")
                    if number > 0:  # the first round warms both up
                        times[console].append(_ms(begun))
    on, off = (statistics.median(times[console]) for console in ("on", "off"))
    print(f"GetSecretValue: {on:.3f} ms with the console on, {off:.3f} ms with it off, ratio {on / off:.3f}")
    return 1 if on / off > RATIO_AT_MOST else 0


def main() -> int:
    """Run it."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--secrets", type=int, default=500_000)
    read.add_argument("--times", type=int, default=20, help="how often each page is asked for")
    read.add_argument("--api", action="store_true", help="the API's speed with the console on and off")
    read.add_argument("--rounds", type=int, default=20, help="rounds of each server, with --api")
    read.add_argument("--calls", type=int, default=100, help="calls of a round, with --api")
    given = read.parse_args()
    print("machine:", machine.describe())
    if given.api:
        return beside(given.rounds, given.calls)
    slow = []
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        data = Path(folder) / "data"
        with Strongroom(data, workers=1):
            pass  # makes the store
        engine = open_store(f"sqlite:{data / 'store.db'}")
        fill(engine, ACCOUNT, REGION, given.secrets)
        engine.close()
        with Strongroom(data, workers=1) as server:
            visitor = Visitor(server.url)
            begun = time.perf_counter()
            visitor.get("/console/sign-in")
            print(f"{given.secrets:,} secrets; the very first page, imports and all: {_ms(begun):.0f} ms")
            visitor.sign_in(*server.key)
            for told, where in PAGES:
                times = []
                for _ in range(given.times):
                    begun = time.perf_counter()
                    status, body = visitor.get(where)
                    times.append(_ms(begun))
                    if status != 200:
                        raise RuntimeError(f"{where} was answered {status}")
                median = statistics.median(times)
                print(f"{told:28} median {median:6.1f} ms, longest {max(times):6.1f} ms, {len(body):7,} bytes")
                if median >= LIMIT_MS:
                    slow.append(told)
    print("every page that people open takes less than 50 ms" if not slow else f"too slow: {', '.join(slow)}")
    return 1 if slow else 0


def _ms(begun: float) -> float:
    return (time.perf_counter() - begun) * 1e3


if __name__ == "__main__":
    sys.exit(main())
