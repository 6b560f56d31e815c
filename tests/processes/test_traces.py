"""Traces of a whole server: every process sends its own, nothing secret goes along, and it ends in time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from tests.collectors import Collector
from tests.deployment import Deployment

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TOKEN = "canary-of-a-token"


def environment(collector: Collector) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={TOKEN}"}


def joined(client: Any) -> Any:
    client.meta.events.register("before-call.*.*", lambda params, **_: params["headers"].update(traceparent=PARENT))
    return client


def test_workers_and_runner_send_what_they_do_and_no_more(tmp_path: Path) -> None:
    with Collector() as collector:
        data = tmp_path / "data"
        with Deployment(data, "--workers", "2", env=environment(collector)) as server:
            assert f"Traces are sent to {collector.url}." in server.printed + server.said()
            server.client("secretsmanager").create_secret(Name="db", SecretString="canary-of-a-value")
            seen: set[str] = set()
            until = time.monotonic() + 120
            while not {"worker0", "worker1", "runner"} <= seen:  # the kernel chooses the worker of a connection
                assert time.monotonic() < until, seen
                joined(server.client("secretsmanager")).get_secret_value(SecretId="db")
                threading.Event().wait(0.1)
                seen = {str(one).partition(".")[2] for one in collector.instances}
            reads = [one for one in list(collector.spans) if one.name == "secretsmanager/GetSecretValue"]
            assert {PARENT.split("-")[1]} == {one.trace for one in reads}
            assert {TOKEN} == {one["api-key"] for one in collector.headers}
            last = joined(server.client("secretsmanager")).get_secret_value(SecretId="db")
            begun = time.monotonic()
        assert time.monotonic() - begun < 60
        request = last["ResponseMetadata"]["RequestId"]
        assert request in {one.attributes.get("aws.request_id") for one in collector.spans}, (
            "what is left goes out last"
        )
        assert b"canary" not in b"".join(collector.raw)
        assert TOKEN not in server.printed + server.said()
        assert not [path for path in data.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_collector_that_hangs_delays_neither_calls_nor_the_end(tmp_path: Path) -> None:
    with (
        Collector(status=None) as collector,
        Deployment(tmp_path / "data", "--workers", "1", "--tls", "off", env=environment(collector)) as server,
    ):
        for _ in range(10):
            server.client("secretsmanager").list_secrets()
        until = time.monotonic() + 60
        while not collector.paths:
            assert time.monotonic() < until
            threading.Event().wait(0.05)
        assert 0 == server.stop()
        assert [] == collector.spans
        assert "Traceback" not in server.said()


def test_what_the_environment_asks_in_vain_is_said_and_the_server_starts(tmp_path: Path) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with Deployment(tmp_path / "data", "--workers", "1", "--tls", "off", env=env) as server:
        assert "No traces are sent: OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'" in server.printed + server.said()
        assert [] == server.client("secretsmanager").list_secrets()["SecretList"]
