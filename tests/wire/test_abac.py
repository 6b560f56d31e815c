"""Access by tags and by what a request brings, end to end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from tests.inprocess import Account
from tests.wire.test_secretsmanager_life import refused
from tests.wire.test_secretsmanager_policies import allow, user
from tests.wire.test_sts import refused as refused_query
from tests.wire.test_sts import trust

from strongroom.services.secretsmanager.room import ROOM

BY_TAG: dict[str, Any] = {"StringEquals": {"aws:ResourceTag/project": "${aws:PrincipalTag/project}"}}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class World:
    """Two secrets of two projects, and a role tagged with one of them that may do everything to its own."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.iam, self.secrets = account.client("iam"), account.client("secretsmanager")
        self.arns = {
            name: self.secrets.create_secret(Name=name, SecretString=name, Tags=[{"Key": "project", "Value": name}])[
                "ARN"
            ]
            for name in ("x", "y")
        }
        self.iam.create_role(
            RoleName="worker",
            AssumeRolePolicyDocument=trust({"AWS": account.id}, "sts:AssumeRole", "sts:TagSession"),
            Tags=[{"Key": "project", "Value": "x"}],
        )
        self.iam.put_role_policy(
            RoleName="worker",
            PolicyName="p",
            PolicyDocument=document(allow("secretsmanager:*", **BY_TAG), allow("iam:*", "sts:*")),
        )

    def session(self, **more: Any) -> dict[str, str]:
        """Credentials of the role's session."""
        given = self.account.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{self.account.id}:role/worker", RoleSessionName="night", **more
        )["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }


@pytest.fixture
def world(account: Account) -> World:
    return World(account)


def test_a_role_reads_only_what_carries_its_own_tag(world: World) -> None:
    client = world.account.client("secretsmanager", **world.session())

    assert "x" == client.get_secret_value(SecretId="x")["SecretString"]
    assert "AccessDeniedException" == refused(client.get_secret_value, SecretId="y")[0]
    world.secrets.tag_resource(SecretId="y", Tags=[{"Key": "project", "Value": "x"}])
    assert "y" == client.get_secret_value(SecretId="y")["SecretString"], "the tag counts at once"
    world.secrets.untag_resource(SecretId="y", TagKeys=["project"])
    assert "AccessDeniedException" == refused(client.get_secret_value, SecretId="y")[0]


def test_a_role_cannot_retag_its_way_in(world: World) -> None:
    client = world.account.client("secretsmanager", **world.session())
    own = [{"Key": "project", "Value": "x"}]

    assert "AccessDeniedException" == refused(client.tag_resource, SecretId="y", Tags=own)[0]
    assert "AccessDeniedException" == refused(client.untag_resource, SecretId="y", TagKeys=["project"])[0]
    # Nor by retagging what is its own so that somebody else may read it, or the author no longer may.
    assert (
        "AccessDeniedException"
        == refused(client.tag_resource, SecretId="x", Tags=[{"Key": "project", "Value": "y"}])[0]
    )
    assert "AccessDeniedException" == refused(client.get_secret_value, SecretId="y")[0]


def test_a_boundary_on_the_tags_of_principals_keeps_a_role_from_becoming_another_project(world: World) -> None:
    deny = {
        "Effect": "Deny",
        "Action": ["iam:TagRole", "iam:UntagRole", "sts:TagSession"],
        "Resource": "*",
        "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": ["project"]}},
    }
    world.iam.put_role_policy(RoleName="worker", PolicyName="deny", PolicyDocument=document(deny))
    session = world.session()
    iam, sts = world.account.client("iam", **session), world.account.client("sts", **session)
    tags = [{"Key": "project", "Value": "y"}]

    assert "AccessDenied" == refused_query(iam.tag_role, RoleName="worker", Tags=tags)[0]
    assert "AccessDenied" == refused_query(iam.untag_role, RoleName="worker", TagKeys=["project"])[0]
    role = f"arn:aws:iam::{world.account.id}:role/worker"
    assert "AccessDenied" == refused_query(sts.assume_role, RoleArn=role, RoleSessionName="more", Tags=tags)[0]
    iam.tag_role(RoleName="worker", Tags=[{"Key": "other", "Value": "y"}])


