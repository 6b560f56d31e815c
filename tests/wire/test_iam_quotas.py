"""Quotas and lengths of IAM, met and gone over, with stock boto3. Source: facts, iam, section 11."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.inprocess import Account
from tests.wire.test_iam_mfa import Token
from tests.wire.test_iam_users import policy, refused

ALLOW = {"Effect": "Allow", "Action": "secretsmanager:ListSecrets", "Resource": "*"}
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}


@pytest.fixture
def iam(account: Account) -> Any:
    """The administrator's client."""
    return account.client("iam")


def tags(count: int) -> list[dict[str, str]]:
    return [{"Key": f"k{number}", "Value": ""} for number in range(count)]


def sized(statement: dict[str, Any], characters: int) -> str:
    """A policy of so many characters, white space left out."""
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement | {"Sid": ""}]}, separators=(",", ":"))
    return text.replace('"Sid":""', f'"Sid":"{"s" * (characters - len(text))}"')


def padded(statement: dict[str, Any], characters: int) -> str:
    """The same with white space, which does not count."""
    return sized(statement, characters).replace(",", ",\n    ")


NAMED = [
    ("create_user", "UserName", 64, {}),
    ("create_group", "GroupName", 128, {}),
    ("create_role", "RoleName", 64, {"AssumeRolePolicyDocument": policy(TRUST)}),
    ("create_policy", "PolicyName", 128, {"PolicyDocument": policy(ALLOW)}),
    ("create_instance_profile", "InstanceProfileName", 128, {}),
]


@pytest.mark.parametrize(("operation", "member", "most", "more"), NAMED, ids=[row[0] for row in NAMED])
def test_names_and_paths_have_lengths(iam: Any, operation: str, member: str, most: int, more: dict[str, Any]) -> None:
    ask: Callable[..., Any] = getattr(iam, operation)
    ask(**more, **{member: "n" * most}, Path="/" + "p" * 510 + "/")

    assert "ValidationError" == refused(ask, **more, **{member: "m" * (most + 1)})[0]
    assert "ValidationError" == refused(ask, **more, **{member: "m"}, Path="/" + "p" * 511 + "/")[0]
    assert "ValidationError" == refused(ask, **more, **{member: "m"}, Path="p")[0]


def test_fifty_tags_and_no_more(iam: Any) -> None:
    iam.create_user(UserName="ann", Tags=tags(50))

    assert "LimitExceeded" == refused(iam.tag_user, UserName="ann", Tags=[{"Key": "one-more", "Value": ""}])[0]
    iam.tag_user(UserName="ann", Tags=[{"Key": "K0", "Value": "replaced"}])
    # Fifty are what one request may bring, by the model.
    assert "ValidationError" == refused(iam.create_user, UserName="bob", Tags=tags(51))[0]


@pytest.mark.parametrize(
    ("kind", "most"), [("user", 2048), ("group", 5120), ("role", 10240)], ids=["user", "group", "role"]
)
def test_inline_policies_have_a_size_for_each_holder(iam: Any, kind: str, most: int) -> None:
    more = {"AssumeRolePolicyDocument": policy(TRUST)} if kind == "role" else {}
    name = {f"{kind.title()}Name": "n"}
    getattr(iam, f"create_{kind}")(**name, **more)
    put = getattr(iam, f"put_{kind}_policy")
    put(**name, PolicyName="p", PolicyDocument=padded(ALLOW, most))

    text = f"Maximum policy size of {most} bytes exceeded for {kind} n"
    assert ("LimitExceeded", text, 409) == refused(put, **name, PolicyName="p", PolicyDocument=sized(ALLOW, most + 1))
    assert ("LimitExceeded", text, 409) == refused(put, **name, PolicyName="q", PolicyDocument=policy(ALLOW))


def test_managed_policies_and_trust_have_sizes(iam: Any) -> None:
    iam.create_policy(PolicyName="p", PolicyDocument=padded(ALLOW, 6144))
    over = {"PolicyName": "q", "PolicyDocument": sized(ALLOW, 6145)}
    assert ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144", 409) == refused(iam.create_policy, **over)

    iam.create_role(RoleName="r", AssumeRolePolicyDocument=padded(TRUST, 2048))
    over = {"RoleName": "q", "AssumeRolePolicyDocument": sized(TRUST, 2049)}
    text = "Cannot exceed quota for ACLSizePerRole: 2048"
    assert ("LimitExceeded", text, 409) == refused(iam.create_role, **over)


def test_sessions_of_roles_have_a_length(iam: Any) -> None:
    made = {"RoleName": "r", "AssumeRolePolicyDocument": policy(TRUST)}
    assert "ValidationError" == refused(iam.create_role, **made, MaxSessionDuration=43201)[0]
    assert 3600 == iam.create_role(**made, Description="d" * 1000)["Role"].get("MaxSessionDuration", 3600)
    assert "ValidationError" == refused(iam.update_role, RoleName="r", Description="d" * 1001)[0]


def test_a_user_has_eight_devices_at_most(iam: Any) -> None:
    iam.create_user(UserName="ann")
    for number in range(9):
        token = Token(iam, f"d{number}")
        asked = {"UserName": "ann", "SerialNumber": token.serial, **token.pair(-3)}
        if number < 8:
            iam.enable_mfa_device(**asked)
    text = "Cannot exceed quota for MFADevicesPerUser: 8"
    assert ("LimitExceeded", text, 409) == refused(iam.enable_mfa_device, **asked)


def test_an_account_has_a_hundred_providers_at_most(iam: Any) -> None:
    for number in range(100):
        iam.create_open_id_connect_provider(Url=f"https://n{number}.example.com")

    assert "LimitExceeded" == refused(iam.create_open_id_connect_provider, Url="https://one.example.com")[0]
