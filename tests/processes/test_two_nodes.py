"""Two nodes on one PostgreSQL: one administrator, one clock, each job once, and the loss of one stops nobody."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.deployment import Deployment, wait_gone
from tests.journals import entries, successes
from tests.processes.doors import Nodes
from tests.processes.nodes import two_nodes

Pair = tuple[Deployment, Deployment]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two nodes that were started for the first time at the same moment."""
    with two_nodes(tmp_path_factory.mktemp("nodes"), "--dev-clock") as nodes:
        yield nodes


def keys_in_environment(nodes: Nodes) -> dict[str, str]:
    """The administrator's keys, for the node that did not make them."""
    key_id, secret = nodes.keys
    return {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}


def clock(node: Deployment, nodes: Nodes, *words: str) -> dict[str, Any]:
    """``strongroom clock ...`` on one node."""
    said: dict[str, Any] = json.loads(
        node.cli("clock", *words, "--format", "json", env=keys_in_environment(nodes)).stdout
    )
    return said


def test_a_first_start_of_both_at_once_makes_one_administrator(pair: Pair) -> None:
    nodes = Nodes(*pair)  # which finds one credentials file, not two
    for door in (0, 1):
        iam = nodes.client(door, "iam")
        assert ["admin"] == [user["UserName"] for user in iam.list_users()["Users"]]
        assert [nodes.keys[0]] == [key["AccessKeyId"] for key in iam.list_access_keys()["AccessKeyMetadata"]]
    made = [entry for node in pair for entry in successes(node.data) if entry.name == "CreateFirstAdministrator"]
    assert 1 == len(made)


def test_both_nodes_have_one_clock_and_each_job_is_done_once(pair: Pair) -> None:
    nodes = Nodes(*pair)
    secrets = nodes.client(0, "secretsmanager")
    arns = [secrets.create_secret(Name=f"purged-{number}", SecretString="x")["ARN"] for number in range(12)]
    for arn in arns:
        secrets.put_secret_value(SecretId=arn, SecretString="y")
        secrets.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    before = [clock(node, nodes, "status")["OffsetSeconds"] for node in pair]
    clock(pair[1], nodes, "advance", "8d")
    after = [clock(node, nodes, "status") for node in pair]
    assert [8 * 86400] * 2 == [now["OffsetSeconds"] - then for now, then in zip(after, before, strict=True)]
    assert [0, 0] == [now["DueJobs"] for now in after]
    for door in (0, 1):
        client = nodes.client(door, "secretsmanager")
        left = client.list_secrets(IncludePlannedDeletion=True)["SecretList"]
        assert [] == [one["Name"] for one in left if one["ARN"] in arns]
    ended = [
        (entry.event["additionalEventData"]["SecretId"], entry.event["additionalEventData"]["SecretVersionId"])
        for node in pair
        for entry in successes(node.data)
        if entry.name == "EndSecretVersionDelete"
    ]
    assert 24 == len(ended) == len(set(ended))
    assert set(arns) == {arn for arn, _ in ended}


def test_each_node_writes_its_own_journal(pair: Pair) -> None:
    nodes = Nodes(*pair)
    asked = [nodes.client(door, "sts").get_caller_identity()["ResponseMetadata"]["RequestId"] for door in (0, 1)]
    told = [{entry.event["requestID"] for entry in entries(node.data)} for node in pair]
    assert [[True, False], [False, True]] == [[request in one for one in told] for request in asked]


def test_a_call_is_explained_by_whichever_node_is_asked(pair: Pair) -> None:
    """Granted or refused, from the journal of the node that answered it; what no node has is told as that."""
    nodes = Nodes(*pair)
    nodes.client(0, "secretsmanager").create_secret(Name="explained", SecretString="x")
    nodes.client(0, "iam").create_user(UserName="ann")
    key = nodes.client(0, "iam").create_access_key(UserName="ann")["AccessKey"]
    ann = nodes.client(0, "secretsmanager", (key["AccessKeyId"], key["SecretAccessKey"]))
    with pytest.raises(ClientError) as denied:
        ann.get_secret_value(SecretId="explained")
    refused = denied.value.response["ResponseMetadata"]["RequestId"]
    read = nodes.client(0, "secretsmanager").get_secret_value(SecretId="explained")
    granted = read["ResponseMetadata"]["RequestId"]
    environment = keys_in_environment(nodes)
    for request_id, outcome in ((refused, "implicitDeny"), (granted, "allowed")):
        told = [
            json.loads(one.cli("explain", request_id, "--format", "json", env=environment).stdout)["Calls"]
            for one in pair
        ]
        assert outcome == told[0][0]["Outcome"]
        assert told[0] == told[1], "one answer, whichever node is asked"
    missing = pair[1].cli("explain", "5f0c2f8e-3b1d-4c55-9d62-0b6f8e1a7c3d", env=environment, check=False)
    assert 1 == missing.returncode
    assert "is in the journal." in missing.stderr
    assert "did not answer" not in missing.stderr


def test_the_loss_of_a_node_stops_nobody(pair: Pair) -> None:
    """Killed with everything it runs, in the middle of its writes; it comes back to what the other has done."""
    nodes = Nodes(*pair)
    staying = nodes.client(0, "secretsmanager")
    lost = threading.Event()
    acknowledged: list[str] = []

    def write(number: int) -> None:
        client = nodes.client(1, "secretsmanager")
        try:
            for count in range(10_000):
                made = client.create_secret(Name=f"lost-{number}-{count}", SecretString=f"{number} {count}")
                acknowledged.append(made["Name"])
        except (ClientError, BotoCoreError):
            lost.set()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in writers:
        thread.start()
    until = time.monotonic() + 20
    while len(acknowledged) < 20:
        assert time.monotonic() < until
        time.sleep(0.01)
    children = list(pair[1].children().values())
    for pid in children:
        os.kill(pid, 9)
    pair[1].kill()
    begun = time.monotonic()
    staying.create_secret(Name="after-the-loss", SecretString="x")
    waited = time.monotonic() - begun
    for thread in writers:
        thread.join(30)
    wait_gone(children, timeout=5)
    assert lost.is_set()
    assert waited < 5
    for name in acknowledged:
        assert name.removeprefix("lost-").replace("-", " ") == staying.get_secret_value(SecretId=name)["SecretString"]
    pair[1].start()
    back = nodes.client(1, "secretsmanager")
    assert "x" == back.get_secret_value(SecretId="after-the-loss")["SecretString"]
    made_there = {entry.asked["name"] for entry in successes(pair[1].data) if entry.name == "CreateSecret"}
    shown = {
        one["Name"]
        for page in back.get_paginator("list_secrets").paginate(MaxResults=100)
        for one in page["SecretList"]
    }
    assert {name for name in shown if name.startswith("lost-")} == {n for n in made_there if n.startswith("lost-")}
