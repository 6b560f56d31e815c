"""Who may: identity and resource policies, other accounts, KMS keys, with stock boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.wire.test_secretsmanager_life import members, refused

DEFAULT_KEY_ELSEWHERE = (
    "InvalidRequestException",
    (
        "You can't access a secret from a different AWS account if you encrypt the secret with the default "
        "KMS service key."
    ),
)


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


def user(account: Account, name: str, *statements: dict[str, Any]) -> dict[str, str]:
    """A new user's keys; the user's one policy has these statements."""
    iam = account.client("iam")
    iam.create_user(UserName=name)
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def allow(*actions: str, resource: str = "*", **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource} | (
        {"Condition": condition} if condition else {}
    )


def policy(principal: Any, *actions: str, effect: str = "Allow") -> str:
    statement = {"Effect": effect, "Principal": principal, "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_caller_without_permission_learns_nothing_about_existence(secrets: Any, account: Account) -> None:
    arn = secrets.create_secret(Name="db", SecretString="x")["ARN"]
    keys = user(account, "u")
    client = account.client("secretsmanager", **keys)
    who = account.client("sts", **keys).get_caller_identity()["Arn"]
    for secret_id, named in (("db", arn), (arn, arn), ("nope", "nope")):
        assert (
            "AccessDeniedException",
            (
                f"User: {who} is not authorized to perform: secretsmanager:GetSecretValue on "
                f"resource: {named} because no identity-based policy allows the "
                "secretsmanager:GetSecretValue action"
            ),
        ) == refused(client.get_secret_value, SecretId=secret_id)


def test_an_identity_policy_for_one_arn_opens_that_secret(secrets: Any, account: Account) -> None:
    arn = secrets.create_secret(Name="db", SecretString="x")["ARN"]
    secrets.create_secret(Name="other", SecretString="y")
    client = account.client(
        "secretsmanager", **user(account, "u", allow("secretsmanager:GetSecretValue", resource=arn))
    )
    assert "x" == client.get_secret_value(SecretId="db")["SecretString"]
    assert "AccessDeniedException" == refused(client.get_secret_value, SecretId="other")[0]


def test_a_resource_policy_alone_opens_a_secret_and_closes_it_again(secrets: Any, account: Account) -> None:
    secrets.create_secret(Name="db", SecretString="x")
    assert {"ARN", "Name"} == set(members(secrets.get_resource_policy(SecretId="db")))
    client = account.client("secretsmanager", **user(account, "u"))
    text = policy({"AWS": f"arn:aws:iam::{account.id}:user/u"}, "secretsmanager:GetSecretValue")
    assert {"ARN", "Name"} == set(members(secrets.put_resource_policy(SecretId="db", ResourcePolicy=text)))
    assert text == secrets.get_resource_policy(SecretId="db")["ResourcePolicy"]
    assert "x" == client.get_secret_value(SecretId="db")["SecretString"]
    secrets.delete_resource_policy(SecretId="db")
    assert "AccessDeniedException" == refused(client.get_secret_value, SecretId="db")[0]
    assert {"ARN", "Name"} == set(members(secrets.delete_resource_policy(SecretId="db")))


def test_an_explicit_deny_in_the_resource_policy_outranks_the_administrator(secrets: Any) -> None:
    secrets.create_secret(Name="db", SecretString="x")
    secrets.put_resource_policy(
        SecretId="db", ResourcePolicy=policy("*", "secretsmanager:GetSecretValue", effect="Deny")
    )
    code, text = refused(secrets.get_secret_value, SecretId="db")
    assert "AccessDeniedException" == code
    assert text.endswith("with an explicit deny in a resource-based policy")


def test_a_policy_that_locks_its_author_out_is_refused(secrets: Any) -> None:
    secrets.create_secret(Name="db", SecretString="x")
    shut = policy("*", "secretsmanager:*", effect="Deny")
    assert (
        "MalformedPolicyDocumentException"
        == refused(secrets.put_resource_policy, SecretId="db", ResourcePolicy=shut)[0]
    )
    found = secrets.validate_resource_policy(SecretId="db", ResourcePolicy=shut)
    assert not found["PolicyValidationPassed"]
    assert ["LOCKOUT"] == [one["CheckName"] for one in found["ValidationErrors"]]


def test_public_access_is_refused_only_if_asked_for(secrets: Any) -> None:
    secrets.create_secret(Name="db", SecretString="x")
    everybody = policy("*", "secretsmanager:GetSecretValue")
    assert (
        "PublicPolicyException"
        == refused(secrets.put_resource_policy, SecretId="db", ResourcePolicy=everybody, BlockPublicPolicy=True)[0]
    )
    assert not secrets.validate_resource_policy(ResourcePolicy=everybody)["PolicyValidationPassed"]
    assert secrets.put_resource_policy(SecretId="db", ResourcePolicy=everybody)["ARN"]


@pytest.mark.parametrize("text", ["x", "[]", '{"Version":"2012-10-17"}', '{"Version":"1999-01-01","Statement":[]}'])
def test_what_is_no_policy_is_refused(secrets: Any, text: str) -> None:
    secrets.create_secret(Name="db", SecretString="x")
    for call in (secrets.put_resource_policy, secrets.validate_resource_policy):
        assert "MalformedPolicyDocumentException" == refused(call, SecretId="db", ResourcePolicy=text)[0]


def test_a_policy_for_somebody_who_is_not_there_is_neither_put_nor_valid(account: Account, secrets: Any) -> None:
    secrets.create_secret(Name="db", SecretString="x")
    ann = f"arn:aws:iam::{account.id}:user/ann"
    for_ann = policy({"AWS": ann}, "secretsmanager:GetSecretValue")
    for call in (secrets.put_resource_policy, secrets.validate_resource_policy):
        wanted = ("MalformedPolicyDocumentException", "This resource policy contains an unsupported principal.")
        assert wanted == refused(call, SecretId="db", ResourcePolicy=for_ann)
    account.client("iam").create_user(UserName="ann")
    assert secrets.validate_resource_policy(SecretId="db", ResourcePolicy=for_ann)["PolicyValidationPassed"]


def test_tags_on_create_need_their_own_permission(account: Account) -> None:
    keys = user(account, "u", allow("secretsmanager:CreateSecret"))
    client = account.client("secretsmanager", **keys)
    tags = [{"Key": "env", "Value": "x"}]
    code, text = refused(client.create_secret, Name="a", SecretString="x", Tags=tags)
    assert ("AccessDeniedException", True) == (code, "secretsmanager:TagResource" in text)
    assert client.create_secret(Name="a", SecretString="x")["ARN"]


@pytest.mark.parametrize(
    ("condition", "params", "allowed"),
    [
        ({"StringEquals": {"secretsmanager:ResourceTag/env": "dev"}}, {"SecretId": "dev"}, True),
        ({"StringEquals": {"aws:ResourceTag/env": "dev"}}, {"SecretId": "prod"}, False),
        ({"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}, {"SecretId": "dev"}, False),
        (
            {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}},
            {"SecretId": "dev", "VersionStage": "AWSCURRENT"},
            True,
        ),
        (
            {"ForAnyValue:StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}},
            {"SecretId": "dev", "VersionStage": "AWSCURRENT"},
            True,
        ),
        (
            {"ArnLike": {"secretsmanager:SecretId": "arn:aws:secretsmanager:*:*:secret:d*"}},
            {"SecretId": "dev"},
            True,
        ),
        (
            {"ArnLike": {"secretsmanager:SecretId": "arn:aws:secretsmanager:*:*:secret:p*"}},
            {"SecretId": "dev"},
            False,
        ),
    ],
)
def test_condition_keys_of_the_service_decide(
    secrets: Any, account: Account, condition: dict[str, Any], params: dict[str, Any], allowed: bool
) -> None:
    for env in ("dev", "prod"):
        secrets.create_secret(Name=env, SecretString=env, Tags=[{"Key": "env", "Value": env}])
    keys = user(account, "u", allow("secretsmanager:GetSecretValue", **condition))
    client = account.client("secretsmanager", **keys)
    if allowed:
        assert params["SecretId"] == client.get_secret_value(**params)["SecretString"]
    else:
        assert "AccessDeniedException" == refused(client.get_secret_value, **params)[0]


def test_a_change_of_tags_that_takes_ones_own_permission_away_is_refused(secrets: Any, account: Account) -> None:
    secrets.create_secret(Name="a", SecretString="x", Tags=[{"Key": "env", "Value": "dev"}])
    own = allow("secretsmanager:*", StringEquals={"secretsmanager:ResourceTag/env": "dev"})
    client = account.client("secretsmanager", **user(account, "u", own))
    assert (
        "AccessDeniedException" == refused(client.tag_resource, SecretId="a", Tags=[{"Key": "env", "Value": "prod"}])[0]
    )
    assert [{"Key": "env", "Value": "dev"}] == secrets.describe_secret(SecretId="a")["Tags"]


# ---------------------------------------------------------------------- other accounts


def test_another_account_is_let_in_by_policy_and_arn_but_not_to_values_under_the_default_key(
    secrets: Any, account: Account, strongroom: InProcess
) -> None:
    other = strongroom.account()
    visitor = other.client("secretsmanager")
    arn = secrets.create_secret(Name="shared", SecretString="x")["ARN"]
    assert "AccessDeniedException" == refused(visitor.describe_secret, SecretId=arn)[0]
    secrets.put_resource_policy(
        SecretId="shared", ResourcePolicy=policy({"AWS": f"arn:aws:iam::{other.id}:root"}, "secretsmanager:*")
    )
    assert arn == visitor.describe_secret(SecretId=arn)["ARN"]
    assert "ResourceNotFoundException" == refused(visitor.describe_secret, SecretId="shared")[0]
    assert DEFAULT_KEY_ELSEWHERE == refused(visitor.get_secret_value, SecretId=arn)
    assert DEFAULT_KEY_ELSEWHERE == refused(visitor.put_secret_value, SecretId=arn, SecretString="y")
    assert {} == members(visitor.tag_resource(SecretId=arn, Tags=[{"Key": "a", "Value": "b"}]))
    assert 1 == len(visitor.list_secret_version_ids(SecretId=arn)["Versions"])
    visitor.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    assert arn == visitor.restore_secret(SecretId=arn)["ARN"]
    assert [] == visitor.list_secrets()["SecretList"]


def test_another_account_reads_and_writes_under_a_key_whose_policy_lets_it(
    secrets: Any, account: Account, strongroom: InProcess
) -> None:
    other = strongroom.account()
    root = f"arn:aws:iam::{other.id}:root"
    own = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account.id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    both = json.dumps({"Version": "2012-10-17", "Statement": [own, own | {"Principal": {"AWS": root}}]})
    key = account.client("kms").create_key(Policy=both)["KeyMetadata"]["KeyId"]
    arn = secrets.create_secret(Name="shared", SecretString="x", KmsKeyId=key)["ARN"]
    secrets.put_resource_policy(SecretId="shared", ResourcePolicy=policy({"AWS": root}, "secretsmanager:*"))
    visitor = other.client("secretsmanager")
    assert "x" == visitor.get_secret_value(SecretId=arn)["SecretString"]
    visitor.put_secret_value(SecretId=arn, SecretString="y")
    assert "y" == secrets.get_secret_value(SecretId="shared")["SecretString"]


# ---------------------------------------------------------------------- KMS keys


def test_a_customer_key_is_shown_as_given_and_guards_the_value(secrets: Any, account: Account) -> None:
    key = account.client("kms").create_key()["KeyMetadata"]["KeyId"]
    arn = secrets.create_secret(Name="k", SecretString="x", KmsKeyId=key)["ARN"]
    assert key == secrets.describe_secret(SecretId="k")["KmsKeyId"]
    assert [key] == secrets.list_secret_version_ids(SecretId="k")["Versions"][0]["KmsKeyIds"]
    reader = allow("secretsmanager:GetSecretValue", resource=arn)
    client = account.client("secretsmanager", **user(account, "u", reader))
    assert ("AccessDeniedException", "Access to KMS is not allowed") == refused(client.get_secret_value, SecretId="k")
    client = account.client("secretsmanager", **user(account, "v", reader, allow("kms:Decrypt")))
    assert "x" == client.get_secret_value(SecretId="k")["SecretString"]


def test_a_disabled_key_fails_reads_and_writes_each_in_its_way(secrets: Any, account: Account) -> None:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secrets.create_secret(Name="k", SecretString="x", KmsKeyId=key)
    kms.disable_key(KeyId=key)
    assert "DecryptionFailure" == refused(secrets.get_secret_value, SecretId="k")[0]
    assert "EncryptionFailure" == refused(secrets.put_secret_value, SecretId="k", SecretString="y")[0]
    assert "EncryptionFailure" == refused(secrets.create_secret, Name="l", SecretString="y", KmsKeyId=key)[0]
    kms.enable_key(KeyId=key)
    assert "x" == secrets.get_secret_value(SecretId="k")["SecretString"]


def test_a_changed_key_wraps_current_versions_again_and_either_key_opens_them(secrets: Any, account: Account) -> None:
    kms = account.client("kms")
    new = kms.create_key()["KeyMetadata"]["KeyId"]
    secrets.create_secret(Name="k", SecretString="x")
    assert {"ARN", "Name"} == set(members(secrets.update_secret(SecretId="k", KmsKeyId=new)))
    assert new == secrets.describe_secret(SecretId="k")["KmsKeyId"]
    assert [new, "DefaultEncryptionKey"] == secrets.list_secret_version_ids(SecretId="k")["Versions"][0]["KmsKeyIds"]
    assert "x" == secrets.get_secret_value(SecretId="k")["SecretString"]
    kms.disable_key(KeyId=new)
    assert "x" == secrets.get_secret_value(SecretId="k")["SecretString"], "the earlier key still opens it"
    kms.enable_key(KeyId=new)
    secrets.update_secret(SecretId="k", KmsKeyId="")
    assert "KmsKeyId" not in secrets.describe_secret(SecretId="k")


def test_a_deny_on_a_keys_arn_is_not_passed_by_naming_its_alias(secrets: Any, account: Account) -> None:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    deny = allow("secretsmanager:CreateSecret", ArnEquals={"secretsmanager:KmsKeyArn": key["Arn"]})
    statements = (allow("secretsmanager:*", "kms:*"), deny | {"Effect": "Deny"})
    client = account.client("secretsmanager", **user(account, "u", *statements))
    for name in (key["Arn"], key["KeyId"], "alias/a"):
        assert "AccessDeniedException" == refused(client.create_secret, Name="a", SecretString="x", KmsKeyId=name)[0]
    assert client.create_secret(Name="a", SecretString="x")["ARN"]
