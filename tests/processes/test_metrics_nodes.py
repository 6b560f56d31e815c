"""CloudWatch's metrics of two nodes on one PostgreSQL: whichever is asked, it answers for both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.deployment import Deployment
from tests.processes.doors import Nodes
from tests.processes.nodes import two_nodes

SECRETS = {"Type": "Resource", "Resource": "SecretCount", "Service": "Secrets Manager", "Class": "None"}
READS = {"Type": "API", "Resource": "GetSecretValue", "Service": "Secrets Manager", "Class": "None"}
DECRYPTS = {"Type": "API", "Resource": "Decrypt", "Service": "KMS", "Class": "None"}
ASKED = (
    ("AWS/Usage", "CallCount", READS, "Sum"),
    ("AWS/Usage", "CallCount", DECRYPTS, "Sum"),
    ("AWS/SecretsManager", "ResourceCount", SECRETS, "Maximum"),
)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Nodes, Deployment]]:
    with two_nodes(tmp_path_factory.mktemp("nodes"), "--dev-clock") as pair:
        yield Nodes(*pair), pair[0]


def listed(nodes: Nodes, door: int) -> list[dict[str, Any]]:
    """What one node lists, in an order of ours."""
    pages = nodes.client(door, "cloudwatch").get_paginator("list_metrics").paginate()
    return sorted((one for page in pages for one in page["Metrics"]), key=repr)


def told(nodes: Nodes, door: int, since: datetime) -> list[dict[str, Any]]:
    """The three series as one node tells them."""
    queries = [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": space,
                    "MetricName": name,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                },
                "Period": 3600,
                "Stat": stat,
            },
        }
        for number, (space, name, dimensions, stat) in enumerate(ASKED)
    ]
    span = {"StartTime": since - timedelta(hours=2), "EndTime": since + timedelta(hours=6)}
    found: list[dict[str, Any]] = nodes.client(door, "cloudwatch").get_metric_data(MetricDataQueries=queries, **span)[
        "MetricDataResults"
    ]
    return found


def whole(series: list[dict[str, Any]]) -> bool:
    """Whether all reads of both nodes are in it, and both secrets."""
    reads, decrypts, secrets = (one["Values"] for one in series)
    return (5.0, 5.0) == (sum(reads), sum(decrypts)) and 2.0 in secrets


def test_several_nodes_tell_the_same_metrics(nodes: tuple[Nodes, Deployment]) -> None:
    both, first = nodes
    begun = datetime.now(UTC)
    for name in ("one", "two"):
        both.client(0, "secretsmanager").create_secret(Name=name, SecretString="x")
    for door in (0, 1, 1, 0, 1):
        both.client(door, "secretsmanager").get_secret_value(SecretId="one")
    key, secret = both.keys
    first.cli("clock", "advance", "2h", env={"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret})
    # Secrets are counted by the hour.

    until = time.monotonic() + 120
    while True:
        series = [told(both, door, begun) for door in (0, 1)]
        if all(whole(one) for one in series) and series[0] == series[1] and listed(both, 0) == listed(both, 1):
            break
        assert time.monotonic() < until, series
        time.sleep(0.5)

    names = {(one["Namespace"], one["MetricName"]) for one in listed(both, 1)}
    assert {("AWS/SecretsManager", "ResourceCount"), ("AWS/Usage", "CallCount")} <= names
