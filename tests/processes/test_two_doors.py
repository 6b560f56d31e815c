"""What one worker or node acknowledged, every other one's very next answer shows."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from strongroom.kernel.crypto.totp import code_at, step_at
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


def ways_to_take(
    iam: Any, name: str, policy_arn: str, document: str
) -> list[tuple[Callable[[], Any], Callable[[], Any]]]:
    """Every way in which a user's right to read can be taken, with the way in which it is given back."""
    denies = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "secretsmanager:*", "Resource": "*"}]}
    )
    boundary = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    group = {"GroupName": name, "UserName": name}
    of_user = {"UserName": name, "PolicyArn": policy_arn}
    of_group = {"GroupName": name, "PolicyArn": policy_arn}

    def new_version(text: str) -> Callable[[], Any]:
        def change() -> None:
            kept = [
                one for one in iam.list_policy_versions(PolicyArn=policy_arn)["Versions"] if one["IsDefaultVersion"]
            ]
            iam.create_policy_version(PolicyArn=policy_arn, PolicyDocument=text, SetAsDefault=True)
            iam.delete_policy_version(PolicyArn=policy_arn, VersionId=kept[0]["VersionId"])

        return change

    def leave_but_for_the_group() -> None:
        iam.add_user_to_group(**group)
        iam.detach_user_policy(**of_user)
        iam.remove_user_from_group(**group)

    return [
        (lambda: iam.detach_user_policy(**of_user), lambda: iam.attach_user_policy(**of_user)),
        (new_version(denies), new_version(document)),
        (
            lambda: iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=boundary),
            lambda: iam.delete_user_permissions_boundary(UserName=name),
        ),
        (
            lambda: iam.put_user_policy(UserName=name, PolicyName="d", PolicyDocument=denies),
            lambda: iam.delete_user_policy(UserName=name, PolicyName="d"),
        ),
        (leave_but_for_the_group, lambda: iam.add_user_to_group(**group)),
        (lambda: iam.detach_group_policy(**of_group), lambda: iam.attach_group_policy(**of_group)),
        (lambda: iam.remove_user_from_group(**group), lambda: iam.attach_user_policy(**of_user)),
    ]  # fmt: skip


@pytest.mark.parametrize("at", [0, 1])
def test_however_a_right_is_taken_at_one_door_it_is_gone_at_both(doors: Doors, at: int) -> None:
    """By policy, version, boundary, Deny or group: each is taken, and given back."""
    arn = a_secret(doors)
    name, keys = a_user(doors)
    iam = doors.client(at, "iam")
    policy = iam.create_policy(PolicyName=name, PolicyDocument=may_read(arn))["Policy"]["Arn"]
    iam.create_group(GroupName=name)
    iam.attach_group_policy(GroupName=name, PolicyArn=policy)
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    users = [doors.client(door, "secretsmanager", keys) for door in (1 - at, at)]
    for take, give_back in ways_to_take(iam, name, policy, may_read(arn)):
        for one in users:
            assert "first" == one.get_secret_value(SecretId=arn)["SecretString"]
        take()
        assert ["AccessDeniedException"] * 2 == [code_of(lambda: one.get_secret_value(SecretId=arn)) for one in users]  # noqa: B023
        give_back()


