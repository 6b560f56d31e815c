"""Counts of several processes are one sum, which a worker that dies does not lower."""

from __future__ import annotations

import os
import re
import signal
import time
import urllib.request
from pathlib import Path

from tests.deployment import Deployment

TOKEN = "the-token-of-prometheus"
DONE = re.compile(r'requests_total\{service="secretsmanager",operation="DescribeSecret",outcome="answered"\} (\d+)')


def page(server: Deployment) -> str:
    asked = urllib.request.Request(f"{server.url}/_strongroom/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(asked, timeout=30) as reply:
        text: str = reply.read().decode()
    return text


def described(server: Deployment) -> int:
    found = DONE.search(page(server))
    return int(found[1]) if found else 0


def test_every_worker_answers_for_all_and_a_killed_one_is_not_forgotten(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(TOKEN)
    env = {"STRONGROOM_METRICS_TOKEN_FILE": str(token)}
    with Deployment(tmp_path / "data", "--workers", "2", "--tls", "off", env=env) as server:
        server.client("secretsmanager").create_secret(Name="one", SecretString="x")
        for _ in range(20):  # each client is a connection of its own, so that both workers have some
            server.client("secretsmanager").describe_secret(SecretId="one")
        assert {20} == {described(server) for _ in range(6)}
        files = {path.name for path in (server.data / "run").glob("*.cells")}
        assert {"worker0.cells", "worker1.cells", "runner.cells"} <= files
        children = server.children()
        name = next(one for one in children if one.startswith("worker"))
        os.kill(children[name], signal.SIGKILL)
        server.wait_replaced(name, children[name], timeout=60.0)
        server.client("secretsmanager").describe_secret(SecretId="one")
        until = time.monotonic() + 60
        while (now := described(server)) != 21:
            assert 20 <= now <= 21
            assert time.monotonic() < until
