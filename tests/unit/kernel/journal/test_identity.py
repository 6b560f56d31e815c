"""Every form of userIdentity. Source: CloudTrail User Guide, "CloudTrail userIdentity element"."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.journal import identity
from strongroom.kernel.journal.identity import other_account, user_identity

ACCOUNT = "123456789012"
ISSUED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
USER = Principal(
    PrincipalKind.USER,
    f"arn:aws:iam::{ACCOUNT}:user/x",
    ACCOUNT,
    "AIDA1",
    "AIDA1",
    "x",
    f"arn:aws:iam::{ACCOUNT}:user/x",
)
USER_SESSION = Principal(
    PrincipalKind.USER,
    f"arn:aws:iam::{ACCOUNT}:user/x",
    ACCOUNT,
    "AIDA1",
    "AIDA1",
    "x",
    f"arn:aws:iam::{ACCOUNT}:user/x",
    token_issued=ISSUED,
    mfa=True,
)
ROLE = Principal(
    PrincipalKind.ROLE,
    f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s",
    ACCOUNT,
    "AROA1",
    "AROA1:s",
    "R",
    f"arn:aws:iam::{ACCOUNT}:role/R",
    session_name="s",
    token_issued=ISSUED,
    mfa=False,
    source_identity="jo",
)
FEDERATED = Principal(
    PrincipalKind.FEDERATED,
    f"arn:aws:sts::{ACCOUNT}:federated-user/f",
    ACCOUNT,
    "AIDA1",
    f"{ACCOUNT}:f",
    "f",
    f"arn:aws:iam::{ACCOUNT}:user/x",
    token_issued=ISSUED,
)
ROOT = Principal(PrincipalKind.ROOT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
SERVICE = Principal(PrincipalKind.SERVICE, "secretsmanager.amazonaws.com", "", name="secretsmanager.amazonaws.com")
NOBODY = Principal(PrincipalKind.ANONYMOUS, "anonymous", "")

FORMS: list[tuple[Principal, dict[str, Any]]] = [
    (
        USER,
        {
            "type": "IAMUser",
            "principalId": "AIDA1",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/x",
            "accountId": ACCOUNT,
            "accessKeyId": "AK",
            "userName": "x",
        },
    ),
    (
        USER_SESSION,
        {
            "type": "IAMUser",
            "principalId": "AIDA1",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/x",
            "accountId": ACCOUNT,
            "accessKeyId": "AK",
            "userName": "x",
            "sessionContext": {"attributes": {"creationDate": "2026-01-02T03:04:05Z", "mfaAuthenticated": "true"}},
        },
    ),
    (
        ROLE,
        {
            "type": "AssumedRole",
            "principalId": "AROA1:s",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s",
            "accountId": ACCOUNT,
            "accessKeyId": "AK",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROA1",
                    "arn": f"arn:aws:iam::{ACCOUNT}:role/R",
                    "accountId": ACCOUNT,
                    "userName": "R",
                },
                "attributes": {"creationDate": "2026-01-02T03:04:05Z", "mfaAuthenticated": "false"},
                "sourceIdentity": "jo",
            },
        },
    ),
    (
        FEDERATED,
        {
            "type": "FederatedUser",
            "principalId": f"{ACCOUNT}:f",
            "arn": f"arn:aws:sts::{ACCOUNT}:federated-user/f",
            "accountId": ACCOUNT,
            "accessKeyId": "AK",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "IAMUser",
                    "principalId": "AIDA1",
                    "arn": f"arn:aws:iam::{ACCOUNT}:user/x",
                    "accountId": ACCOUNT,
                    "userName": "x",
                },
                "attributes": {"creationDate": "2026-01-02T03:04:05Z", "mfaAuthenticated": "false"},
            },
        },
    ),
    (
        ROOT,
        {
            "type": "Root",
            "principalId": ACCOUNT,
            "arn": f"arn:aws:iam::{ACCOUNT}:root",
            "accountId": ACCOUNT,
            "accessKeyId": "AK",
        },
    ),
    (SERVICE, {"type": "AWSService", "invokedBy": "secretsmanager.amazonaws.com"}),
    (NOBODY, {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}),
]


@pytest.mark.parametrize(
    ("principal", "form"), FORMS, ids=[form["type"] + str(at) for at, (_, form) in enumerate(FORMS)]
)
def test_each_kind_of_caller_has_its_form(principal: Principal, form: dict[str, Any]) -> None:
    assert form == user_identity(principal, "AK", None)


def test_a_service_that_asks_for_a_caller_is_named() -> None:
    assert "kms.amazonaws.com" == user_identity(USER, "AK", "kms.amazonaws.com")["invokedBy"]
    assert "invokedBy" not in user_identity(USER, "AK", None)


def test_another_account_sees_ids_and_no_names() -> None:
    assert {"type": "AWSAccount", "principalId": "AROA1:s", "accountId": ACCOUNT} == other_account(ROLE)


def test_ever_new_principals_are_not_mixed_up_and_do_not_pile_up() -> None:
    for number in range(1500):
        made = Principal(PrincipalKind.USER, f"arn:{number}", ACCOUNT, name=str(number))
        assert str(number) == user_identity(made, "AK", None)["userName"]

    assert len(identity._MADE) <= 1024
