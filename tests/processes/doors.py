"""Two ways into one Strongroom: its two workers, or two nodes on one PostgreSQL. Both must always agree."""

from __future__ import annotations

import configparser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.deployment import Deployment
from tests.inprocess import Account

Keys = tuple[str, str]
ANYTHING: dict[str, Callable[[Any], Any]] = {
    "secretsmanager": lambda client: client.get_random_password(),
    "iam": lambda client: client.list_users(),
    "kms": lambda client: client.list_keys(),
    "sts": lambda client: client.get_caller_identity(),
}
"""A call of each service that finds out where its connection has come to; it may be denied."""


class Doors:
    """``client(0, "iam")`` and ``client(1, "iam")`` ask the one and the other."""

    keys: Keys

    def client(self, door: int, service: str, keys: Keys | None = None, **more: str) -> Any:
        """A stock client of the administrator, or with other keys."""
        raise NotImplementedError

    def session(self, door: int, service: str, given: Mapping[str, str]) -> Any:
        """A stock client with temporary credentials."""
        keys = (given["AccessKeyId"], given["SecretAccessKey"])
        return self.client(door, service, keys, aws_session_token=given["SessionToken"])


class Nodes(Doors):
    """Two servers. Only one of them made the administrator, whose keys lie there."""

    def __init__(self, *nodes: Deployment) -> None:
        self.nodes = nodes
        (holder,) = [node.data / "credentials" for node in nodes if (node.data / "credentials").exists()]
        self.keys = read_keys(holder)

    def client(self, door: int, service: str, keys: Keys | None = None, **more: str) -> Any:
        """A client of one node."""
        return Account(self.nodes[door].url, "", *(keys or self.keys)).client(service, **more)


@dataclass
class Workers(Doors):
    """The two workers of one server. A kept connection stays with the worker that took it."""

    server: Deployment

    def __post_init__(self) -> None:
        self.keys = read_keys(self.server.data / "credentials")

    def client(self, door: int, service: str, keys: Keys | None = None, **more: str) -> Any:
        """A client whose connection has come to this worker; the journal tells, for each worker writes its own."""
        for _ in range(40):
            client = Account(self.server.url, "", *(keys or self.keys)).client(service, **more)
            try:
                request = ANYTHING[service](client)["ResponseMetadata"]["RequestId"]
            except ClientError as refused:
                request = refused.response["ResponseMetadata"]["RequestId"]
            if _recorded_by(self.server.data, f"worker{door}", request):
                return client
        raise AssertionError(f"no connection came to worker {door}")


def read_keys(path: Path) -> Keys:
    """The keys in a credentials file."""
    parser = configparser.RawConfigParser()
    parser.read(path)
    section = parser["default"]
    return section["aws_access_key_id"], section["aws_secret_access_key"]


def _recorded_by(data: Path, process: str, request: str) -> bool:
    return any(request.encode() in path.read_bytes() for path in (data / "journal").glob(f"*-{process}-*.jsonl"))
