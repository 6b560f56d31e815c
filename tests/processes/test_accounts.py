"""Several accounts as their operators make and use them: the command line, stock clients, two workers over TLS."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployment import Deployment


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server with two workers."""
    with Deployment(tmp_path_factory.mktemp("accounts") / "data", "--workers", "2") as made:
        yield made


def create(server: Deployment) -> dict[str, Any]:
    """``strongroom account create``, as JSON."""
    made: dict[str, Any] = json.loads(server.cli("account", "create", "--format", "json").stdout)
    return made


def keys(made: dict[str, Any]) -> dict[str, str]:
    """The administrator's keys as client arguments."""
    return {"aws_access_key_id": made["access_key_id"], "aws_secret_access_key": made["secret_access_key"]}


def document(*statements: dict[str, Any]) -> str:
    """A policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def denied(call: Any, **params: Any) -> dict[str, Any]:
    """The refusal of a call."""
    with pytest.raises(ClientError) as error:
        call(**params)
    answer: dict[str, Any] = error.value.response
    assert "AccessDenied" in answer["Error"]["Code"]
    return answer


def test_an_accounts_keys_go_to_a_private_file_and_not_to_the_terminal(server: Deployment) -> None:
    told = server.cli("account", "create", "--id", "210987654321").stdout
    path = server.data / "credentials-210987654321"
    found = configparser.RawConfigParser()
    found.read(path)
    key_id, secret = (found["default"][f"aws_{name}"] for name in ("access_key_id", "secret_access_key"))

    assert str(path) in told and secret not in told
    assert 0o600 == path.stat().st_mode & 0o777
    sts = server.client("sts", aws_access_key_id=key_id, aws_secret_access_key=secret)
    assert "arn:aws:iam::210987654321:user/admin" == sts.get_caller_identity()["Arn"]
    assert [] == server.client("iam", aws_access_key_id=key_id, aws_secret_access_key=secret).list_roles()["Roles"]


@pytest.mark.parametrize("account", ["210987654321", "12345", "x" * 12])
def test_an_account_is_made_once_and_has_twelve_digits(server: Deployment, account: str) -> None:
    server.cli("account", "create", "--id", "210987654321", check=False)

    done = server.cli("account", "create", "--id", account, check=False)

    assert 1 == done.returncode
    assert re.search("exists already|12 digits", done.stderr)


def test_a_secret_is_read_across_accounts_by_its_policy_and_by_a_role(server: Deployment) -> None:
    """Source: facts, iam, section 5: both sides must allow; a customer key for the value."""
    owner, reader = create(server), create(server)
    there, kms = server.client("secretsmanager", **keys(owner)), server.client("kms", **keys(owner))
    key = kms.create_key()["KeyMetadata"]["Arn"]
    arn = there.create_secret(Name="shared", SecretString="x", KmsKeyId=key)["ARN"]
    here = server.client("secretsmanager", **keys(reader))
    principal = {"AWS": reader["account"]}
    denied(here.get_secret_value, SecretId=arn)

    read = {"Effect": "Allow", "Principal": principal, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    there.put_resource_policy(SecretId=arn, ResourcePolicy=document(read))
    denied(here.get_secret_value, SecretId=arn)
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Statement"].append({"Effect": "Allow", "Principal": principal, "Action": "kms:Decrypt", "Resource": "*"})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    assert "x" == here.get_secret_value(SecretId=arn)["SecretString"]

    iam = server.client("iam", **keys(owner))
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="guest", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    everything = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}
    iam.put_role_policy(RoleName="guest", PolicyName="p", PolicyDocument=document(everything))
    given = server.client("sts", **keys(reader)).assume_role(RoleArn=role, RoleSessionName="visit")["Credentials"]
    guest = server.client(
        "secretsmanager",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    assert ["shared"] == [one["Name"] for one in guest.list_secrets()["SecretList"]]
    assert [] == here.list_secrets()["SecretList"]


def test_explain_finds_a_call_whichever_worker_answered_it(server: Deployment) -> None:
    made = create(server)
    iam = server.client("iam", **keys(made))
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    ann = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    asked: dict[str, str] = {}  # by the worker that answered
    for _ in range(60):
        answer = denied(server.client("kms", **ann).list_keys)  # a connection each
        request_id = answer["ResponseMetadata"]["RequestId"]
        asked[_worker(server.data, request_id)] = request_id
        if len(asked) == 2:
            break
    environment = {"AWS_ACCESS_KEY_ID": made["access_key_id"], "AWS_SECRET_ACCESS_KEY": made["secret_access_key"]}

    told = [server.cli("explain", request_id, env=environment).stdout for request_id in asked.values()]

    assert {"worker0", "worker1"} == set(asked)
    for text in told:
        assert text.startswith("implicitDeny: kms:ListKeys on *")
        assert '"Action":"kms:ListKeys"' in text and "would need, in an identity policy of the caller" in text


def _worker(data: Path, request_id: str) -> str:
    """Whose part of the journal holds the call."""
    own = b'"requestID":"%b"' % request_id.encode()
    (name,) = [path.name for path in (data / "journal").glob("*.jsonl") if own in path.read_bytes()]
    found = re.search(r"worker[0-9]", name)
    assert found is not None, name
    return found[0]