def test_the_tag_of_a_session_outranks_the_roles_own(world: World) -> None:
    client = world.account.client("secretsmanager", **world.session(Tags=[{"Key": "project", "Value": "y"}]))

    assert "y" == client.get_secret_value(SecretId="y")["SecretString"]
    assert "AccessDeniedException" == refused(client.get_secret_value, SecretId="x")[0]


def test_secrets_may_be_made_only_with_the_own_tag(world: World) -> None:
    own: dict[str, Any] = {"StringEquals": {"aws:RequestTag/project": "${aws:PrincipalTag/project}"}}
    world.iam.put_role_policy(
        RoleName="worker",
        PolicyName="p",
        PolicyDocument=document(allow("secretsmanager:CreateSecret", "secretsmanager:TagResource", **own)),
    )
    client = world.account.client("secretsmanager", **world.session())

    for tags in ([], [{"Key": "project", "Value": "y"}]):
        assert "AccessDeniedException" == refused(client.create_secret, Name="n", SecretString="x", Tags=tags)[0]
    assert client.create_secret(Name="n", SecretString="x", Tags=[{"Key": "project", "Value": "x"}])["ARN"]


# Each condition is met by a user's plain call on a loopback port without TLS, or not.
GLOBAL = {
    "aws:SourceIp": ("IpAddress", "127.0.0.0/8", "10.0.0.0/8"),
    "aws:SecureTransport": ("Bool", "false", "true"),
    "aws:PrincipalArn": ("ArnLike", "arn:aws:iam::*:user/ann", "arn:aws:iam::*:user/bob"),
    "aws:PrincipalAccount": ("StringLike", "????????????", "1"),
    "aws:PrincipalType": ("StringEquals", "User", "AssumedRole"),
    "aws:PrincipalTag/team": ("StringEquals", "red", "blue"),
    "aws:PrincipalIsAWSService": ("Bool", "false", "true"),
    "aws:username": ("StringEquals", "ann", "bob"),
    "aws:userid": ("StringLike", "AIDA*", "AROA*"),
    "aws:CurrentTime": ("DateGreaterThan", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"),
    "aws:EpochTime": ("NumericGreaterThan", "1000000000", "99999999999"),
    "aws:RequestedRegion": ("StringEquals", "us-east-1", "eu-west-1"),
    "aws:UserAgent": ("StringLike", "Boto3/*", "curl/*"),
    "aws:ViaAWSService": ("Bool", "false", "true"),
    "aws:ResourceAccount": ("StringLike", "????????????", "1"),
    "aws:ResourceTag/env": ("StringEquals", "dev", "prod"),
    "secretsmanager:ResourceTag/env": ("StringEquals", "dev", "prod"),
    "secretsmanager:SecretId": ("ArnLike", "arn:aws:secretsmanager:*:*:secret:s-*", "arn:aws:s3:*:*:*"),
    "secretsmanager:VersionStage": ("StringEqualsIfExists", "AWSCURRENT", "AWSPREVIOUS"),
    "aws:MultiFactorAuthPresent": ("Null", "true", "false"),
    "aws:TokenIssueTime": ("Null", "true", "false"),
    "aws:CalledVia": ("Null", "true", "false"),
    "aws:SourceArn": ("Null", "true", "false"),
    "aws:SourceAccount": ("Null", "true", "false"),
}  # fmt: skip


def test_every_global_key_is_filled_from_the_real_request(account: Account) -> None:
    secrets, iam = account.client("secretsmanager"), account.client("iam")
    secrets.create_secret(Name="s", SecretString="x", Tags=[{"Key": "env", "Value": "dev"}])
    client = account.client("secretsmanager", **user(account, "ann"))
    iam.tag_user(UserName="ann", Tags=[{"Key": "team", "Value": "red"}])
    for key, (operator, met, unmet) in GLOBAL.items():
        for value, allowed in ((met, True), (unmet, False)):
            condition: dict[str, Any] = {operator: {key: value}}
            text = document(allow("secretsmanager:GetSecretValue", **condition))
            iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=text)
            try:
                client.get_secret_value(SecretId="s", VersionStage="AWSCURRENT")
                happened = True
            except ClientError:
                happened = False
            assert allowed is happened, (key, value)


