"""More than a worker can answer, over real sockets: stock clients ride over it, a flood starves nobody."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, HTTPClientError

from tests.deployment import Deployment

ASK = "secretsmanager.GetRandomPassword"
FLOOD = 40
TOKEN = "the-token-of-the-metrics"
TURNS_AT_MOST = 2000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One worker that is crowded after a millisecond."""
    place = tmp_path_factory.mktemp("overload")
    (place / "token").touch(0o600)
    (place / "token").write_text(TOKEN)
    tight = {
        "STRONGROOM_CROWDED_AFTER": "0.001",
        "STRONGROOM_CROWDED_CALLS": "4",
        "STRONGROOM_METRICS_TOKEN_FILE": str(place / "token"),
    }
    with Deployment(place / "data", "--tls", "off", "--workers", "1", env=tight) as started:
        yield started


def keys(server: Deployment, account: str | None = None) -> tuple[str, str]:
    """The first administrator's keys, or those of a new account's."""
    if account is None:
        found = server.env()
        return found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]
    made = server.admin({"do": "account create", "account": account})
    return made["access_key_id"], made["secret_access_key"]


def client(server: Deployment, key: tuple[str, str], attempts: int) -> Any:
    """A stock client; ``attempts`` in its standard mode, where 3 is its default."""
    return boto3.session.Session(*key, region_name="us-east-1").client(
        "secretsmanager",
        endpoint_url=server.url,
        config=Config(retries={"mode": "standard", "total_max_attempts": attempts}, max_pool_connections=16),
    )


class Flood:
    """Forty connections of one principal that all ask at once, again and again, until it is left."""

    def __init__(self, server: Deployment, key: tuple[str, str], *, claim: str | None = None) -> None:
        self._where = urlsplit(server.url)
        request = AWSRequest(
            "POST",
            server.url + "/",
            data=b"{}",
            headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": ASK},
        )
        SigV4Auth(Credentials(*key), "secretsmanager", "us-east-1").add_auth(request)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        head = f"POST / HTTP/1.1\r\nHost: {self._where.netloc}\r\n{head}Content-Length: 2\r\n\r\n"
        self._request = head.replace(key[0], claim or key[0]).encode() + b"{}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.refused = self.answered = 0
        self.first_refusal = threading.Event()

    def _run(self) -> None:
        with contextlib.ExitStack() as stack:
            connections = [
                stack.enter_context(
                    contextlib.closing(
                        socket.create_connection((self._where.hostname or "", self._where.port or 0), 60)
                    )
                )
                for _ in range(FLOOD)
            ]
            for _ in range(TURNS_AT_MOST):
                if self._stop.is_set():
                    return
                for one in connections:
                    one.sendall(self._request)
                for one in connections:
                    said = one.recv(65536)
                    if said.startswith(b"HTTP/1.1 200"):
                        self.answered += 1
                    elif b"ThrottlingException" in said:
                        self.refused += 1
                        self.first_refusal.set()

    def __enter__(self) -> Flood:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """No more after this turn."""
        self._stop.set()


def test_standard_retries_of_boto3_ride_over_it(server: Deployment) -> None:
    """The caller is the flooding principal itself, so that its calls are among those that are refused."""
    key = keys(server)
    secrets = client(server, key, attempts=3)
    throttled = 0

    def note(response: Any, **_: Any) -> None:
        nonlocal throttled
        if response is not None and response[0].status_code == 400:
            throttled += 1
            flood.stop()

    secrets.meta.events.register("needs-retry.secretsmanager.GetRandomPassword", note)
    with Flood(server, key) as flood, ThreadPoolExecutor(4) as callers:
        assert flood.first_refusal.wait(60)

        def until_throttled(_: int) -> int:
            made = 0
            while made == 0 or (not throttled and made < TURNS_AT_MOST):
                assert 20 == len(secrets.get_random_password(PasswordLength=20)["RandomPassword"])
                made += 1
            return made

        assert all(callers.map(until_throttled, range(4)))
    assert throttled, "none was refused, so nothing was shown"


def test_another_principal_is_not_refused_once_beside_a_flood(server: Deployment) -> None:
    polite = client(server, keys(server, "111122223333"), attempts=1)
    polite.get_random_password()
    with Flood(server, keys(server)) as flood:
        assert flood.first_refusal.wait(60)
        for _ in range(50):
            polite.get_random_password()
    assert flood.answered and flood.refused


def test_a_flood_of_forged_claims_does_not_starve_the_owner_of_the_key(server: Deployment) -> None:
    owner = keys(server, "111122224444")
    secrets = client(server, owner, attempts=1)
    secrets.get_random_password()
    with Flood(server, ("AKIAFORGED", "not the secret"), claim=owner[0]) as flood:
        assert flood.first_refusal.wait(60)
        for _ in range(50):
            secrets.get_random_password()
    assert 0 == flood.answered


def test_what_is_refused_is_counted_and_health_answers_all_the_same(server: Deployment) -> None:
    with Flood(server, keys(server)) as flood:
        assert flood.first_refusal.wait(60)
        with urllib.request.urlopen(f"{server.url}/_strongroom/health", timeout=60) as reply:
            assert json.load(reply)["ready"]
    asked = urllib.request.Request(f"{server.url}/_strongroom/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(asked, timeout=60) as reply:
        found = re.search(r'operation="GetRandomPassword",outcome="throttled"\} (\d+)', reply.read().decode())
    assert found and int(found[1]) >= flood.refused


def test_slow_strangers_who_hold_all_connections_do_not_keep_out_those_who_have_a_key(tmp_path: Path) -> None:
    patient = {"STRONGROOM_MAX_CONNECTIONS": "8", "STRONGROOM_HEAD_TIMEOUT": "600", "STRONGROOM_KEEP_ALIVE": "600"}
    with Deployment(tmp_path / "data", "--tls", "off", "--workers", "1", env=patient) as server:
        key = keys(server)
        old, new = client(server, key, attempts=1), client(server, key, attempts=1)
        old.get_random_password()
        where = urlsplit(server.url)
        with contextlib.ExitStack() as stack:
            for _ in range(8):
                slow = socket.create_connection((where.hostname or "", where.port or 0), 60)
                stack.enter_context(contextlib.closing(slow)).sendall(b"POST / HTTP/1.1\r\nHost: ")
            until = time.monotonic() + 60
            while True:
                with contextlib.suppress(ClientError, HTTPClientError):
                    new.get_random_password()
                    break
                assert time.monotonic() < until, "the slow ones kept it out"
                time.sleep(0.05)
            old.get_random_password()  # on the connection that it had
