"""Who may use which key: key policies, identity policies, conditions, other accounts; with stock boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.journals import entries
from tests.wire.test_kms_keys import refusal

from strongroom.services.kms.ciphertext import message_of, with_check


class User:
    """A user with keys of its own and one inline policy."""

    def __init__(self, account: Account, name: str) -> None:
        self._iam = account.client("iam")
        self.name = name
        self.arn: str = self._iam.create_user(UserName=name)["User"]["Arn"]
        made = self._iam.create_access_key(UserName=name)["AccessKey"]
        self.keys = {
            "aws_access_key_id": made["AccessKeyId"],
            "aws_secret_access_key": made["SecretAccessKey"],
        }
        self.kms = account.client("kms", **self.keys)
        self.secretsmanager = account.client("secretsmanager", **self.keys)

    def may(self, *actions: str, resource: str = "*", **statement: Any) -> None:
        """Replace the user's policy by one Allow."""
        allow = {"Effect": "Allow", "Action": list(actions), "Resource": resource, **statement}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        self._iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=document)


@pytest.fixture
def kms(account: Account) -> Any:
    return account.client("kms")


@pytest.fixture
def user(account: Account) -> User:
    return User(account, "ann")


@pytest.fixture
def arn(kms: Any) -> str:
    made: str = kms.create_key()["KeyMetadata"]["Arn"]
    return made


def policy(*statements: dict[str, Any]) -> str:
    full = [{"Effect": "Allow", "Resource": "*", **one} for one in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": full})


def root(account: Account) -> dict[str, Any]:
    """The statement of the default policy."""
    return {"Principal": {"AWS": account.id}, "Action": "kms:*"}


def test_the_default_policy_lets_identity_policies_decide(user: User, arn: str) -> None:
    expected = (
        f"User: {user.arn} is not authorized to perform: kms:Encrypt on resource: {arn} "
        "because no identity-based policy allows the kms:Encrypt action"
    )
    assert ("AccessDeniedException", expected) == refusal(user.kms.encrypt, KeyId=arn, Plaintext=b"x")
    user.may("kms:Encrypt", resource=arn)
    blob = user.kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert "AccessDeniedException" == refusal(user.kms.decrypt, CiphertextBlob=blob)[0]


def test_without_delegation_identity_policies_have_no_effect(account: Account, kms: Any, user: User) -> None:
    only_admin = {"Principal": {"AWS": f"arn:aws:iam::{account.id}:user/admin"}, "Action": "kms:*"}
    arn = kms.create_key(Policy=policy(only_admin))["KeyMetadata"]["Arn"]
    user.may("kms:*")
    code, message = refusal(user.kms.describe_key, KeyId=arn)
    assert "AccessDeniedException" == code
    assert message.endswith("because no resource-based policy allows the kms:DescribeKey action")
    assert arn == kms.describe_key(KeyId=arn)["KeyMetadata"]["Arn"]


def test_a_user_named_in_the_key_policy_needs_no_other(account: Account, kms: Any, user: User, arn: str) -> None:
    named = {"Principal": {"AWS": user.arn}, "Action": ["kms:Encrypt", "kms:Decrypt"]}
    kms.put_key_policy(KeyId=arn, Policy=policy(root(account), named))
    blob = user.kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert b"x" == user.kms.decrypt(CiphertextBlob=blob)["Plaintext"]
    kms.put_key_policy(KeyId=arn, Policy=policy(root(account)))
    assert "AccessDeniedException" == refusal(user.kms.decrypt, CiphertextBlob=blob)[0]


def test_a_policy_that_locks_its_author_out_is_refused_unless_asked_for(kms: Any, user: User, arn: str) -> None:
    other = policy({"Principal": {"AWS": user.arn}, "Action": "kms:*"})
    expected = (
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
    )
    assert expected == refusal(kms.put_key_policy, KeyId=arn, Policy=other)
    assert expected == refusal(kms.create_key, Policy=other)
    kms.put_key_policy(KeyId=arn, Policy=other, BypassPolicyLockoutSafetyCheck=True)
    assert "AccessDeniedException" == refusal(kms.describe_key, KeyId=arn)[0]
    assert other == user.kms.get_key_policy(KeyId=arn)["Policy"]


def test_conditions_see_the_encryption_context(account: Account, kms: Any, user: User, arn: str) -> None:
    condition = {
        "StringEquals": {"kms:EncryptionContext:Dept": "IT"},
        "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["Dept"]},
    }
    user.may("kms:Decrypt", Condition=condition)
    for context, allowed in (({"Dept": "IT"}, True), ({"Dept": "HR"}, False), ({}, False),
                             ({"Dept": "IT", "App": "x"}, False)):  # fmt: skip
        blob = kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
        if allowed:
            assert b"x" == user.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"]
        else:
            refused = refusal(user.kms.decrypt, CiphertextBlob=blob, EncryptionContext=context)
            assert "AccessDeniedException" == refused[0]


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"aws:ResourceTag/team": "blue"}}, True),
        ({"StringEquals": {"aws:ResourceTag/team": "red"}}, False),
        ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/app"}}, True),
        ({"StringEquals": {"kms:RequestAlias": "alias/app"}}, True),
        ({"StringEquals": {"kms:KeySpec": "RSA_2048"}}, False),
        ({"StringLike": {"kms:ViaService": "*"}}, False),
        ({"Bool": {"kms:MultiRegion": "false"}}, True),
    ],
    ids=str,
)
def test_conditions_see_the_key(kms: Any, user: User, arn: str, condition: dict[str, Any], allowed: bool) -> None:
    kms.tag_resource(KeyId=arn, Tags=[{"TagKey": "team", "TagValue": "blue"}])
    kms.create_alias(AliasName="alias/app", TargetKeyId=arn)
    user.may("kms:Encrypt", Condition=condition)
    if allowed:
        assert user.kms.encrypt(KeyId="alias/app", Plaintext=b"x")["CiphertextBlob"]
    else:
        assert "AccessDeniedException" == refusal(user.kms.encrypt, KeyId="alias/app", Plaintext=b"x")[0]