def test_a_service_is_told_from_its_caller_by_the_keys_of_calls_on_behalf(account: Account) -> None:
    key = account.client("kms").create_key()["KeyMetadata"]["KeyId"]
    account.client("secretsmanager").create_secret(Name="k", SecretString="x", KmsKeyId=key)
    through: dict[str, Any] = {
        "StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"},
        "Bool": {"aws:ViaAWSService": "true"},
        "ForAnyValue:StringEquals": {"aws:CalledVia": "secretsmanager.amazonaws.com"},
    }
    keys = user(account, "ann", allow("secretsmanager:GetSecretValue"), allow("kms:*", **through))

    assert "x" == account.client("secretsmanager", **keys).get_secret_value(SecretId="k")["SecretString"]
    assert "AccessDeniedException" == refused(account.client("kms", **keys).encrypt, KeyId=key, Plaintext=b"x")[0]


def test_a_deny_on_the_time_of_issue_revokes_the_sessions_that_are_out(world: World) -> None:
    client = world.account.client("secretsmanager", **world.session())
    assert client.get_secret_value(SecretId="x")
    revoke = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2998-01-01T00:00:00Z"}},
    }
    world.iam.put_role_policy(RoleName="worker", PolicyName="revoke", PolicyDocument=document(revoke))

    assert "AccessDeniedException" == refused(client.get_secret_value, SecretId="x")[0]


def test_a_secret_with_the_tag_in_two_spellings_is_nobodys(world: World) -> None:
    """Tags of secrets are told apart by case, condition keys are not: what could be read either way opens nothing."""
    client = world.account.client("secretsmanager", **world.session())
    for spelling, other in (("Project", "x"), ("PROJECT", "x"), ("Project", "z")):
        world.secrets.tag_resource(SecretId="y", Tags=[{"Key": spelling, "Value": other}])
        assert "AccessDeniedException" == refused(client.get_secret_value, SecretId="y")[0], (spelling, other)
        assert "AccessDeniedException" == refused(client.untag_resource, SecretId="y", TagKeys=["project"])[0]
    world.secrets.tag_resource(SecretId="x", Tags=[{"Key": "Project", "Value": "x"}])
    assert "x" == client.get_secret_value(SecretId="x")["SecretString"], "both spellings say the same"


def test_no_second_spelling_smuggles_a_tag_past_a_condition_on_the_request(world: World) -> None:
    own: dict[str, Any] = {"StringEquals": {"aws:RequestTag/project": "x"}}
    keys = user(world.account, "maker", allow("secretsmanager:CreateSecret", "secretsmanager:TagResource", **own))
    client = world.account.client("secretsmanager", **keys)
    tags = [{"Key": "project", "Value": "y"}, {"Key": "Project", "Value": "x"}]
    for order in (tags, tags[::-1]):
        code = refused(client.create_secret, Name="new", SecretString="n", Tags=order)[0]
        assert "AccessDeniedException" == code
    client.create_secret(Name="new", SecretString="n", Tags=[{"Key": "Project", "Value": "x"}])


