"""Two nodes on one PostgreSQL: whichever is asked, it answers with what both recorded, in the same order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deployment import Deployment
from tests.processes.doors import Nodes
from tests.processes.nodes import two_nodes

Pair = tuple[Deployment, Deployment]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two nodes."""
    with two_nodes(tmp_path_factory.mktemp("nodes")) as nodes:
        yield nodes


def found(nodes: Nodes, door: int, name: str) -> list[dict[str, Any]]:
    """All events of a name, as one node answers, in pages of three."""
    pages = nodes.client(door, "cloudtrail").get_paginator("lookup_events")
    asked = [{"AttributeKey": "EventName", "AttributeValue": name}]
    return [
        event
        for page in pages.paginate(LookupAttributes=asked, PaginationConfig={"PageSize": 3})
        for event in page["Events"]
    ]


def test_several_nodes_give_one_answer(pair: Pair) -> None:
    nodes = Nodes(*pair)
    for door in (0, 1, 0, 1, 1):
        nodes.client(door, "kms").list_keys()
    nodes.client(1, "secretsmanager").create_secret(Name="db", SecretString="x")

    until = time.monotonic() + 90
    while True:
        first, second = ([found(nodes, door, name) for name in ("ListKeys", "CreateSecret")] for door in (0, 1))
        if [5, 1] == [len(one) for one in first] and first == second:
            break
        assert time.monotonic() < until, (first, second)
        time.sleep(0.2)

    assert 2 == len({path.name.partition("-")[0] for node in pair for path in (node.data / "journal").glob("*.jsonl")})


def test_a_page_of_one_node_goes_on_at_the_other(pair: Pair) -> None:
    nodes = Nodes(*pair)
    asked = [{"AttributeKey": "EventName", "AttributeValue": "ListAliases"}]
    for door in (0, 1, 0, 1):
        nodes.client(door, "kms").list_aliases()
    until = time.monotonic() + 90
    while [4, 4] != [len(found(nodes, door, "ListAliases")) for door in (0, 1)]:
        assert time.monotonic() < until
        time.sleep(0.2)

    page = nodes.client(0, "cloudtrail").lookup_events(LookupAttributes=asked, MaxResults=2)
    rest = nodes.client(1, "cloudtrail").lookup_events(
        LookupAttributes=asked, MaxResults=2, NextToken=page["NextToken"]
    )

    ids = [event["EventId"] for event in (*page["Events"], *rest["Events"])]
    assert ids == [event["EventId"] for event in found(nodes, 1, "ListAliases")]
