"""Every condition key, end to end: a statement that its value meets, and one that it does not.

Each row has a user, role or service ask for one thing under a policy that allows it on one condition alone. With the
first condition it is allowed, with the second denied: so the key is there, for that action, with that value.
Those of KMS are in test_kms_condition_keys.py; aws:SourceArn and aws:SourceAccount, which services bring, in
test_secretsmanager_rotation.py; those of web identities in test_web_identity.py.
Source: facts, iam, section 8; secretsmanager, section 11.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.functions import packing
from tests.inprocess import InProcess
from tests.wire.conditions import (
    DENIED,
    EPOCH,
    IN_A_YEAR,
    READ,
    TAG,
    YEAR_AGO,
    Row,
    World,
    absent,
    document,
    equals,
    flag,
    keys_of,
    read,
)
from tests.wire.test_iam_mfa import Token

GLOBAL = [
    Row("aws:PrincipalArn", READ, read, *equals("aws:PrincipalArn", "arn:aws:iam::ACCOUNT:user/team/ann")),
    Row("aws:PrincipalArn", READ, read, *equals("aws:PrincipalArn", "arn:aws:iam::ACCOUNT:role/r"), by="role"),
    Row("aws:PrincipalAccount", READ, read, *equals("aws:PrincipalAccount", "ACCOUNT", "000000000000")),
    Row("aws:PrincipalTag", READ, read, *equals("aws:PrincipalTag/team", "blue")),
    Row("aws:PrincipalTag", READ, read, *equals("aws:PrincipalTag/Team", "blue"), by="role"),
    Row("aws:PrincipalType", READ, read, *equals("aws:PrincipalType", "User", "AssumedRole")),
    Row("aws:PrincipalType", READ, read, *equals("aws:PrincipalType", "AssumedRole", "User"), by="role"),
    Row("aws:PrincipalIsAWSService", READ, read, *flag("aws:PrincipalIsAWSService", False)),
    Row("aws:PrincipalServiceName", READ, read, *absent("aws:PrincipalServiceName")),
    Row("aws:PrincipalOrgID", READ, read, *absent("aws:PrincipalOrgID")),
    Row("aws:userid", READ, read, *equals("aws:userid", "USERID")),
    Row("aws:userid", READ, read, *equals("aws:userid", "ROLEID:night"), by="role"),
    Row("aws:username", READ, read, *equals("aws:username", "ann")),
    Row("aws:username", READ, read, *absent("aws:username"), by="role"),
    Row("aws:TokenIssueTime", READ, read, *absent("aws:TokenIssueTime")),
    Row(
        "aws:TokenIssueTime",
        READ,
        read,
        {"DateGreaterThan": {"aws:TokenIssueTime": YEAR_AGO}},
        {"DateLessThan": {"aws:TokenIssueTime": YEAR_AGO}},
        by="role",
    ),
    Row("aws:MultiFactorAuthPresent", READ, read, *absent("aws:MultiFactorAuthPresent")),
    Row("aws:MultiFactorAuthPresent", READ, read, *flag("aws:MultiFactorAuthPresent", False), by="role"),
    Row("aws:MultiFactorAuthAge", READ, read, *absent("aws:MultiFactorAuthAge")),
    Row("aws:SourceIdentity", READ, read, *equals("aws:SourceIdentity", "source"), by="role"),
    Row("aws:SourceIdentity", READ, read, *absent("aws:SourceIdentity")),
    Row(
        "aws:SourceIp",
        READ,
        read,
        {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}},
        {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}},
    ),
    Row("aws:SourceVpc", READ, read, *absent("aws:SourceVpc")),
    Row("aws:SourceVpce", READ, read, *absent("aws:SourceVpce")),
    Row("aws:SecureTransport", READ, read, *flag("aws:SecureTransport", False)),
    Row(
        "aws:CurrentTime",
        READ,
        read,
        {"DateGreaterThan": {"aws:CurrentTime": YEAR_AGO}},
        {"DateGreaterThan": {"aws:CurrentTime": IN_A_YEAR}},
    ),
    Row(
        "aws:EpochTime",
        READ,
        read,
        {"NumericGreaterThan": {"aws:EpochTime": str(EPOCH - 86400)}},
        {"NumericGreaterThan": {"aws:EpochTime": str(EPOCH + 86400)}},
    ),
    Row(
        "aws:EpochTime",
        READ,
        read,
        {"DateLessThan": {"aws:EpochTime": IN_A_YEAR}},
        {"DateLessThan": {"aws:EpochTime": YEAR_AGO}},
    ),
    Row("aws:RequestedRegion", READ, read, *equals("aws:RequestedRegion", "us-east-1", "eu-west-1")),
    Row(
        "aws:RequestedRegion",
        "iam:ListUsers",
        lambda client, world: client.list_users(),
        *equals("aws:RequestedRegion", "us-east-1", "eu-west-1"),
    ),
    Row("aws:ResourceAccount", READ, read, *equals("aws:ResourceAccount", "ACCOUNT", "000000000000")),
    Row(
        "aws:UserAgent",
        READ,
        read,
        {"StringLike": {"aws:UserAgent": "*Botocore/*"}},
        {"StringLike": {"aws:UserAgent": "curl/*"}},
    ),
    Row("aws:ViaAWSService", READ, read, *flag("aws:ViaAWSService", False)),
    Row("aws:CalledVia", READ, read, *absent("aws:CalledVia")),
    Row("aws:SourceArn", READ, read, *absent("aws:SourceArn")),
    Row("aws:SourceAccount", READ, read, *absent("aws:SourceAccount")),
    Row("aws:ResourceTag", READ, read, *equals("aws:ResourceTag/team", "blue")),
    Row(
        "aws:RequestTag",
        ["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
        lambda client, world: client.create_secret(Name=world.name(), SecretString="x", Tags=TAG),
        *equals("aws:RequestTag/TEAM", "blue"),
    ),
    Row(
        "aws:TagKeys",
        "secretsmanager:TagResource",
        lambda client, world: client.tag_resource(SecretId=world.secret, Tags=[{"Key": "A", "Value": "b"}]),
        {"ForAllValues:StringEquals": {"aws:TagKeys": ["A", "B"]}},
        {"ForAnyValue:StringEquals": {"aws:TagKeys": "B"}},
    ),
    Row(
        "aws:TagKeys",
        "secretsmanager:UntagResource",
        lambda client, world: client.untag_resource(SecretId=world.secret, TagKeys=["A"]),
        {"ForAnyValue:StringEquals": {"aws:TagKeys": "A"}},
        {"ForAllValues:StringEquals": {"aws:TagKeys": "B"}},
    ),
]


def make(**more: Any) -> Callable[[Any, World], Any]:
    return lambda client, world: client.create_secret(Name=world.name(), SecretString="x", **more)


def update(**more: Any) -> Callable[[Any, World], Any]:
    return lambda client, world: client.update_secret(SecretId=world.secret, **more)


def move_label(client: Any, world: World) -> None:
    client.update_secret_version_stage(SecretId=world.secret, VersionStage="MINE", MoveToVersionId=world.version)
    world.admin.update_secret_version_stage(
        SecretId=world.secret, VersionStage="MINE", RemoveFromVersionId=world.version
    )


def delete(**more: Any) -> Callable[[Any, World], Any]:
    def ask(client: Any, world: World) -> None:
        arn = world.admin.create_secret(Name=world.name(), SecretString="x")["ARN"]
        client.delete_secret(SecretId=arn, **more)

    return ask


def make_in_two_regions(client: Any, world: World) -> None:
    client.create_secret(Name=world.name(), SecretString="x", AddReplicaRegions=[{"Region": "eu-west-1"}])


def read_replicated(client: Any, world: World) -> None:
    arn = world.admin.create_secret(Name=world.name(), SecretString="x", AddReplicaRegions=[{"Region": "eu-west-1"}])[
        "ARN"
    ]
    client.describe_secret(SecretId=arn)


def own_policy(client: Any, world: World) -> None:
    world.admin.delete_resource_policy(SecretId=world.secret)
    # The policy itself lets its author put the next one: else it would lock the author out.
    ann = f"arn:aws:iam::{world.account.id}:user/team/ann"
    statement = {"Effect": "Allow", "Principal": {"AWS": ann}, "Action": PUT_POLICY, "Resource": "*"}
    client.put_resource_policy(SecretId=world.secret, BlockPublicPolicy=True, ResourcePolicy=document(statement))


PUT_POLICY = "secretsmanager:PutResourcePolicy"
CREATE = "secretsmanager:CreateSecret"
REPLICATING = [CREATE, "secretsmanager:ReplicateSecretToRegions", "kms:*"]
SECRETS_MANAGER = [
    Row("secretsmanager:Name", CREATE, lambda client, world: client.create_secret(Name=world.name(), SecretString="x"),
        {"StringLike": {"secretsmanager:Name": "n*"}}, {"StringLike": {"secretsmanager:Name": "m*"}}),
    Row("secretsmanager:Description", CREATE, make(Description="d"), *equals("secretsmanager:Description", "d")),
    Row("secretsmanager:Description", "secretsmanager:UpdateSecret", update(Description="d"),
        *equals("secretsmanager:Description", "d")),
    Row("secretsmanager:KmsKeyId", [CREATE, "kms:*"],
        lambda client, world: client.create_secret(Name=world.name(), SecretString="x", KmsKeyId="alias/k"),
        *equals("secretsmanager:KmsKeyId", "alias/k")),
    Row("secretsmanager:KmsKeyArn", [CREATE, "kms:*"],
        lambda client, world: client.create_secret(Name=world.name(), SecretString="x", KmsKeyId=world.key),
        {"ArnEquals": {"secretsmanager:KmsKeyArn": "KEYARN"}},
        {"ArnEquals": {"secretsmanager:KmsKeyArn": "arn:aws:kms:us-east-1:ACCOUNT:key/other"}}),
    Row("secretsmanager:AddReplicaRegions", REPLICATING, make_in_two_regions,
        {"ForAllValues:StringEquals": {"secretsmanager:AddReplicaRegions": "eu-west-1"}},
        {"ForAnyValue:StringEquals": {"secretsmanager:AddReplicaRegions": "us-west-2"}}),
    Row("secretsmanager:ForceOverwriteReplicaSecret", REPLICATING,
        make(ForceOverwriteReplicaSecret=True, AddReplicaRegions=[{"Region": "eu-west-1"}]),
        *flag("secretsmanager:ForceOverwriteReplicaSecret", True)),
    Row("secretsmanager:RecoveryWindowInDays", "secretsmanager:DeleteSecret", delete(RecoveryWindowInDays=7),
        {"NumericLessThan": {"secretsmanager:RecoveryWindowInDays": "8"}},
        {"NumericGreaterThan": {"secretsmanager:RecoveryWindowInDays": "8"}}),
    Row("secretsmanager:ForceDeleteWithoutRecovery", "secretsmanager:DeleteSecret",
        delete(ForceDeleteWithoutRecovery=True), *flag("secretsmanager:ForceDeleteWithoutRecovery", True)),
    Row("secretsmanager:VersionId", READ,
        lambda client, world: client.get_secret_value(SecretId=world.secret, VersionId=world.version),
        *equals("secretsmanager:VersionId", "VERSION")),
    Row("secretsmanager:VersionStage", READ,
        lambda client, world: client.get_secret_value(SecretId=world.secret, VersionStage="AWSCURRENT"),
        *equals("secretsmanager:VersionStage", "AWSCURRENT", "AWSPREVIOUS")),
    Row("secretsmanager:VersionStage", "secretsmanager:UpdateSecretVersionStage", move_label,
        {"ForAnyValue:StringEquals": {"secretsmanager:VersionStage": "MINE"}},
        {"ForAnyValue:StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}),
    Row("secretsmanager:BlockPublicPolicy", PUT_POLICY, own_policy,
        *flag("secretsmanager:BlockPublicPolicy", True)),
    Row("secretsmanager:SecretId", READ, lambda client, world: client.get_secret_value(SecretId="s"),
        {"ArnEquals": {"secretsmanager:SecretId": "SECRET"}}, {"ArnEquals": {"secretsmanager:SecretId": "SECRETx"}}),
    Row("secretsmanager:ResourceTag", READ, read, *equals("secretsmanager:ResourceTag/team", "blue")),
    Row("secretsmanager:SecretPrimaryRegion", "secretsmanager:DescribeSecret", read_replicated,
        *equals("secretsmanager:SecretPrimaryRegion", "us-east-1", "eu-west-1")),
]  # fmt: skip


def typed_secret(world: World, **more: Any) -> str:
    """A new secret of a type that rotates by itself."""
    made = world.admin.create_secret(Name=world.name(), SecretString="x", Type="SalesforceClientSecret", **more)
    return str(made["ARN"])


def make_typed(client: Any, world: World) -> None:
    client.create_secret(Name=world.name(), SecretString="x", Type="SnowflakePat")


def describe_typed(client: Any, world: World) -> None:
    client.describe_secret(SecretId=typed_secret(world))


def rotate(**more: Any) -> Callable[[Any, World], Any]:
    def ask(client: Any, world: World) -> None:
        arn = world.admin.create_secret(Name=world.name(), SecretString="x")["ARN"]
        rules = {"AutomaticallyAfterDays": 1}
        client.rotate_secret(SecretId=arn, RotationLambdaARN=world.function, **{"RotationRules": rules} | more)

    return ask


def describe_rotated(client: Any, world: World) -> None:
    arn = world.admin.create_secret(Name=world.name(), SecretString="x")["ARN"]
    rules = {"AutomaticallyAfterDays": 1}
    world.admin.rotate_secret(SecretId=arn, RotationLambdaARN=world.function, RotationRules=rules)
    client.describe_secret(SecretId=arn)


def rotate_outside(client: Any, world: World) -> None:
    client.rotate_secret(
        SecretId=typed_secret(world),
        RotationLambdaARN=world.function,
        RotationRules={"AutomaticallyAfterDays": 1},
        ExternalSecretRotationRoleArn=world.rotator,
        ExternalSecretRotationMetadata=[{"Key": "adminSecretArn", "Value": world.secret}],
    )


ROTATE = ["secretsmanager:RotateSecret", "lambda:InvokeFunction", "iam:PassRole"]
PASS = ROTATE[2:] + ROTATE[:2]
NO_FUNCTION = "arn:aws:lambda:us-east-1:ACCOUNT:function:other"
ROTATION = [
    Row("secretsmanager:RotationLambdaARN", ROTATE, rotate(),
        {"ArnEquals": {"secretsmanager:RotationLambdaARN": "arn:aws:lambda:us-east-1:ACCOUNT:function:rotator"}},
        {"ArnEquals": {"secretsmanager:RotationLambdaARN": NO_FUNCTION}}),
    Row("secretsmanager:RotateImmediately", ROTATE, rotate(RotateImmediately=False),
        *flag("secretsmanager:RotateImmediately", False)),
    Row("secretsmanager:ModifyRotationRules", ROTATE, rotate(), *flag("secretsmanager:ModifyRotationRules", True)),
    Row("secretsmanager:ExternalSecretRotationRoleArn", ROTATE, rotate_outside,
        {"ArnLike": {"secretsmanager:ExternalSecretRotationRoleArn": "arn:aws:iam::ACCOUNT:role/rotator"}},
        {"ArnLike": {"secretsmanager:ExternalSecretRotationRoleArn": "arn:aws:iam::ACCOUNT:role/other"}}),
    Row("secretsmanager:resource/AllowRotationLambdaArn", "secretsmanager:DescribeSecret", describe_rotated,
        {"ArnEquals": {"secretsmanager:resource/AllowRotationLambdaArn":
            "arn:aws:lambda:us-east-1:ACCOUNT:function:rotator"}},
        {"ArnEquals": {"secretsmanager:resource/AllowRotationLambdaArn": NO_FUNCTION}}),
    Row("secretsmanager:resource/Type", "secretsmanager:DescribeSecret", describe_typed,
        *equals("secretsmanager:resource/Type", "SalesforceClientSecret")),
    Row("secretsmanager:Type", CREATE, make_typed, *equals("secretsmanager:Type", "SnowflakePat")),
    Row("iam:PassedToService", PASS, rotate_outside,
        *equals("iam:PassedToService", "secretsmanager.amazonaws.com", "lambda.amazonaws.com")),
    Row("iam:AssociatedResourceArn", PASS, rotate_outside,
        {"ArnLike": {"iam:AssociatedResourceArn": "arn:aws:secretsmanager:*:ACCOUNT:secret:n*"}},
        {"ArnLike": {"iam:AssociatedResourceArn": "arn:aws:secretsmanager:*:ACCOUNT:secret:other"}}),
]  # fmt: skip

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
BOUNDARY = "arn:aws:iam::aws:policy/PowerUserAccess"


def make_user(**more: Any) -> Callable[[Any, World], Any]:
    return lambda client, world: client.create_user(UserName=world.name(), **more)


def attach(client: Any, world: World) -> None:
    name = world.name()
    world.iam.create_user(UserName=name)
    client.attach_user_policy(UserName=name, PolicyArn=READ_ONLY)


def make_profile_with_role(client: Any, world: World) -> None:
    name = world.name()
    world.iam.create_instance_profile(InstanceProfileName=name)
    client.add_role_to_instance_profile(InstanceProfileName=name, RoleName="r")


OF_IAM = [
    Row("iam:PermissionsBoundary", "iam:CreateUser", make_user(PermissionsBoundary=BOUNDARY),
        *equals("iam:PermissionsBoundary", BOUNDARY, READ_ONLY)),
    Row("iam:PolicyARN", "iam:AttachUserPolicy", attach,
        {"ArnEquals": {"iam:PolicyARN": READ_ONLY}}, {"ArnEquals": {"iam:PolicyARN": BOUNDARY}}),
    Row("iam:ResourceTag", "iam:GetUser", lambda client, world: client.get_user(UserName="ann"),
        *equals("iam:ResourceTag/team", "blue")),
    Row("aws:ResourceTag", "iam:GetRole", lambda client, world: client.get_role(RoleName="r"),
        *equals("aws:ResourceTag/Team", "blue")),
    Row("aws:RequestTag", ["iam:CreateUser", "iam:TagUser"], make_user(Tags=TAG),
        *equals("aws:RequestTag/Team", "blue")),
    Row("aws:TagKeys", ["iam:TagUser", "iam:CreateUser"],
        lambda client, world: client.create_user(UserName=world.name(), Tags=TAG),
        {"ForAllValues:StringEquals": {"aws:TagKeys": "Team"}}, {"ForAnyValue:StringEquals": {"aws:TagKeys": "Other"}}),
    Row("iam:PassedToService", ["iam:PassRole", "iam:AddRoleToInstanceProfile"], make_profile_with_role,
        *equals("iam:PassedToService", "ec2.amazonaws.com", "lambda.amazonaws.com")),
]  # fmt: skip


def read_with_mfa(client: Any, world: World) -> None:
    """The same user, by a session that was given out for a code of her device."""
    if not world.mfa_keys:
        token = Token(world.iam, "anns")
        world.iam.enable_mfa_device(UserName="ann", SerialNumber=token.serial, **token.pair(-3))
        sts = world.account.client("sts", **world.user_keys)
        given = sts.get_session_token(SerialNumber=token.serial, TokenCode=token.code(-1))["Credentials"]
        world.mfa_keys = keys_of(given)
    read(world.account.client("secretsmanager", **world.mfa_keys), world)


def assume(**more: Any) -> Callable[[Any, World], None]:
    """The role that trusts the account, assumed by the user that a statement must allow it."""
    return lambda client, world: client.assume_role(RoleArn=world.role, **{"RoleSessionName": "day"} | more)


ASSUME = "sts:AssumeRole"
OF_MFA = [
    Row("aws:MultiFactorAuthPresent", READ, read_with_mfa, *flag("aws:MultiFactorAuthPresent", True)),
    Row("aws:MultiFactorAuthAge", READ, read_with_mfa,
        {"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}},
        {"NumericGreaterThan": {"aws:MultiFactorAuthAge": "300"}}),
]  # fmt: skip
OF_STS = [
    Row("sts:RoleSessionName", ASSUME, assume(), *equals("sts:RoleSessionName", "day", "night")),
    Row("sts:DurationSeconds", ASSUME, assume(DurationSeconds=900),
        {"NumericLessThanEquals": {"sts:DurationSeconds": "900"}},
        {"NumericGreaterThan": {"sts:DurationSeconds": "900"}}),
    Row("sts:ExternalId", ASSUME, assume(ExternalId="right"), *equals("sts:ExternalId", "right", "wrong")),
    Row("sts:ExternalId", ASSUME, assume(), *absent("sts:ExternalId")),
    Row("sts:SourceIdentity", [ASSUME, "sts:SetSourceIdentity"], assume(SourceIdentity="ann"),
        *equals("sts:SourceIdentity", "ann")),
    Row("sts:SourceIdentity", ["sts:SetSourceIdentity", ASSUME], assume(SourceIdentity="ann"),
        *equals("sts:SourceIdentity", "ann")),
    Row("sts:TransitiveTagKeys", [ASSUME, "sts:TagSession"], assume(Tags=TAG, TransitiveTagKeys=["Team"]),
        {"ForAllValues:StringEquals": {"sts:TransitiveTagKeys": "Team"}},
        {"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": "Other"}}),
    Row("aws:RequestTag", [ASSUME, "sts:TagSession"], assume(Tags=TAG), *equals("aws:RequestTag/team", "blue")),
    Row("aws:TagKeys", ["sts:TagSession", ASSUME], assume(Tags=TAG),
        {"ForAllValues:StringEquals": {"aws:TagKeys": "Team"}}, {"ForAnyValue:StringEquals": {"aws:TagKeys": "Other"}}),
    Row("iam:ResourceTag", ASSUME, assume(), *equals("iam:ResourceTag/team", "blue")),
    Row("aws:ResourceTag", ASSUME, assume(), *equals("aws:ResourceTag/Team", "blue")),
]  # fmt: skip


@pytest.fixture(scope="module")
def world(strongroom: InProcess) -> World:
    account = strongroom.account()
    function = packing.make_function(account, "rotator", packing.ECHO)["FunctionArn"]
    account.client("lambda").add_permission(
        FunctionName="rotator",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    return World(account, function)


@pytest.mark.parametrize("row", [*GLOBAL, *OF_MFA, *SECRETS_MANAGER, *ROTATION, *OF_IAM, *OF_STS], ids=str)
def test_a_key_decides(world: World, row: Row) -> None:
    assert "" == world.answer(row, row.meets)
    assert world.answer(row, row.misses) in DENIED
