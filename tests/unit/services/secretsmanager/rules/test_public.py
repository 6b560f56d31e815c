"""What counts as broad access."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.services.secretsmanager.rules.public import allows_everybody

EVERYBODY: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "secretsmanager:*",
    "Resource": "*",
}


def policy(**changed: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{**EVERYBODY, **changed}]}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"Principal": {"AWS": "*"}},
        {"Principal": {"AWS": ["arn:aws:iam::123456789012:root", "*"]}},
        {"Condition": {"StringEquals": {"aws:ResourceTag/a": "b"}}},
        {"Condition": {"StringLike": {"aws:PrincipalArn": "*"}}},
        {"Condition": {"StringLike": {"aws:PrincipalAccount": ["123456789012", "*"]}}},
        {"Condition": {"StringNotEquals": {"aws:PrincipalAccount": "123456789012"}}},
        {"Condition": {"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalTag/x}"}}},
        {"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:*"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalAccount": []}}},
    ],
)
def test_everybody_without_a_surely_narrowing_condition_is_public(changed: dict[str, Any]) -> None:
    assert allows_everybody(policy(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"Effect": "Deny"},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Principal": {"AWS": ["123456789012"]}},
        {"Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}},
        {"Condition": {"stringequals": {"AWS:PrincipalOrgID": "o-1"}}},
        {"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/*"}}},
    ],
)
def test_a_named_or_narrowed_principal_is_not_public(changed: dict[str, Any]) -> None:
    assert not allows_everybody(policy(**changed))


def test_an_allow_for_all_but_some_is_public() -> None:
    statement = {key: value for key, value in EVERYBODY.items() if key != "Principal"}
    assert allows_everybody({"Statement": {**statement, "NotPrincipal": {"AWS": "123456789012"}}})