def test_a_deny_stands_whichever_spelling_it_meant(world: World) -> None:
    other: dict[str, Any] = {"StringNotEquals": {"aws:ResourceTag/project": "x"}}
    deny = {**allow("secretsmanager:*", **other), "Effect": "Deny"}
    keys = user(world.account, "denied", allow("secretsmanager:*"), deny)
    client = world.account.client("secretsmanager", **keys)
    client.get_secret_value(SecretId="x")
    world.secrets.tag_resource(SecretId="x", Tags=[{"Key": "Project", "Value": "y"}])

    assert "AccessDeniedException" == refused(client.get_secret_value, SecretId="x")[0]


OF_NO_SECRET = {"CreateSecret", "GetRandomPassword", "ListSecrets", "BatchGetSecretValue"}
ASKED: dict[str, dict[str, Any]] = {
    "CancelRotateSecret": {},
    "DeleteResourcePolicy": {},
    "DeleteSecret": {"ForceDeleteWithoutRecovery": True},
    "DescribeSecret": {},
    "GetResourcePolicy": {},
    "GetSecretValue": {},
    "ListSecretVersionIds": {},
    "PutResourcePolicy": {"ResourcePolicy": document(allow("secretsmanager:*") | {"Principal": "*"})},
    "PutSecretValue": {"SecretString": "mine"},
    "RemoveRegionsFromReplication": {"RemoveReplicaRegions": ["eu-west-1"]},
    "ReplicateSecretToRegions": {"AddReplicaRegions": [{"Region": "eu-west-1"}]},
    "RestoreSecret": {},
    "RotateSecret": {},
    "StopReplicationToReplica": {},
    "TagResource": {"Tags": [{"Key": "project", "Value": "x"}]},
    "UntagResource": {"TagKeys": ["project"]},
    "UpdateSecret": {"Description": "mine"},
    "UpdateSecretVersionStage": {"VersionStage": "MINE"},
    "ValidateResourcePolicy": {"ResourcePolicy": document(allow("secretsmanager:*") | {"Principal": "*"})},
}


def test_whatever_a_role_asks_of_anothers_secret_is_refused(world: World) -> None:
    """Every operation that is about a secret, so that none is a way around the tag."""
    assert set(ROOM.operations) - OF_NO_SECRET == set(ASKED)
    client = world.account.client("secretsmanager", **world.session())
    for secret_id in ("y", world.arns["y"]):
        for operation, params in ASKED.items():
            ask = getattr(client, xform_name(operation))
            assert "AccessDeniedException" == refused(ask, SecretId=secret_id, **params)[0], operation
    world.iam.put_role_policy(
        RoleName="worker",
        PolicyName="more",
        PolicyDocument=document(allow("secretsmanager:BatchGetSecretValue", "secretsmanager:ListSecrets")),
    )
    batch = client.batch_get_secret_value(SecretIdList=["x", "y"])
    assert ["x"] == [one["Name"] for one in batch["SecretValues"]]
    assert ["AccessDeniedException"] == [one["ErrorCode"] for one in batch["Errors"]]
    assert "y" == world.secrets.get_secret_value(SecretId="y")["SecretString"]


def test_keys_are_used_by_their_tags_too_also_through_a_secret(world: World) -> None:
    kms = world.account.client("kms")
    for project in ("x", "y"):
        key = kms.create_key(Tags=[{"TagKey": "project", "TagValue": project}])["KeyMetadata"]["KeyId"]
        world.secrets.create_secret(
            Name=f"under-{project}", SecretString="v", KmsKeyId=key, Tags=[{"Key": "project", "Value": "x"}]
        )
    world.iam.put_role_policy(RoleName="worker", PolicyName="keys", PolicyDocument=document(allow("kms:*", **BY_TAG)))
    client = world.account.client("secretsmanager", **world.session())

    assert "v" == client.get_secret_value(SecretId="under-x")["SecretString"]
    assert ("AccessDeniedException", "Access to KMS is not allowed") == refused(
        client.get_secret_value, SecretId="under-y"
    )
