"""Counts of several processes are one sum, which a worker that dies does not lower."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

from tests.deployment import Deployment

TOKEN = "the-token-of-prometheus"
DONE = re.compile(r'requests_total\{service="secretsmanager",operation="DescribeSecret",outcome="answered"\} (\d+)')


def page(server: Deployment) -> str:
    asked = urllib.request.Request(f"{server.url}/_strongroom/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    authority = server.data / "tls" / "ca.pem"
    context = ssl.create_default_context(cafile=authority) if server.url.startswith("https:") else None
    with urllib.request.urlopen(asked, timeout=30, context=context) as reply:
        text: str = reply.read().decode()
    return text


def described(server: Deployment) -> int:
    found = DONE.search(page(server))
    return int(found[1]) if found else 0


def with_token(place: Path) -> dict[str, str]:
    """The environment of a server whose metrics open with the token."""
    token = place / "token"
    token.touch(0o600)
    token.write_text(TOKEN)
    return {"STRONGROOM_METRICS_TOKEN_FILE": str(token)}


def gauge(text: str, name: str) -> float:
    """One gauge of a page."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.removeprefix(name))


def test_over_tls_the_page_tells_how_long_certificates_last_and_what_the_journal_holds(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "1", env=with_token(tmp_path)) as server:
        assert server.url.startswith("https:")
        before = page(server)
        days = {
            name: gauge(before, f'strongroom_certificate_days_left{{certificate="{name}"}}')
            for name in ("server", "ca")
        }
        for name, left in days.items():
            end = subprocess.run(
                ["openssl", "x509", "-enddate", "-noout", "-in", str(server.data / "tls" / f"{name}.pem")],
                capture_output=True, text=True, check=True, timeout=60,
            ).stdout  # fmt: skip
            seconds = ssl.cert_time_to_seconds(end.strip().removeprefix("notAfter="))
            assert abs(left - (seconds - time.time()) / 86400) < 0.1, (name, left, end)
        assert 0 < days["server"] <= days["ca"]
        for number in range(20):
            server.client("secretsmanager").create_secret(Name=f"s{number}", SecretString="canary-of-metrics")
        after = page(server)
        files = list((server.data / "journal").iterdir())
        assert len(files) == gauge(after, "strongroom_journal_files") >= 2
        held = gauge(after, "strongroom_journal_bytes")
        assert gauge(before, "strongroom_journal_bytes") < held <= sum(one.stat().st_size for one in files)
        free = os.statvfs(server.data)
        assert 0 < gauge(after, "strongroom_free_bytes") <= free.f_blocks * free.f_frsize
        written = 'strongroom_journal_records_total{kind="written"}'
        assert gauge(after, written) >= gauge(before, written) + 20
        assert "canary" not in after


def test_every_worker_answers_for_all_and_a_killed_one_is_not_forgotten(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "2", "--tls", "off", env=with_token(tmp_path)) as server:
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