def test_moving_a_message_needs_rights_on_both_keys(kms: Any, user: User, arn: str) -> None:
    other = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    for actions, lacking in (
        (["kms:ReEncryptTo"], "kms:ReEncryptFrom"),
        (["kms:ReEncryptFrom"], "kms:ReEncryptTo"),
    ):
        user.may(*actions)
        code, message = refusal(user.kms.re_encrypt, CiphertextBlob=blob, DestinationKeyId=other)
        assert "AccessDeniedException" == code
        assert f"perform: {lacking} on" in message
    user.may("kms:ReEncrypt*")
    assert other == user.kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other)["KeyId"]


def test_aliases_need_rights_on_the_alias_and_on_the_keys(kms: Any, account: Account, user: User, arn: str) -> None:
    user.may("kms:*", resource=arn)
    alias_arn = f"arn:aws:kms:us-east-1:{account.id}:alias/app"
    assert "AccessDeniedException" == refusal(user.kms.create_alias, AliasName="alias/app", TargetKeyId=arn)[0]
    user.may("kms:*", resource=alias_arn)
    assert "AccessDeniedException" == refusal(user.kms.create_alias, AliasName="alias/app", TargetKeyId=arn)[0]
    user.may("kms:CreateAlias")
    user.kms.create_alias(AliasName="alias/app", TargetKeyId=arn)
    assert "AccessDeniedException" == refusal(user.kms.delete_alias, AliasName="alias/app")[0]


def test_tags_at_creation_need_the_right_to_tag(user: User) -> None:
    tags = [{"TagKey": "a", "TagValue": "b"}]
    user.may("kms:CreateKey")
    assert user.kms.create_key()["KeyMetadata"]["Enabled"]
    code, message = refusal(user.kms.create_key, Tags=tags)
    assert "AccessDeniedException" == code
    assert "perform: kms:TagResource on" in message
    user.may("kms:CreateKey", "kms:TagResource")
    assert user.kms.create_key(Tags=tags)["KeyMetadata"]["Enabled"]


