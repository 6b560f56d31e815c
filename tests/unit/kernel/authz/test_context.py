"""The global keys: who has which, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from strongroom.kernel.authz.context import global_context
from strongroom.kernel.authz.principal import Principal, PrincipalKind

A = "111122223333"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
USER = Principal(
    PrincipalKind.USER,
    f"arn:aws:iam::{A}:user/team/ann",
    A,
    "AIDAQ",
    "AIDAQ",
    "ann",
    f"arn:aws:iam::{A}:user/team/ann",
)
ROLE = Principal(
    PrincipalKind.ROLE, f"arn:aws:sts::{A}:assumed-role/app/run", A, "AROAQ", "AROAQ:run", "app",
    f"arn:aws:iam::{A}:role/svc/app", "run",
)  # fmt: skip
FEDERATED = Principal(
    PrincipalKind.FEDERATED, f"arn:aws:sts::{A}:federated-user/ann", A, "AIDAQ", f"{A}:ann", "ann",
    f"arn:aws:iam::{A}:user/team/ann",
)  # fmt: skip
ROOT = Principal(PrincipalKind.ROOT, f"arn:aws:iam::{A}:root", A, A, A, entity_arn=f"arn:aws:iam::{A}:root")
SERVICE = Principal(PrincipalKind.SERVICE, "s3.amazonaws.com", "", name="s3.amazonaws.com")
NOBODY = Principal(PrincipalKind.ANONYMOUS, "", "")


def keys(principal: Principal = USER, **changes: Any) -> dict[str, Any]:
    """The keys of an ordinary request."""
    usual: dict[str, Any] = {
        "now": NOW, "source_ip": "192.0.2.7", "secure": True, "user_agent": "Boto3/1", "region": "eu-west-1",
        "resource_account": "444455556666", "via": (),
    }  # fmt: skip
    return global_context(principal, **usual | changes)


def test_a_users_plain_request_has_exactly_these_keys() -> None:
    assert keys() == {
        "aws:currenttime": "2026-01-02T03:04:05Z",
        "aws:epochtime": "1767323045",
        "aws:principalaccount": A,
        "aws:principalarn": f"arn:aws:iam::{A}:user/team/ann",
        "aws:principalisawsservice": "false",
        "aws:principaltype": "User",
        "aws:requestedregion": "eu-west-1",
        "aws:resourceaccount": "444455556666",
        "aws:securetransport": "true",
        "aws:sourceip": "192.0.2.7",
        "aws:useragent": "Boto3/1",
        "aws:userid": "AIDAQ",
        "aws:username": "ann",
        "aws:viaawsservice": "false",
    }


def test_each_kind_of_caller_has_its_row() -> None:
    """Source: IAM User Guide, "Variables and tags", the table of principal key values."""
    names = ("aws:principalarn", "aws:userid", "aws:username", "aws:principaltype", "aws:principalaccount")
    rows = [tuple(keys(caller).get(name) for name in names) for caller in (ROOT, USER, ROLE, FEDERATED, NOBODY)]

    assert rows == [
        (f"arn:aws:iam::{A}:root", A, None, "Account", A),
        (f"arn:aws:iam::{A}:user/team/ann", "AIDAQ", "ann", "User", A),
        (f"arn:aws:iam::{A}:role/svc/app", "AROAQ:run", None, "AssumedRole", A),
        (f"arn:aws:sts::{A}:federated-user/ann", f"{A}:ann", None, "FederatedUser", A),
        (None, "anonymous", None, "Anonymous", "anonymous"),
    ]


def test_a_service_is_named_and_has_no_arn() -> None:
    found = keys(SERVICE)

    assert ("true", "s3.amazonaws.com", ("s3.amazonaws.com",)) == (
        found["aws:principalisawsservice"], found["aws:principalservicename"],
        found["aws:principalservicenameslist"],
    )  # fmt: skip
    assert "aws:principalarn" not in found


def test_temporary_credentials_bring_their_own_keys() -> None:
    session = replace(ROLE, token_issued=NOW, mfa=True, source_identity="ann", tags={"Team": "DB"})
    found = keys(session)

    assert ("2026-01-02T03:04:05Z", "true", "ann", "DB") == tuple(
        found[key]
        for key in (
            "aws:tokenissuetime",
            "aws:multifactorauthpresent",
            "aws:sourceidentity",
            "aws:principaltag/team",
        )
    )
    assert "false" == keys(replace(session, mfa=False))["aws:multifactorauthpresent"]
    assert "aws:multifactorauthage" not in keys(replace(session, mfa=False))
    assert "60" == keys(replace(session, token_issued=NOW - timedelta(seconds=60)))["aws:multifactorauthage"]


def test_long_term_credentials_have_none_of_them() -> None:
    absent = {"aws:tokenissuetime", "aws:multifactorauthpresent", "aws:sourceidentity"}

    assert not absent & keys().keys()


def test_a_call_on_behalf_names_the_chain_of_services() -> None:
    found = keys(via=("cloudformation.amazonaws.com", "secretsmanager.amazonaws.com"))

    assert ("true", "cloudformation.amazonaws.com", "secretsmanager.amazonaws.com") == (
        found["aws:viaawsservice"], found["aws:calledviafirst"], found["aws:calledvialast"],
    )  # fmt: skip
    assert ("cloudformation.amazonaws.com", "secretsmanager.amazonaws.com") == found["aws:calledvia"]
    assert not {"aws:calledvia", "aws:calledviafirst", "aws:calledvialast"} & keys().keys()


def test_the_time_follows_the_clock_also_backwards() -> None:
    seconds = [keys(now=NOW.replace(second=second))["aws:currenttime"][-3:-1] for second in (5, 6, 5)]

    assert ["05", "06", "05"] == seconds


def test_an_unknown_address_is_absent_not_empty() -> None:
    assert "aws:sourceip" not in keys(source_ip="")


def test_plain_http_is_said() -> None:
    assert "false" == keys(secure=False)["aws:securetransport"]
