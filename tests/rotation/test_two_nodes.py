"""Two nodes on one PostgreSQL: each window of each schedule is one rotation, whoever begins it and whoever runs it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deployment import Deployment
from tests.inprocess import Account
from tests.journals import successes
from tests.processes.doors import Nodes
from tests.processes.nodes import two_nodes
from tests.rotation.rotators import misbehaving, rotator, stages, until

Pair = tuple[Deployment, Deployment]
MANY = 8
HOLDS = misbehaving(
    "if step != 'setSecret': return",
    "try:",
    "    client.create_secret(Name='held', SecretString=os.environ['AWS_ENDPOINT_URL'])",
    "except client.exceptions.ResourceExistsException:",
    "    return",
    "import time",
    "time.sleep(800)",
)
"""Says once at which node it runs, and stays there."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two nodes, with few processes for functions each."""
    place = tmp_path_factory.mktemp("nodes")
    with two_nodes(place, "--dev-clock") as nodes:
        yield nodes


def test_two_nodes_begin_and_run_each_scheduled_rotation_once(pair: Pair) -> None:
    nodes = Nodes(*pair)
    key_id, secret = nodes.keys
    account = Account(pair[0].url, "123456789012", key_id, secret)
    secrets = nodes.client(0, "secretsmanager")
    function = rotator(account)
    first = {}
    for number in range(MANY):
        name = f"s{number}"
        first[name] = secrets.create_secret(Name=name, SecretString="first")["VersionId"]
        secrets.rotate_secret(
            SecretId=name,
            RotationLambdaARN=function,
            RotationRules={"ScheduleExpression": "cron(0 16 * * ? *)", "Duration": "1h"},
            RotateImmediately=False,
        )
    until(
        lambda: all(stages(secrets, name) == {version: ["AWSCURRENT"]} for name, version in first.items()),
        "all tests are over",
    )
    keys = {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}
    # Every secret comes due at once, and both runners look for it.
    pair[1].cli("clock", "advance", "1d", env=keys)

    def all_rotated() -> bool:
        shown = [secrets.describe_secret(SecretId=name) for name in first]
        return all("LastRotatedDate" in one and "AWSPENDING" not in str(one["VersionIdsToStages"]) for one in shown)

    until(all_rotated, "all rotations", 240)
    began: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    steps: Counter[tuple[str, str]] = Counter()
    by: set[str] = set()
    for node in pair:
        for entry in successes(node.data):
            about = (entry.event.get("additionalEventData") or {}).get("SecretId", "")
            if entry.name == "RotationStarted":
                began[about] += 1
            elif entry.name == "RotationSucceeded":
                ended[about] += 1
                by.add(node.data.name)
            elif entry.name == "PutSecretValue":
                steps[entry.asked["secretId"], entry.asked["clientRequestToken"]] += 1
    assert [1] * MANY == list(began.values()) == list(ended.values())
    assert [1] * MANY == list(steps.values()), "each function has written one value"
    for name in first:
        versions = secrets.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
        assert 2 == len(versions), json.dumps(versions, default=str)


@pytest.mark.long
def test_a_node_that_dies_in_the_middle_of_a_rotation_is_followed_by_the_other(pair: Pair) -> None:
    """Its lease runs out by the machine's clock; then the other node takes the same rotation up."""
    nodes = Nodes(*pair)
    key_id, secret = nodes.keys
    account = Account(pair[0].url, "123456789012", key_id, secret)
    secrets = nodes.client(0, "secretsmanager")
    function = rotator(account, "holds", HOLDS, Timeout=900)
    secrets.create_secret(Name="s", SecretString="first")
    token = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    holder = until(lambda: _who_holds(secrets), "the function has begun")
    dead = next(node for node in pair if node.url == holder)
    living = 1 - pair.index(dead)
    dead.kill()
    alive = nodes.client(living, "secretsmanager")
    until(lambda: "AWSCURRENT" in stages(alive, "s").get(token, []), "the other node has it", 180)
    assert {token} == {
        entry.asked["clientRequestToken"]
        for node in pair
        for entry in successes(node.data)
        if entry.name == "PutSecretValue" and entry.asked.get("secretId", "").partition(":secret:")[2].startswith("s-")
    }
    dead.start()


def _who_holds(secrets: Any) -> str:
    try:
        return str(secrets.get_secret_value(SecretId="held")["SecretString"])
    except secrets.exceptions.ResourceNotFoundException:
        return ""