@pytest.mark.parametrize("at", [0, 1])
def test_a_user_or_role_deleted_at_one_door_is_nobody_at_both_and_its_successor_inherits_nothing(
    doors: Doors, at: int
) -> None:
    arn = a_secret(doors)
    iam, account = doors.client(at, "iam"), arn.split(":")[4]
    name, keys = a_user(doors)
    user_arn = iam.get_user(UserName=name)["User"]["Arn"]
    trust = {"Effect": "Allow", "Principal": {"AWS": user_arn}, "Action": "sts:AssumeRole"}
    made = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [trust]})}
    role = iam.create_role(**made)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=may_read(arn))
    assert account in role
    sts = [doors.client(door, "sts", keys) for door in (1 - at, at)]
    given = sts[0].assume_role(RoleArn=role, RoleSessionName="night")["Credentials"]
    session = [doors.session(door, "secretsmanager", given) for door in (1 - at, at)]
    for one in session:
        assert "first" == one.get_secret_value(SecretId=arn)["SecretString"]

    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)
    refused = ["UnrecognizedClientException"] * 2
    assert refused == [code_of(lambda: one.get_secret_value(SecretId=arn)) for one in session]  # noqa: B023
    iam.create_role(**made)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=may_read(arn))
    assert refused == [code_of(lambda: one.get_secret_value(SecretId=arn)) for one in session]  # noqa: B023
    for one in sts:
        assert one.assume_role(RoleArn=role, RoleSessionName="night")["Credentials"]

    iam.delete_access_key(UserName=name, AccessKeyId=keys[0])
    iam.delete_user(UserName=name)
    assert ["InvalidClientTokenId"] * 2 == [code_of(one.get_caller_identity) for one in sts]
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    fresh = (key["AccessKeyId"], key["SecretAccessKey"])
    for door in (1 - at, at):
        successor = doors.client(door, "sts", fresh)
        code = code_of(lambda: successor.assume_role(RoleArn=role, RoleSessionName="night"))  # noqa: B023
        assert "AccessDenied" == code


def test_wrong_codes_at_both_doors_are_counted_together(doors: Doors) -> None:
    name, keys = a_user(doors)
    iam = doors.client(0, "iam")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    seed, serial = base64.b32decode(made["Base32StringSeed"]), made["SerialNumber"]

    def code(ahead: int) -> str:
        return code_at(seed, step_at(time.time()) + ahead)

    iam.enable_mfa_device(
        UserName=name, SerialNumber=serial, AuthenticationCode1=code(-3), AuthenticationCode2=code(-2)
    )
    users = [doors.client(door, "sts", keys) for door in (0, 1)]
    assert users[1].get_session_token(SerialNumber=serial, TokenCode=code(-1))["Credentials"]
    wrong = next(one for one in ("000000", "111111", "222222") if one not in {code(at) for at in range(-6, 4)})
    for at in (0, 1, 0, 1, 1):
        asked = {"SerialNumber": serial, "TokenCode": wrong}
        assert "AccessDenied" == code_of(lambda: users[at].get_session_token(**asked))  # noqa: B023

    for user in users:
        good = {"SerialNumber": serial, "TokenCode": code(0)}
        assert "AccessDenied" == code_of(lambda: user.get_session_token(**good))  # noqa: B023


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


def test_labels_are_never_on_two_versions_while_both_doors_move_them(doors: Doors) -> None:
    """Custom labels, AWSPENDING and AWSCURRENT are moved at once from both sides; who comes second is refused."""
    arn = a_secret(doors)
    wrong: list[Any] = []

    def move(door: int) -> None:
        client = doors.client(door, "secretsmanager")
        for step in range(12):
            named = [f"AT{door}", "SHARED"] if step % 2 else ["AWSPENDING"]
            made = client.put_secret_value(SecretId=arn, SecretString=str(step), VersionStages=named)["VersionId"]
            held = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
            names = [name for names in held.values() for name in names]
            if len(names) != len(set(names)) or "AWSCURRENT" not in names:
                wrong.append(held)
            (current,) = [version for version, names in held.items() if "AWSCURRENT" in names]
            refused = code_of(
                lambda: client.update_secret_version_stage(
                    SecretId=arn,
                    VersionStage="AWSCURRENT",
                    MoveToVersionId=made,  # noqa: B023
                    RemoveFromVersionId=current,  # noqa: B023
                )
            )
            if refused not in ("", "InvalidParameterException"):
                wrong.append(refused)

    movers = [threading.Thread(target=move, args=(door,)) for door in (0, 1, 0, 1)]
    for thread in movers:
        thread.start()
    for thread in movers:
        thread.join(120)
    assert [] == wrong
    both = [doors.client(door, "secretsmanager") for door in (0, 1)]
    shown = [client.describe_secret(SecretId=arn)["VersionIdsToStages"] for client in both]
    assert shown[0] == shown[1]
    names = [name for names in shown[0].values() for name in names]
    assert {"AWSCURRENT", "AWSPREVIOUS", "AT0", "AT1", "SHARED"} <= set(names)
    assert len(names) == len(set(names))
