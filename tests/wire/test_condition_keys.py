"""Every condition key, end to end: a statement that its value meets, and one that it does not.

Each row has a user, role or service ask for one thing under a policy that allows it on one condition alone. With the
first condition it is allowed, with the second denied: so the key is there, for that action, with that value.
Source: facts, iam, section 8; secretsmanager, section 11.2; kms, section 15.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.functions import packing
from tests.inprocess import Account, InProcess

DENIED = {"AccessDenied", "AccessDeniedException"}
Condition = dict[str, dict[str, Any]]


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@dataclass
class World:
    """One account: a secret, a key and an alias that everything is tried on, and a user and a role that try."""

    account: Account
    function: str
    names: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    def __post_init__(self) -> None:
        self.iam = self.account.client("iam")
        self.admin = self.account.client("secretsmanager")
        self.kms = self.account.client("kms")
        tag = [{"Key": "Team", "Value": "blue"}]
        self.secret: str = self.admin.create_secret(Name="s", SecretString="one", Tags=tag)["ARN"]
        self.version: str = self.admin.describe_secret(SecretId="s")["VersionIdsToStages"].popitem()[0]
        key = self.kms.create_key(Tags=[{"TagKey": "Team", "TagValue": "blue"}])["KeyMetadata"]
        self.key: str = key["Arn"]
        self.kms.create_alias(AliasName="alias/k", TargetKeyId=self.key)
        self.iam.create_user(UserName="ann", Path="/team/", Tags=tag)
        self.user_keys = self._keys("ann")
        self.user_id: str = self.iam.get_user(UserName="ann")["User"]["UserId"]
        trust = {
            "Effect": "Allow",
            "Principal": {"AWS": self.account.id},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
        trust["Action"] += ["sts:SetSourceIdentity"]  # type: ignore[operator]
        made = self.iam.create_role(RoleName="r", AssumeRolePolicyDocument=document(trust), Tags=tag)["Role"]
        self.role: str = made["Arn"]
        self.role_id: str = made["RoleId"]
        serving = {"Effect": "Allow", "Principal": {"Service": "secretsmanager.amazonaws.com"}}
        self.rotator: str = self.iam.create_role(
            RoleName="rotator", AssumeRolePolicyDocument=document({**serving, "Action": "sts:AssumeRole"})
        )["Role"]["Arn"]
        given = self.account.client("sts").assume_role(
            RoleArn=self.role, RoleSessionName="night", SourceIdentity="source"
        )["Credentials"]
        self.role_keys = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def _keys(self, name: str) -> dict[str, str]:
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    def name(self) -> str:
        """A name that was not used yet."""
        return f"n{next(self.names)}"

    def answer(self, row: Row, condition: Condition) -> str:
        """What the row's call comes to when it is allowed on this condition alone: empty, or an error's code."""
        condition = json.loads(
            json.dumps(condition)
            .replace("SECRET", self.secret)
            .replace("VERSION", self.version)
            .replace("KEYARN", self.key)
            .replace("ACCOUNT", self.account.id)
            .replace("USERID", self.user_id)
            .replace("ROLEID", self.role_id)
        )
        actions = row.actions if isinstance(row.actions, list) else [row.actions]
        asked = {"Effect": "Allow", "Action": actions[:1], "Resource": "*", "Condition": condition}
        rest = [{"Effect": "Allow", "Action": actions[1:], "Resource": "*"}] if actions[1:] else []
        if row.by == "user":
            self.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document(asked, *rest))
        else:
            self.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document(asked, *rest))
        keys = self.user_keys if row.by == "user" else self.role_keys
        service = actions[0].partition(":")[0]
        if actions[0] == "iam:PassRole":  # a permission beside that of the operation
            service = actions[1].partition(":")[0]
        client = self.account.client(service, **keys)
        try:
            row.ask(client, self)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""


@dataclass(frozen=True)
class Row:
    """One key: who asks for what, the condition that its value meets, and one that it does not."""

    key: str
    actions: str | list[str]
    ask: Callable[[Any, World], Any]
    meets: Condition
    misses: Condition
    by: str = "user"

    def __str__(self) -> str:
        action = self.actions if isinstance(self.actions, str) else self.actions[0]
        return f"{self.key} {action} {next(iter(self.meets))} {self.by}"


def equals(key: str, value: Any, other: Any = "something else") -> tuple[Condition, Condition]:
    return {"StringEquals": {key: value}}, {"StringEquals": {key: other}}


def flag(key: str, value: bool) -> tuple[Condition, Condition]:
    return {"Bool": {key: str(value).lower()}}, {"Bool": {key: str(not value).lower()}}


def absent(key: str) -> tuple[Condition, Condition]:
    return {"Null": {key: "true"}}, {"Null": {key: "false"}}


def iso(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(client: Any, world: World) -> Any:
    return client.get_secret_value(SecretId=world.secret)


READ = "secretsmanager:GetSecretValue"
TAG = [{"Key": "Team", "Value": "blue"}]
YEAR_AGO, IN_A_YEAR = iso(-365), iso(365)
EPOCH = int(datetime.now(UTC).timestamp())

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

CONTEXT = {"Tenant": "a"}


def encrypt(client: Any, world: World) -> Any:
    return client.encrypt(KeyId=world.key, Plaintext=b"x", EncryptionContext=CONTEXT)


def encrypt_by_alias(client: Any, world: World) -> Any:
    return client.encrypt(KeyId="alias/k", Plaintext=b"x")


def put_key_policy(client: Any, world: World) -> Any:
    policy = world.kms.get_key_policy(KeyId=world.key)["Policy"]
    return client.put_key_policy(KeyId=world.key, Policy=policy, BypassPolicyLockoutSafetyCheck=True)


def re_encrypt(client: Any, world: World) -> Any:
    blob = world.kms.encrypt(KeyId=world.key, Plaintext=b"x")["CiphertextBlob"]
    return client.re_encrypt(CiphertextBlob=blob, DestinationKeyId=world.key)


def schedule(client: Any, world: World) -> None:
    key = world.kms.create_key()["KeyMetadata"]["KeyId"]
    client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def tag_key(client: Any, world: World) -> None:
    client.tag_resource(KeyId=world.key, Tags=[{"TagKey": "A", "TagValue": "b"}])


KMS = [
    Row("kms:CallerAccount", "kms:Encrypt", encrypt, *equals("kms:CallerAccount", "ACCOUNT", "000000000000")),
    Row("kms:ViaService", "kms:Encrypt", encrypt, *absent("kms:ViaService")),
    Row("kms:EncryptionContext", "kms:Encrypt", encrypt, *equals("kms:EncryptionContext:Tenant", "a", "A")),
    Row("kms:EncryptionContextKeys", "kms:Encrypt", encrypt,
        {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "Tenant"}},
        {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "tenant"}}),
    Row("kms:EncryptionAlgorithm", "kms:Encrypt", encrypt,
        *equals("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1")),
    Row("kms:KeySpec", "kms:Encrypt", encrypt, *equals("kms:KeySpec", "SYMMETRIC_DEFAULT", "RSA_2048")),
    Row("kms:KeyUsage", "kms:Encrypt", encrypt, *equals("kms:KeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY")),
    Row("kms:KeyOrigin", "kms:Encrypt", encrypt, *equals("kms:KeyOrigin", "AWS_KMS", "EXTERNAL")),
    Row("kms:MultiRegion", "kms:Encrypt", encrypt, *flag("kms:MultiRegion", False)),
    Row("kms:KeySpec", "kms:CreateKey", lambda client, world: client.create_key(),
        *equals("kms:KeySpec", "SYMMETRIC_DEFAULT", "RSA_2048")),
    Row("kms:RequestAlias", "kms:Encrypt", encrypt_by_alias, *equals("kms:RequestAlias", "alias/k")),
    Row("kms:ResourceAliases", "kms:Encrypt", encrypt,
        {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/k"}},
        {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/other"}}),
    Row("kms:ReEncryptOnSameKey", ["kms:ReEncryptTo", "kms:ReEncryptFrom"], re_encrypt,
        *flag("kms:ReEncryptOnSameKey", True)),
    Row("kms:BypassPolicyLockoutSafetyCheck", "kms:PutKeyPolicy", put_key_policy,
        *flag("kms:BypassPolicyLockoutSafetyCheck", True)),
    Row("kms:ScheduleKeyDeletionPendingWindowInDays", "kms:ScheduleKeyDeletion", schedule,
        {"NumericEquals": {"kms:ScheduleKeyDeletionPendingWindowInDays": "7"}},
        {"NumericGreaterThan": {"kms:ScheduleKeyDeletionPendingWindowInDays": "7"}}),
    Row("aws:ResourceTag", "kms:Encrypt", encrypt, *equals("aws:ResourceTag/Team", "blue")),
    Row("aws:RequestTag", "kms:TagResource", tag_key, *equals("aws:RequestTag/A", "b")),
    Row("aws:TagKeys", "kms:TagResource", tag_key,
        {"ForAllValues:StringEquals": {"aws:TagKeys": "A"}}, {"ForAnyValue:StringEquals": {"aws:TagKeys": "B"}}),
]  # fmt: skip

THROUGH_SECRETS_MANAGER = [
    ("kms:ViaService", *equals("kms:ViaService", "secretsmanager.us-east-1.amazonaws.com")),
    ("aws:ViaAWSService", *flag("aws:ViaAWSService", True)),
    ("aws:CalledVia", {"ForAnyValue:StringEquals": {"aws:CalledVia": "secretsmanager.amazonaws.com"}},
     {"ForAnyValue:StringEquals": {"aws:CalledVia": "lambda.amazonaws.com"}}),
    ("aws:CalledViaFirst", *equals("aws:CalledViaFirst", "secretsmanager.amazonaws.com")),
    ("aws:CalledViaLast", *equals("aws:CalledViaLast", "secretsmanager.amazonaws.com")),
    ("kms:EncryptionContext", *equals("kms:EncryptionContext:SecretVersionId", "VERSION")),
    ("aws:SourceIp", {"IpAddress": {"aws:SourceIp": "127.0.0.1"}}, {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
    ("aws:PrincipalArn", *equals("aws:PrincipalArn", "arn:aws:iam::ACCOUNT:user/team/ann")),
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


@pytest.mark.parametrize("row", [*GLOBAL, *SECRETS_MANAGER, *ROTATION, *OF_IAM, *KMS], ids=str)
def test_a_key_decides(world: World, row: Row) -> None:
    assert "" == world.answer(row, row.meets)
    assert world.answer(row, row.misses) in DENIED


@pytest.mark.parametrize(
    ("key", "meets", "misses"), THROUGH_SECRETS_MANAGER, ids=[row[0] for row in THROUGH_SECRETS_MANAGER]
)
def test_a_key_decides_about_what_a_service_does_for_the_caller(
    world: World, key: str, meets: Condition, misses: Condition
) -> None:
    made = world.admin.create_secret(Name=world.name(), SecretString="x", KmsKeyId=world.key)
    before, world.version = world.version, made["VersionId"]
    try:
        row = Row(
            key,
            ["kms:Decrypt", READ],
            lambda client, world: world.account.client("secretsmanager", **world.user_keys).get_secret_value(
                SecretId=made["ARN"]
            ),
            meets,
            misses,
        )
        assert "" == world.answer(row, meets)
        assert world.answer(row, misses) in DENIED
    finally:
        world.version = before