def test_only_who_may_look_learns_that_a_key_is_missing(user: User, account: Account) -> None:
    key_id = "00000000-0000-4000-8000-000000000000"
    assert "AccessDeniedException" == refusal(user.kms.describe_key, KeyId=key_id)[0]
    user.may("kms:DescribeKey")
    arn = f"arn:aws:kms:us-east-1:{account.id}:key/{key_id}"
    expected = ("NotFoundException", f"Key '{arn}' does not exist")
    assert expected == refusal(user.kms.describe_key, KeyId=key_id)


def test_another_accounts_key_needs_both_sides_and_hides_its_absence(
    strongroom: InProcess, account: Account, kms: Any, arn: str
) -> None:
    stranger = strongroom.account()
    theirs = stranger.client("kms")
    missing = f"arn:aws:kms:us-east-1:{account.id}:key/00000000-0000-4000-8000-000000000000"
    for name in (arn, missing):
        code, message = refusal(theirs.encrypt, KeyId=name, Plaintext=b"x")
        assert "AccessDeniedException" == code
        assert message.endswith(
            "perform: kms:Encrypt on this resource because the resource does not exist in this Region, "
            "no resource-based policies allow access, or a resource-based policy explicitly denies access"
        )
    shared = {"Principal": {"AWS": stranger.id}, "Action": ["kms:Encrypt", "kms:Decrypt"]}
    kms.put_key_policy(KeyId=arn, Policy=policy(root(account), shared))
    blob = theirs.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert b"x" == theirs.decrypt(CiphertextBlob=blob)["Plaintext"] == kms.decrypt(CiphertextBlob=blob)["Plaintext"]
    ann = User(stranger, "ann")
    assert "AccessDeniedException" == refusal(ann.kms.decrypt, CiphertextBlob=blob)[0]
    ann.may("kms:Decrypt", resource=arn)
    assert b"x" == ann.kms.decrypt(CiphertextBlob=blob)["Plaintext"]


def test_a_ciphertext_whose_key_is_gone_is_denied_to_everybody(kms: Any, arn: str) -> None:
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    key_id = arn.rpartition("/")[2].encode()
    gone = with_check(message_of(blob).replace(key_id, b"00000000-0000-4000-8000-000000000000"))
    code, message = refusal(kms.decrypt, CiphertextBlob=gone)
    assert "AccessDeniedException" == code
    assert message.endswith(
        "perform: kms:Decrypt on the resource associated with this ciphertext because the resource does not exist in "
        "this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
    )


def test_a_refusal_names_the_key_only_where_the_caller_did(kms: Any, user: User, arn: str) -> None:
    """Source: facts, iam, section 9, KMS variants."""
    kms.create_alias(AliasName="alias/app", TargetKeyId=arn)
    because = "because no identity-based policy allows the kms:{} action"
    for named, where in (
        (arn, f"on resource: {arn}"),
        ("alias/app", "on this resource"),
        (arn.rpartition("/")[2], "on this resource"),
    ):
        expected = f"User: {user.arn} is not authorized to perform: kms:GenerateDataKey {where} " + because.format(
            "GenerateDataKey"
        )
        assert expected == refusal(user.kms.generate_data_key, KeyId=named, KeySpec="AES_256")[1]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    expected = (
        f"User: {user.arn} is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext "
        + because.format("Decrypt")
    )
    assert expected == refusal(user.kms.decrypt, CiphertextBlob=blob)[1]


