"""Grants: a third source of permission, within constraints, with stock boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.wire.local import who_can
from tests.wire.test_kms_keys import refusal
from tests.wire.test_kms_permissions import User, policy, root

from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.model import ContextValue, Policies, Request, ResourceRule
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.services.kms.grants import document
from strongroom.services.kms.operations import grants as operations
from strongroom.services.kms.store import GrantRow

DENIED = "AccessDeniedException"


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


def test_a_grantee_may_do_what_the_grant_says_from_the_next_call_on_and_nothing_else(
    kms: Any, user: User, arn: str
) -> None:
    assert DENIED == refusal(user.kms.encrypt, KeyId=arn, Plaintext=b"x")[0]
    made = kms.create_grant(KeyId=arn, GranteePrincipal=user.arn, Operations=["Encrypt"])
    blob = user.kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert DENIED == refusal(user.kms.decrypt, CiphertextBlob=blob)[0]
    assert DENIED == refusal(user.kms.disable_key, KeyId=arn)[0]
    kms.revoke_grant(KeyId=arn, GrantId=made["GrantId"])
    assert DENIED == refusal(user.kms.encrypt, KeyId=arn, Plaintext=b"x")[0]


def test_a_deny_outweighs_a_grant(account: Account, kms: Any, user: User, arn: str) -> None:
    kms.create_grant(KeyId=arn, GranteePrincipal=user.arn, Operations=["Encrypt"])
    deny = {"Effect": "Deny", "Principal": {"AWS": user.arn}, "Action": "kms:Encrypt"}
    kms.put_key_policy(KeyId=arn, Policy=policy(root(account), deny))
    assert DENIED == refusal(user.kms.encrypt, KeyId=arn, Plaintext=b"x")[0]


@pytest.mark.parametrize(
    ("constraints", "context", "allowed"),
    [
        ({"EncryptionContextSubset": {"Dept": "IT"}}, {"Dept": "IT"}, True),
        ({"EncryptionContextSubset": {"Dept": "IT"}}, {"Dept": "IT", "App": "x"}, True),
        ({"EncryptionContextSubset": {"Dept": "IT"}}, {"Dept": "HR"}, False),
        ({"EncryptionContextSubset": {"Dept": "IT"}}, {}, False),
        ({"EncryptionContextSubset": {"Dept": "IT", "App": "x"}}, {"Dept": "IT"}, False),
        ({"EncryptionContextEquals": {"Dept": "IT"}}, {"Dept": "IT"}, True),
        ({"EncryptionContextEquals": {"Dept": "IT"}}, {"dept": "IT"}, True),  # keys of a constraint have no case
        ({"EncryptionContextEquals": {"Dept": "IT"}}, {"Dept": "it"}, False),
        ({"EncryptionContextEquals": {"Dept": "IT"}}, {"Dept": "IT", "App": "x"}, False),
        ({"EncryptionContextEquals": {"Dept": "IT"}}, {"Dept": "IT", "dept": "HR"}, False),
        ({"EncryptionContextEquals": {"Dept": "IT"}}, {}, False),
        ({"EncryptionContextEquals": {}}, {}, True),
        ({"EncryptionContextEquals": {}}, {"Dept": "IT"}, False),
        ({"EncryptionContextEquals": {"Dept": "${aws:username}"}}, {"Dept": "ann"}, False),  # no variables
        ({"EncryptionContextEquals": {"Dept": "*"}}, {"Dept": "IT"}, False),  # no wildcards
        ({"SourceArn": "arn:aws:lambda:us-east-1:111122223333:function:f"}, {}, False),
    ],
    ids=str,
)
def test_constraints_hold(
    kms: Any, user: User, arn: str, constraints: dict[str, Any], context: dict[str, str], allowed: bool
) -> None:
    kms.create_grant(
        KeyId=arn, GranteePrincipal=user.arn, Operations=["Encrypt", "DescribeKey"], Constraints=constraints
    )
    asked = {"KeyId": arn, "Plaintext": b"x", "EncryptionContext": context}
    if allowed:
        assert user.kms.encrypt(**asked)["CiphertextBlob"]
    else:
        assert DENIED == refusal(user.kms.encrypt, **asked)[0]
    if "SourceArn" not in constraints:  # a context constraint does not apply to DescribeKey
        assert arn == user.kms.describe_key(KeyId=arn)["KeyMetadata"]["Arn"]


def test_a_role_an_account_and_another_account_can_be_granted(
    strongroom: InProcess, account: Account, kms: Any, arn: str, user: User
) -> None:
    iam, sts = account.client("iam"), account.client("sts")
    trust = policy({"Principal": {"AWS": account.id}, "Action": "sts:AssumeRole"}).replace('"Resource": "*", ', "")
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    session = sts.assume_role(RoleArn=role, RoleSessionName="run")["Credentials"]
    as_role = account.client("kms", aws_access_key_id=session["AccessKeyId"],
                             aws_secret_access_key=session["SecretAccessKey"],
                             aws_session_token=session["SessionToken"])  # fmt: skip
    assert DENIED == refusal(as_role.encrypt, KeyId=arn, Plaintext=b"x")[0]
    kms.create_grant(KeyId=arn, GranteePrincipal=role, Operations=["Encrypt"])
    assert as_role.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]

    stranger = strongroom.account()
    bob = User(stranger, "bob")
    kms.create_grant(KeyId=arn, GranteePrincipal=bob.arn, Operations=["Encrypt"])
    assert DENIED == refusal(bob.kms.encrypt, KeyId=arn, Plaintext=b"x")[0]  # his own account must allow it too
    bob.may("kms:Encrypt", resource=arn)
    assert bob.kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]

    kms.create_grant(KeyId=arn, GranteePrincipal=f"arn:aws:iam::{stranger.id}:root", Operations=["DescribeKey"])
    assert DENIED == refusal(bob.kms.describe_key, KeyId=arn)[0]
    assert arn == stranger.client("kms").describe_key(KeyId=arn)["KeyMetadata"]["Arn"]


def test_the_same_name_and_parameters_give_the_same_grant_with_a_token_of_its_own(
    kms: Any, user: User, arn: str
) -> None:
    asked = {"KeyId": arn, "GranteePrincipal": user.arn, "Operations": ["Encrypt", "Decrypt"], "Name": "app"}
    one, two = kms.create_grant(**asked), kms.create_grant(**asked)
    assert one["GrantId"] == two["GrantId"]
    assert one["GrantToken"] != two["GrantToken"]
    other = kms.create_grant(**{**asked, "Operations": ["Encrypt"]})
    del asked["Name"]
    ids = {one["GrantId"], other["GrantId"], kms.create_grant(**asked)["GrantId"], kms.create_grant(**asked)["GrantId"]}
    assert 4 == len(ids)
    assert ids == {grant["GrantId"] for grant in kms.list_grants(KeyId=arn)["Grants"]}


def test_grants_are_listed_as_they_were_made(account: Account, kms: Any, user: User, arn: str) -> None:
    constraints = {"EncryptionContextSubset": {"a": "b"}}
    made = kms.create_grant(
        KeyId=arn, GranteePrincipal=user.arn, RetiringPrincipal=account.id, Operations=["Decrypt", "Encrypt"],
        Constraints=constraints, Name="app",
    )  # fmt: skip
    assert 64 == len(made["GrantId"])
    kms.create_grant(KeyId=arn, GranteePrincipal=f"arn:aws:iam::{account.id}:root", Operations=["Encrypt"])
    (listed,) = kms.list_grants(KeyId=arn, GranteePrincipal=user.arn)["Grants"]
    root_arn = f"arn:aws:iam::{account.id}:root"
    assert {
        "KeyId": arn,
        "GrantId": made["GrantId"],
        "Name": "app",
        "GranteePrincipal": user.arn,
        "RetiringPrincipal": root_arn,
        "IssuingAccount": root_arn,
        "Operations": ["Decrypt", "Encrypt"],
        "Constraints": constraints,
    } == {name: value for name, value in listed.items() if name != "CreationDate"}
    assert [listed] == kms.list_grants(KeyId=arn, GrantId=made["GrantId"])["Grants"]
    assert [] == kms.list_grants(KeyId=arn, GrantId="0" * 64)["Grants"]
    assert [listed] == kms.list_retirable_grants(RetiringPrincipal=root_arn)["Grants"]
    assert "InvalidArnException" == refusal(kms.list_retirable_grants, RetiringPrincipal="arn:aws:iam::1:root")[0]
    assert [] == account.client("kms", "eu-west-1").list_retirable_grants(RetiringPrincipal=root_arn)["Grants"]


def test_grants_come_in_pages(kms: Any, user: User, arn: str) -> None:
    made = {
        kms.create_grant(KeyId=arn, GranteePrincipal=user.arn, RetiringPrincipal=user.arn, Operations=["Encrypt"])[
            "GrantId"
        ]
        for _ in range(5)
    }
    sizes = {"PageSize": 2}
    for name, asked in (("list_grants", {"KeyId": arn}), ("list_retirable_grants", {"RetiringPrincipal": user.arn})):
        pages = list(kms.get_paginator(name).paginate(**asked, PaginationConfig=sizes))
        assert [2, 2, 1] == [len(page["Grants"]) for page in pages]
        assert made == {grant["GrantId"] for page in pages for grant in page["Grants"]}
    assert "InvalidMarkerException" == refusal(kms.list_grants, KeyId=arn, Marker="made up")[0]


def test_a_grant_is_retired_by_whom_it_names_and_by_nobody_else(
    account: Account, kms: Any, user: User, arn: str
) -> None:
    """Source: KMS Developer Guide, "Retiring and revoking grants": a policy alone is not enough."""
    bob = User(account, "bob")
    bob.may("kms:*")

    def grant(*operations: str, **more: Any) -> dict[str, Any]:
        return dict(kms.create_grant(KeyId=arn, GranteePrincipal=user.arn, Operations=list(operations), **more))

    kept = grant("Encrypt")
    for client in (kms, bob.kms, user.kms):
        assert DENIED == refusal(client.retire_grant, KeyId=arn, GrantId=kept["GrantId"])[0]
        assert DENIED == refusal(client.retire_grant, GrantToken=kept["GrantToken"])[0]
    user.kms.retire_grant(GrantToken=grant("Encrypt", "RetireGrant")["GrantToken"])
    bob.kms.retire_grant(KeyId=arn, GrantId=grant("Encrypt", RetiringPrincipal=bob.arn)["GrantId"])
    assert [kept["GrantId"]] == [one["GrantId"] for one in kms.list_grants(KeyId=arn)["Grants"]]
    denied = grant("Encrypt", RetiringPrincipal=bob.arn)
    deny = {"Effect": "Deny", "Principal": {"AWS": bob.arn}, "Action": "kms:RetireGrant"}
    kms.put_key_policy(KeyId=arn, Policy=policy(root(account), deny))
    assert DENIED == refusal(bob.kms.retire_grant, GrantToken=denied["GrantToken"])[0]


def test_who_may_grant_by_a_grant_gives_no_more_than_he_has(account: Account, kms: Any, user: User, arn: str) -> None:
    bob = User(account, "bob")
    kms.create_grant(
        KeyId=arn, GranteePrincipal=user.arn, Operations=["Encrypt", "CreateGrant"],
        Constraints={"EncryptionContextSubset": {"Dept": "IT"}},
    )  # fmt: skip
    asked = {"KeyId": arn, "GranteePrincipal": bob.arn}
    for wider in (
        {"Operations": ["Encrypt"]},
        {"Operations": ["Encrypt"], "Constraints": {"EncryptionContextSubset": {"Dept": "HR"}}},
        {"Operations": ["Encrypt", "Decrypt"], "Constraints": {"EncryptionContextSubset": {"Dept": "IT"}}},
    ):
        assert DENIED == refusal(user.kms.create_grant, **asked, **wider)[0]
    user.kms.create_grant(
        **asked, Operations=["Encrypt"], Constraints={"EncryptionContextSubset": {"Dept": "IT", "App": "x"}}
    )
    context = {"Dept": "IT", "App": "x"}
    assert bob.kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    user.may("kms:CreateGrant")  # whoever may by a policy as well is bound by that policy only
    user.kms.create_grant(**asked, Operations=["Decrypt"])


def test_a_grant_token_is_taken_and_a_made_up_or_dead_one_is_not(kms: Any, user: User, arn: str) -> None:
    made = kms.create_grant(KeyId=arn, GranteePrincipal=user.arn, Operations=["Encrypt", "DescribeKey"])
    token = made["GrantToken"]
    assert user.kms.encrypt(KeyId=arn, Plaintext=b"x", GrantTokens=[token])["CiphertextBlob"]
    assert user.kms.describe_key(KeyId=arn, GrantTokens=[token])["KeyMetadata"]
    for bad in ("made up", token[:-4] + "AAAA", token[4:]):
        assert "InvalidGrantTokenException" == refusal(kms.encrypt, KeyId=arn, Plaintext=b"x", GrantTokens=[bad])[0]
        assert "InvalidGrantTokenException" == refusal(kms.retire_grant, GrantToken=bad)[0]
    kms.revoke_grant(KeyId=arn, GrantId=made["GrantId"])
    assert "InvalidGrantTokenException" == refusal(kms.encrypt, KeyId=arn, Plaintext=b"x", GrantTokens=[token])[0]
    assert DENIED == refusal(user.kms.encrypt, KeyId=arn, Plaintext=b"x", GrantTokens=[token])[0]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"Operations": ["Sign"]}, "ValidationException"),
        ({"Operations": []}, "ValidationException"),
        ({"GranteePrincipal": "*"}, "ValidationException"),
        ({"GranteePrincipal": "ann"}, "InvalidArnException"),
        ({"GranteePrincipal": "arn:aws:s3:::bucket"}, "InvalidArnException"),
        ({"RetiringPrincipal": "nobody"}, "InvalidArnException"),
        ({"Constraints": {"EncryptionContextSubset": {}, "EncryptionContextEquals": {}}}, "ValidationException"),
        ({"Constraints": {"EncryptionContextSubset": {str(n): "" for n in range(9)}}}, "ValidationException"),
        ({"Constraints": {"EncryptionContextSubset": {"a": "b" * 385}}}, "ValidationException"),
        ({"DryRun": True}, "DryRunOperationException"),
    ],
    ids=str,
)
def test_a_grant_that_cannot_be_made_is_refused(
    kms: Any, user: User, arn: str, asked: dict[str, Any], code: str
) -> None:
    whole = {"KeyId": arn, "GranteePrincipal": user.arn, "Operations": ["Encrypt"], **asked}
    assert code == refusal(kms.create_grant, **whole)[0]
    assert [] == kms.list_grants(KeyId=arn)["Grants"]


def test_revoking_and_retiring_know_what_is_not_there(kms: Any, user: User, arn: str) -> None:
    assert "NotFoundException" == refusal(kms.revoke_grant, KeyId=arn, GrantId="0" * 64)[0]
    assert "InvalidGrantIdException" == refusal(kms.revoke_grant, KeyId=arn, GrantId="x")[0]
    assert "NotFoundException" == refusal(kms.retire_grant, KeyId=arn, GrantId="0" * 64)[0]
    assert "ValidationException" == refusal(kms.retire_grant, KeyId=arn)[0]
    made = kms.create_grant(KeyId=arn, GranteePrincipal=user.arn, RetiringPrincipal=user.arn, Operations=["Encrypt"])
    for call in (kms.revoke_grant, user.kms.retire_grant):
        refused = refusal(call, KeyId=arn, GrantId=made["GrantId"], DryRun=True)
        assert "DryRunOperationException" == refused[0]
    assert 1 == len(kms.list_grants(KeyId=arn)["Grants"])


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"Bool": {"kms:GrantIsForAWSResource": "true"}}, False),
        ({"Bool": {"kms:GrantIsForAWSResource": "false"}}, True),
        ({"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}}, True),
        ({"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]}}, False),
        ({"StringLike": {"kms:GranteePrincipal": "arn:aws:iam::*:user/ann"}}, True),
        ({"StringEquals": {"kms:RetiringPrincipal": "x"}}, False),
        ({"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}}, True),
        ({"StringEquals": {"kms:EncryptionContext:Dept": "IT"}}, True),
    ],
    ids=str,
)
def test_conditions_see_the_grant(kms: Any, user: User, arn: str, condition: dict[str, Any], allowed: bool) -> None:
    user.may("kms:CreateGrant", Condition=condition)
    asked = {
        "KeyId": arn, "GranteePrincipal": user.arn, "Operations": ["Encrypt"],
        "Constraints": {"EncryptionContextSubset": {"Dept": "IT"}},
    }  # fmt: skip
    if allowed:
        assert user.kms.create_grant(**asked)["GrantId"]
    else:
        assert DENIED == refusal(user.kms.create_grant, **asked)[0]


def test_a_grant_opens_a_secret_through_secrets_manager(account: Account, kms: Any, user: User, arn: str) -> None:
    secret = account.client("secretsmanager").create_secret(Name="db", SecretString="value", KmsKeyId=arn)["ARN"]
    user.may("secretsmanager:*")
    assert DENIED == refusal(user.secretsmanager.get_secret_value, SecretId="db")[0]
    kms.create_grant(
        KeyId=arn, GranteePrincipal=user.arn, Operations=["Decrypt"],
        Constraints={"EncryptionContextSubset": {"SecretARN": secret}},
    )  # fmt: skip
    assert "value" == user.secretsmanager.get_secret_value(SecretId="db")["SecretString"]


def test_a_grant_is_gone_with_its_key_and_sleeps_with_it(kms: Any, user: User, arn: str) -> None:
    kms.create_grant(KeyId=arn, GranteePrincipal=user.arn, Operations=["Encrypt"])
    kms.disable_key(KeyId=arn)
    assert "DisabledException" == refusal(user.kms.encrypt, KeyId=arn, Plaintext=b"x")[0]
    asked = {"KeyId": arn, "GranteePrincipal": user.arn, "Operations": ["Encrypt"]}
    assert ("DisabledException", f"{arn} is disabled.") == refusal(kms.create_grant, **asked)
    assert 1 == len(kms.list_grants(KeyId=arn)["Grants"])


def test_who_can_tells_those_whom_a_grant_lets(account: Account, kms: Any, user: User, arn: str) -> None:
    kms.create_grant(KeyId=arn, GranteePrincipal=user.arn, Operations=["Encrypt"])
    told = who_can(account, "kms:Encrypt", arn)
    (entry,) = [one for one in told["Principals"] if one["Principal"] == user.arn]
    assert "grant" in json.dumps(entry["Because"])


def test_a_successor_of_the_same_name_has_no_grant_and_a_renamed_user_keeps_his(
    account: Account, kms: Any, user: User, arn: str
) -> None:
    iam = account.client("iam")
    kms.create_grant(KeyId=arn, GranteePrincipal=user.arn, RetiringPrincipal=user.arn, Operations=["Encrypt"])
    iam.update_user(UserName="ann", NewUserName="anna")
    assert user.kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    renamed = user.arn.replace("/ann", "/anna")
    (listed,) = kms.list_grants(KeyId=arn, GranteePrincipal=renamed)["Grants"]
    assert (renamed, renamed) == (listed["GranteePrincipal"], listed["RetiringPrincipal"])
    assert [listed] == kms.list_retirable_grants(RetiringPrincipal=renamed)["Grants"]
    successor = User(account, "ann")
    assert DENIED == refusal(successor.kms.encrypt, KeyId=arn, Plaintext=b"x")[0]
    assert DENIED == refusal(successor.kms.retire_grant, KeyId=arn, GrantId=listed["GrantId"])[0]
    iam.delete_access_key(UserName="anna", AccessKeyId=user.keys["aws_access_key_id"])
    iam.delete_user(UserName="anna")
    (left,) = kms.list_grants(KeyId=arn)["Grants"]
    assert left["GranteePrincipal"].startswith("AIDA")
    gone = {"KeyId": arn, "GranteePrincipal": renamed, "Operations": ["Encrypt"]}
    assert "InvalidArnException" == refusal(kms.create_grant, **gone)[0]


def test_a_grant_to_a_service_is_for_its_resource_alone() -> None:
    """Services that call by themselves bring aws:SourceArn; the constraint is a condition on it."""
    constraint = {"SourceArn": "arn:aws:lambda:us-east-1:111122223333:function:f"}
    row = GrantRow("a" * 64, 1, 0, None, "Service lambda.amazonaws.com", None, "111122223333", "Decrypt",
                   json.dumps(constraint))  # fmt: skip
    key = "arn:aws:kms:us-east-1:111122223333:key/k"
    service = Principal(PrincipalKind.SERVICE, "lambda.amazonaws.com", "", name="lambda.amazonaws.com")
    policies = Policies(rule=ResourceRule.KEY, grants=document(key, [row]))
    for source, allowed in ((constraint["SourceArn"], True), (constraint["SourceArn"] + "x", False), (None, False)):
        context: dict[str, ContextValue] = {} if source is None else {"aws:sourcearn": source}
        asked = Request(service, "kms:Decrypt", key, "111122223333", context)
        assert allowed is decide(asked, policies).allowed


def test_a_replicas_policy_is_bound_to_who_it_names(account: Account, kms: Any, user: User) -> None:
    key_id = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    named = {"Principal": {"AWS": user.arn}, "Action": "kms:Encrypt"}
    made = kms.replicate_key(KeyId=key_id, ReplicaRegion="eu-west-1", Policy=policy(root(account), named))
    assert user.arn in made["ReplicaPolicy"]
    there = account.client("kms", "eu-west-1", **user.keys)
    assert there.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    iam = account.client("iam")
    iam.delete_access_key(UserName="ann", AccessKeyId=user.keys["aws_access_key_id"])
    iam.delete_user(UserName="ann")
    successor = User(account, "ann")
    elsewhere = account.client("kms", "eu-west-1", **successor.keys)
    assert DENIED == refusal(elsewhere.encrypt, KeyId=key_id, Plaintext=b"x")[0]


def test_there_are_so_many_grants_and_no_more(
    account: Account, kms: Any, user: User, arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quotas are lowered, not the rule: on one key to one principal, and on one key."""
    monkeypatch.setattr(operations, "GRANTS_TO_ONE_AT_MOST", 2)
    monkeypatch.setattr(operations, "GRANTS_AT_MOST", 3)
    bob = User(account, "bob")
    asked = {"KeyId": arn, "GranteePrincipal": user.arn, "Operations": ["Encrypt"]}
    first = kms.create_grant(**asked, Name="app")
    kms.create_grant(**asked)
    assert "LimitExceededException" == refusal(kms.create_grant, **asked)[0]
    assert first["GrantId"] == kms.create_grant(**asked, Name="app")["GrantId"]  # not a new one
    kms.create_grant(**{**asked, "GranteePrincipal": bob.arn})
    assert "LimitExceededException" == refusal(kms.create_grant, **{**asked, "GranteePrincipal": bob.arn})[0]
