"""What an account as a whole has: alias, summary, credential report. With stock boto3."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.wire.test_iam_users import refused

HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,"
    "mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,"
    "access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,"
    "access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,"
    "cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)


@pytest.fixture
def iam(account: Account) -> Any:
    """The administrator's client."""
    return account.client("iam")


def test_an_account_has_one_alias_and_a_new_one_takes_its_place(account: Account, iam: Any) -> None:
    for alias in (f"one-{account.id}", f"two-{account.id}"):
        iam.create_account_alias(AccountAlias=alias)
        assert [alias] == iam.list_account_aliases()["AccountAliases"]
    iam.delete_account_alias(AccountAlias=f"two-{account.id}")

    assert [] == iam.list_account_aliases()["AccountAliases"]
    assert ("NoSuchEntity", 404) == refused(iam.delete_account_alias, AccountAlias=f"two-{account.id}")[::2]


def test_no_two_accounts_have_the_same_alias(strongroom: InProcess, account: Account, iam: Any) -> None:
    alias = f"acme-{account.id}"
    iam.create_account_alias(AccountAlias=alias)
    other = strongroom.account().client("iam")

    wanted = ("EntityAlreadyExists", f"The account alias {alias} already exists.", 409)
    assert wanted == refused(other.create_account_alias, AccountAlias=alias)
    assert [] == other.list_account_aliases()["AccountAliases"]
    assert "NoSuchEntity" == refused(other.delete_account_alias, AccountAlias=alias)[0]


@pytest.mark.parametrize("alias", ["ab", "Upper", "two--dashes", "-x-", "a" * 64])
def test_what_is_no_alias_is_refused(iam: Any, alias: str) -> None:
    params = {"AccountAlias": alias}
    if len(alias) >= 3:  # the client itself knows the lower bound
        assert "ValidationError" == refused(iam.create_account_alias, **params)[0]
    assert [] == iam.list_account_aliases()["AccountAliases"]


def test_the_summary_has_every_key_that_the_model_names(iam: Any) -> None:
    iam.create_instance_profile(InstanceProfileName="p")
    iam.create_open_id_connect_provider(Url="https://example.com")
    summary = iam.get_account_summary()["SummaryMap"]
    shape = iam.meta.service_model.shape_for("summaryKeyType")

    assert set(shape.enum) == set(summary)
    assert (1, 1000, 1, 1) == tuple(
        summary[key] for key in ("InstanceProfiles", "InstanceProfilesQuota", "Providers", "Users")
    )


def test_a_report_must_be_asked_for_and_lists_every_user(account: Account, iam: Any) -> None:
    assert ("ReportNotPresent", 410) == refused(iam.get_credential_report)[::2]
    assert ["STARTED", "COMPLETE"] == [iam.generate_credential_report()["State"] for _ in range(2)]
    iam.create_user(UserName="ann", Path="/team/")
    iam.create_login_profile(UserName="ann", Password="Correct-Horse-1")
    iam.update_account_password_policy(MaxPasswordAge=30)
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    report = iam.get_credential_report()
    text = report["Content"].decode()
    ann, admin = sorted(csv.DictReader(io.StringIO(text)), key=lambda row: row["arn"], reverse=True)

    assert ("text/csv", HEADER) == (report["ReportFormat"], text.splitlines()[0])
    assert {
        "user": "ann",
        "arn": f"arn:aws:iam::{account.id}:user/team/ann",
        "password_enabled": "true",
        "password_last_used": "no_information",
        "mfa_active": "false",
        "access_key_1_active": "false",
        "access_key_1_last_used_date": "N/A",
        "access_key_2_active": "false",
        "access_key_2_last_rotated": "N/A",
        "cert_1_active": "false",
    }.items() <= ann.items()
    created = ann["user_creation_time"]
    assert (25, "+00:00") == (len(created), created[-6:])
    assert created[:10] < ann["password_next_rotation"][:10]
    assert ("false", "N/A", "true") == tuple(
        admin[column] for column in ("password_enabled", "password_last_changed", "access_key_1_active")
    )


def test_a_report_tells_nothing_of_another_account(strongroom: InProcess, iam: Any) -> None:
    iam.create_user(UserName="ann")
    iam.generate_credential_report()
    other = strongroom.account().client("iam")
    assert "ReportNotPresent" == refused(other.get_credential_report)[0]
    other.generate_credential_report()

    assert b"ann" not in other.get_credential_report()["Content"]
