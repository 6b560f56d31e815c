"""AWS managed policies: every one can be read, and says what its name says."""

from __future__ import annotations

import pytest

from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.model import Policies, Request
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.services.iam import managed

ANN = Principal(PrincipalKind.USER, arn="arn:aws:iam::123456789012:user/ann", account="123456789012")


@pytest.mark.parametrize("arn", managed.policies())
def test_each_is_a_policy_that_compiles_and_fits_the_quota(arn: str) -> None:
    policy, document = managed.policy(arn), managed.document(arn)

    assert policy is not None
    assert document is not None
    assert document.statements
    assert policy.description.endswith(".")
    assert 21 == len(policy.id)


def allowed(name: str, action: str, resource: str = "*") -> bool:
    """Whether the policy alone allows."""
    document = managed.document(f"arn:aws:iam::aws:policy/{name}")
    assert document is not None
    asked = Request(ANN, action, resource, "123456789012", {"iam:passedtoservice": "lambda.amazonaws.com"})
    return decide(asked, Policies(identity=(document,))).allowed


@pytest.mark.parametrize(
    ("name", "action", "answer"),
    [
        ("AdministratorAccess", "iam:DeleteUser", True),
        ("PowerUserAccess", "secretsmanager:GetSecretValue", True),
        ("PowerUserAccess", "iam:CreateUser", False),
        ("PowerUserAccess", "iam:ListRoles", True),
        ("ReadOnlyAccess", "secretsmanager:DescribeSecret", True),
        ("ReadOnlyAccess", "secretsmanager:GetSecretValue", False),
        ("ReadOnlyAccess", "kms:Decrypt", False),
        ("SecurityAudit", "secretsmanager:GetSecretValue", False),
        ("IAMFullAccess", "iam:CreateUser", True),
        ("IAMFullAccess", "kms:ListKeys", False),
        ("IAMReadOnlyAccess", "iam:CreateUser", False),
        ("SecretsManagerReadWrite", "secretsmanager:DeleteSecret", True),
        ("SecretsManagerReadWrite", "kms:Decrypt", False),
        ("AWSKeyManagementServicePowerUser", "kms:ScheduleKeyDeletion", False),
        ("service-role/AWSLambdaBasicExecutionRole", "logs:PutLogEvents", True),
        ("AWSLambda_FullAccess", "iam:PassRole", True),
    ],
)
def test_what_a_policy_allows(name: str, action: str, answer: bool) -> None:
    assert answer is allowed(name, action)


def test_a_name_that_aws_does_not_have_is_none() -> None:
    assert managed.document("arn:aws:iam::aws:policy/Nothing") is None
