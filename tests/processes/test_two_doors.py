"""What one worker or node acknowledged, every other one's very next answer shows."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployment import Deployment
from tests.processes.doors import Doors, Keys, Nodes, Workers
from tests.processes.nodes import two_nodes

WAYS = ((0, 1), (1, 0))
ROUNDS = 3


@pytest.fixture(scope="module", params=["two workers on SQLite", "two nodes on PostgreSQL"])
def doors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Both ways in."""
    place: Path = tmp_path_factory.mktemp("doors")
    if request.param.startswith("two nodes"):
        with two_nodes(place) as nodes:
            yield Nodes(*nodes)
    else:
        with Deployment(place / "data", "--workers", "2", "--tls", "off") as server:
            yield Workers(server)


def code_of(ask: Callable[[], Any]) -> str:
    """The error code of a refusal; empty where it was granted."""
    try:
        ask()
    except ClientError as refused:
        return str(refused.response["Error"]["Code"])
    return ""


def named(what: str) -> str:
    """A name that no other test has."""
    return f"{what}-{uuid.uuid4().hex[:12]}"


def a_secret(doors: Doors, **more: Any) -> str:
    """A new secret's ARN."""
    made = doors.client(0, "secretsmanager").create_secret(Name=named("s"), SecretString="first", **more)
    return str(made["ARN"])


def a_user(doors: Doors) -> tuple[str, Keys]:
    """A new user without any right, and its keys."""
    iam = doors.client(0, "iam")
    name = named("u")
    iam.create_user(UserName=name)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return name, (made["AccessKeyId"], made["SecretAccessKey"])


def may_read(arn: str, **more: Any) -> str:
    """A policy document for one secret."""
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_value_put_at_one_door_is_read_at_the_other(doors: Doors) -> None:
    arn = a_secret(doors)
    clients = [doors.client(door, "secretsmanager") for door in (0, 1)]
    for round_ in range(10):
        for at, other in WAYS:
            put = clients[at].put_secret_value(SecretId=arn, SecretString=f"{round_} by {at}")
            got = clients[other].get_secret_value(SecretId=arn)
            assert (put["VersionId"], f"{round_} by {at}") == (got["VersionId"], got["SecretString"])


def test_the_first_read_at_one_door_is_dated_at_the_other(doors: Doors) -> None:
    clients = [doors.client(door, "secretsmanager") for door in (0, 1)]
    for at, other in WAYS:
        arn = a_secret(doors)
        assert "LastAccessedDate" not in clients[other].describe_secret(SecretId=arn)
        clients[at].get_secret_value(SecretId=arn)
        shown = clients[other].describe_secret(SecretId=arn)
        day = shown["LastAccessedDate"].astimezone(UTC)
        assert (0, 0, 0) == (day.hour, day.minute, day.second)
        (version,) = clients[other].list_secret_version_ids(SecretId=arn)["Versions"]
        assert shown["LastAccessedDate"] == version["LastAccessedDate"]


def test_a_secret_deleted_and_restored_at_one_door_is_so_at_the_other(doors: Doors) -> None:
    arn = a_secret(doors)
    clients = [doors.client(door, "secretsmanager") for door in (0, 1)]
    for at, other in WAYS * ROUNDS:
        clients[at].delete_secret(SecretId=arn)
        assert "InvalidRequestException" == code_of(lambda: clients[other].get_secret_value(SecretId=arn))  # noqa: B023
        clients[at].restore_secret(SecretId=arn)
        assert "first" == clients[other].get_secret_value(SecretId=arn)["SecretString"]


def test_a_right_given_or_taken_at_one_door_counts_at_the_other(doors: Doors) -> None:
    arn = a_secret(doors)
    name, keys = a_user(doors)
    iam = [doors.client(door, "iam") for door in (0, 1)]
    users = [doors.client(door, "secretsmanager", keys) for door in (0, 1)]
    for at, other in WAYS * ROUNDS:
        assert "AccessDeniedException" == code_of(lambda: users[other].get_secret_value(SecretId=arn))  # noqa: B023
        iam[at].put_user_policy(UserName=name, PolicyName="p", PolicyDocument=may_read(arn))
        assert "first" == users[other].get_secret_value(SecretId=arn)["SecretString"]
        iam[at].delete_user_policy(UserName=name, PolicyName="p")
        for door in (other, at):
            assert "AccessDeniedException" == code_of(lambda: users[door].get_secret_value(SecretId=arn))  # noqa: B023


