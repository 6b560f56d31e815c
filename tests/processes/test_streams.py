"""Streams across processes: two workers, a stop, a seal; and two nodes on one PostgreSQL."""

from __future__ import annotations

import time
from pathlib import Path

from tests.deployment import Deployment
from tests.processes.doors import Nodes
from tests.processes.nodes import two_nodes
from tests.streams import Stream


def opened(server: Deployment) -> Stream:
    found = server.env()
    return Stream(server.url, found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"])


def test_a_stream_has_what_every_worker_did_and_ends_when_the_server_stops(tmp_path: Path) -> None:
    with (
        Deployment(tmp_path / "data", "--workers", "2", "--tls", "off") as server,
        opened(server) as one,
        opened(server) as two,
    ):
        names = [f"s{number}" for number in range(10)]
        for name in names:  # each client is a connection of its own: both workers have some
            server.client("secretsmanager").create_secret(Name=name, SecretString="x")
        for stream in (one, two):
            stream.wait_for(lambda s: len(s.events) == len(names))
            assert names == [event["detail"]["requestParameters"]["name"] for event in stream.events]
        begun = time.monotonic()
        assert 0 == server.stop()
        assert time.monotonic() - begun < 6.0, "the stop waited for the streams"
        assert one.ended.wait(60)
        assert two.ended.wait(60)


def test_a_stream_on_one_node_has_what_the_other_did(tmp_path: Path) -> None:
    with two_nodes(tmp_path) as pair:
        nodes = Nodes(*pair)
        with Stream(pair[0].url, *nodes.keys) as stream:
            secrets = nodes.client(1, "secretsmanager")
            for number in range(3):
                secrets.create_secret(Name=f"s{number}", SecretString="x")
            done = time.monotonic()
            stream.wait_for(lambda s: len(s.events) == 3)
            assert time.monotonic() - done < 1.0
            assert ["CreateSecret"] * 3 == stream.names()
            last = stream.ids[-1]
        secrets.delete_secret(SecretId="s0")
        with Stream(pair[1].url, *nodes.keys, after=last) as again:  # it goes on where any other node stood
            again.wait_for(lambda s: "DeleteSecret" in s.names())