def test_a_key_policy_can_demand_the_secrets_own_encryption_context(
    account: Account, kms: Any, user: User, arn: str
) -> None:
    """Issue 5, point 4: the caller reads the one secret that the key's policy names, through Secrets Manager only."""
    secrets = account.client("secretsmanager")
    wanted, other = (secrets.create_secret(Name=name, SecretString=name, KmsKeyId=arn)["ARN"] for name in ("a", "b"))
    user.may("secretsmanager:*")
    condition = {
        "StringEquals": {
            "kms:EncryptionContext:SecretARN": wanted,
            "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com",
        }
    }
    statement = {"Principal": {"AWS": user.arn}, "Action": "kms:Decrypt", "Condition": condition}
    kms.put_key_policy(KeyId=arn, Policy=policy(root(account), statement))
    assert "a" == user.secretsmanager.get_secret_value(SecretId=wanted)["SecretString"]
    assert "AccessDeniedException" == refusal(user.secretsmanager.get_secret_value, SecretId=other)[0]
    context = {"SecretARN": wanted}
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    direct = refusal(user.kms.decrypt, CiphertextBlob=blob, EncryptionContext=context)
    assert "AccessDeniedException" == direct[0]


def test_a_secret_under_the_default_key_makes_that_key_and_needs_no_right_to_it(
    account: Account, kms: Any, user: User
) -> None:
    user.may("secretsmanager:*")
    user.secretsmanager.create_secret(Name="db", SecretString="value")
    assert "value" == user.secretsmanager.get_secret_value(SecretId="db")["SecretString"]
    (alias,) = [one for one in kms.list_aliases()["Aliases"] if one["AliasName"] == "alias/aws/secretsmanager"]
    told = kms.describe_key(KeyId=alias["TargetKeyId"])["KeyMetadata"]
    assert "AWS" == told["KeyManager"]
    for operation, params in (
        (kms.encrypt, {"Plaintext": b"x"}),
        (kms.disable_key, {}),
        (kms.schedule_key_deletion, {}),
        (kms.tag_resource, {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        (kms.put_key_policy, {"Policy": policy(root(account)), "BypassPolicyLockoutSafetyCheck": True}),
    ):
        assert "AccessDeniedException" == refusal(operation, KeyId=told["KeyId"], **params)[0]
    assert "auto-secretsmanager-2" == json.loads(kms.get_key_policy(KeyId=told["KeyId"])["Policy"])["Id"]


def test_a_secret_under_a_customer_key_opens_only_for_who_may_use_the_key(
    account: Account, kms: Any, user: User, arn: str
) -> None:
    account.client("secretsmanager").create_secret(Name="db", SecretString="value", KmsKeyId=arn)
    user.may("secretsmanager:*")
    assert "AccessDeniedException" == refusal(user.secretsmanager.get_secret_value, SecretId="db")[0]
    only_via = {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}
    statement = {"Principal": {"AWS": user.arn}, "Action": "kms:Decrypt", "Condition": only_via}
    kms.put_key_policy(KeyId=arn, Policy=policy(root(account), statement))
    assert "value" == user.secretsmanager.get_secret_value(SecretId="db")["SecretString"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert "AccessDeniedException" == refusal(user.kms.decrypt, CiphertextBlob=blob)[0]


def test_secrets_managers_uses_of_a_key_are_recorded_as_the_callers(
    strongroom: InProcess, account: Account, kms: Any, user: User, arn: str
) -> None:
    """Issue 5, point 4: the caller's identity, invokedBy, and the context in the clear."""
    secret = account.client("secretsmanager").create_secret(Name="db", SecretString="value", KmsKeyId=arn)["ARN"]
    user.may("secretsmanager:*", "kms:Decrypt")
    user.secretsmanager.get_secret_value(SecretId="db")
    (record,) = [
        entry.event
        for entry in entries(strongroom.settings.data)
        if entry.name == "Decrypt" and entry.event["userIdentity"].get("arn") == user.arn
    ]
    service = "secretsmanager.amazonaws.com"
    assert [service] * 3 == [
        record["userIdentity"]["invokedBy"], record["sourceIPAddress"], record["userAgent"]
    ]  # fmt: skip
    assert secret == record["requestParameters"]["encryptionContext"]["SecretARN"]
    assert [{"accountId": account.id, "type": "AWS::KMS::Key", "ARN": arn}] == record["resources"]
    assert record["readOnly"] is True