def test_a_resource_policy_put_or_deleted_at_one_door_counts_at_the_other(doors: Doors) -> None:
    arn = a_secret(doors)
    name, keys = a_user(doors)
    user_arn = doors.client(0, "iam").get_user(UserName=name)["User"]["Arn"]
    owners = [doors.client(door, "secretsmanager") for door in (0, 1)]
    users = [doors.client(door, "secretsmanager", keys) for door in (0, 1)]
    for at, other in WAYS * ROUNDS:
        assert "AccessDeniedException" == code_of(lambda: users[other].get_secret_value(SecretId=arn))  # noqa: B023
        policy = may_read("*", Principal={"AWS": user_arn})
        owners[at].put_resource_policy(SecretId=arn, ResourcePolicy=policy)
        assert "first" == users[other].get_secret_value(SecretId=arn)["SecretString"]
        owners[at].delete_resource_policy(SecretId=arn)
        for door in (other, at):
            assert "AccessDeniedException" == code_of(lambda: users[door].get_secret_value(SecretId=arn))  # noqa: B023


def test_an_access_key_stopped_or_deleted_at_one_door_opens_nothing_at_the_other(doors: Doors) -> None:
    name, keys = a_user(doors)
    iam = [doors.client(door, "iam") for door in (0, 1)]
    users = [doors.client(door, "sts", keys) for door in (0, 1)]
    refused = "InvalidClientTokenId"
    for at, other in WAYS * ROUNDS:
        users[other].get_caller_identity()
        iam[at].update_access_key(UserName=name, AccessKeyId=keys[0], Status="Inactive")
        for door in (other, at):
            assert refused == code_of(users[door].get_caller_identity)
        iam[at].update_access_key(UserName=name, AccessKeyId=keys[0], Status="Active")
    users[1].get_caller_identity()
    iam[0].delete_access_key(UserName=name, AccessKeyId=keys[0])
    for door in (1, 0):
        assert refused == code_of(users[door].get_caller_identity)


def test_a_kms_key_disabled_at_one_door_opens_nothing_at_the_other(doors: Doors) -> None:
    kms = [doors.client(door, "kms") for door in (0, 1)]
    key = kms[0].create_key()["KeyMetadata"]["KeyId"]
    arn = a_secret(doors, KmsKeyId=key)
    clients = [doors.client(door, "secretsmanager") for door in (0, 1)]
    for at, other in WAYS * ROUNDS:
        assert "first" == clients[other].get_secret_value(SecretId=arn)["SecretString"]
        kms[at].disable_key(KeyId=key)
        for door in (other, at):
            assert "" != code_of(lambda: clients[door].get_secret_value(SecretId=arn))  # noqa: B023
        kms[at].enable_key(KeyId=key)


def test_of_two_that_create_one_name_at_once_one_wins(doors: Doors) -> None:
    clients = [doors.client(door, "secretsmanager") for door in (0, 1)]
    for _ in range(10):
        name, codes = named("race"), ["?", "?"]
        start = threading.Barrier(2)

        def create(door: int, name: str = name, codes: list[str] = codes, start: threading.Barrier = start) -> None:
            start.wait(10)
            codes[door] = code_of(lambda: clients[door].create_secret(Name=name, SecretString=str(door)))

        both = [threading.Thread(target=create, args=(door,)) for door in (0, 1)]
        for one in both:
            one.start()
        for one in both:
            one.join(30)
        assert ["", "ResourceExistsException"] == sorted(codes)
        got = clients[codes.index("ResourceExistsException")].get_secret_value(SecretId=name)
        assert str(codes.index("")) == got["SecretString"]


def test_labels_stay_whole_under_writers_of_one_secret_at_both_doors(doors: Doors) -> None:
    arn = a_secret(doors)
    acknowledged: list[str] = []
    wrong: list[Any] = []
    done = threading.Event()

    def write(door: int) -> None:
        client = doors.client(door, "secretsmanager")
        for _ in range(20):
            token = str(uuid.uuid4())
            put = client.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=token)
            if put["VersionStages"] != ["AWSCURRENT"]:
                wrong.append(put)
            acknowledged.append(token)

    def read(door: int) -> None:
        client = doors.client(door, "secretsmanager")
        while not done.is_set():
            got = client.get_secret_value(SecretId=arn)
            if got["SecretString"] not in (got["VersionId"], "first") or "AWSCURRENT" not in got["VersionStages"]:
                wrong.append(got)

    writers = [threading.Thread(target=write, args=(door,)) for door in (0, 1, 0, 1)]
    readers = [threading.Thread(target=read, args=(door,)) for door in (0, 1)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join(120)
    done.set()
    for thread in readers:
        thread.join(30)
    assert [] == wrong
    assert 80 == len(acknowledged)
    shown = [
        {
            version["VersionId"]: version.get("VersionStages", [])
            for version in doors.client(door, "secretsmanager").list_secret_version_ids(
                SecretId=arn, IncludeDeprecated=True, MaxResults=100
            )["Versions"]
        }
        for door in (0, 1)
    ]
    assert shown[0] == shown[1]
    assert set(acknowledged) < set(shown[0])
    assert [["AWSCURRENT"], ["AWSPREVIOUS"]] == sorted(stages for stages in shown[0].values() if stages)
