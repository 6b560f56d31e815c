"""A permission taken away is gone at the next request on every worker; a deleted key, user or role likewise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.deployment import Deployment

TIMES = 12
"""New connections spread over the workers: so many meet each of two."""
READ = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"},
    }
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(tmp_path_factory.mktemp("revocation") / "data", "--workers", "2") as running:
        running.client("secretsmanager").create_secret(Name="db", SecretString="x")
        yield running


def on_every_worker(server: Deployment, keys: dict[str, str]) -> set[str]:
    """What reading answers over many new connections."""
    found, bundle = set(), server.env()["AWS_CA_BUNDLE"]
    session = boto3.session.Session(region_name="us-east-1", **keys)  # type: ignore[arg-type]
    for _ in range(TIMES):
        client = session.client("secretsmanager", endpoint_url=server.url, verify=bundle)
        try:
            found.add(client.get_secret_value(SecretId="db")["SecretString"])
        except ClientError as error:
            found.add(error.response["Error"]["Code"])
        finally:
            client.close()
    return found


def new_user(iam: Any, name: str) -> dict[str, str]:
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=READ)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def _drop_policy(iam: Any, name: str, _: str) -> None:
    iam.delete_user_policy(UserName=name, PolicyName="p")


def _drop_key(iam: Any, name: str, key: str) -> None:
    iam.delete_access_key(UserName=name, AccessKeyId=key)


def _switch_off(iam: Any, name: str, key: str) -> None:
    iam.update_access_key(UserName=name, AccessKeyId=key, Status="Inactive")


@pytest.mark.parametrize(
    ("take", "code"),
    [
        (_drop_policy, "AccessDeniedException"),
        (_drop_key, "UnrecognizedClientException"),
        (_switch_off, "UnrecognizedClientException"),
    ],
)
def test_what_is_taken_from_a_user_is_gone_on_every_worker(
    server: Deployment, take: Callable[[Any, str, str], None], code: str
) -> None:
    iam = server.client("iam")
    keys = new_user(iam, take.__name__)
    assert {"x"} == on_every_worker(server, keys)

    take(iam, take.__name__, keys["aws_access_key_id"])

    assert {code} == on_every_worker(server, keys)


def test_sessions_of_a_deleted_role_are_gone_on_every_worker_and_a_new_role_revives_none(
    server: Deployment,
) -> None:
    iam = server.client("iam")
    account = server.client("sts").get_caller_identity()["Account"]
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    made = {
        "RoleName": "r",
        "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": trust}),
    }
    arn = iam.create_role(**made)["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=READ)
    given = server.client("sts").assume_role(RoleArn=arn, RoleSessionName="night")["Credentials"]
    keys = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    assert {"x"} == on_every_worker(server, keys)

    iam.delete_role_policy(RoleName="r", PolicyName="p")
    assert {"AccessDeniedException"} == on_every_worker(server, keys)
    iam.delete_role(RoleName="r")
    assert {"UnrecognizedClientException"} == on_every_worker(server, keys)
    iam.create_role(**made)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=READ)
    assert {"UnrecognizedClientException"} == on_every_worker(server, keys)


def test_a_grant_that_is_revoked_is_gone_on_every_worker(server: Deployment) -> None:
    keys, iam, bundle = server.client("kms"), server.client("iam"), server.env()["AWS_CA_BUNDLE"]
    arn = keys.create_key()["KeyMetadata"]["Arn"]
    user = iam.create_user(UserName="grantee")["User"]["Arn"]
    made = iam.create_access_key(UserName="grantee")["AccessKey"]
    session = boto3.session.Session(made["AccessKeyId"], made["SecretAccessKey"], region_name="us-east-1")

    def on_every() -> set[str]:
        found = set()
        for _ in range(TIMES):
            client = session.client("kms", endpoint_url=server.url, verify=bundle)
            try:
                client.encrypt(KeyId=arn, Plaintext=b"x")
                found.add("encrypted")
            except ClientError as error:
                found.add(error.response["Error"]["Code"])
            finally:
                client.close()
        return found

    assert {"AccessDeniedException"} == on_every()
    grant = keys.create_grant(KeyId=arn, GranteePrincipal=user, Operations=["Encrypt"])["GrantId"]
    assert {"encrypted"} == on_every()
    keys.revoke_grant(KeyId=arn, GrantId=grant)
    assert {"AccessDeniedException"} == on_every()
