"""Login profiles and the password policy with stock boto3."""

from __future__ import annotations

from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.journals import entries
from tests.wire.test_iam_users import policy, refused, user_client

FIRST, SECOND, THIRD = "Correct-Horse-1", "Battery-Staple-2", "Third-Time-3"
CHANGE = {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "*"}


@pytest.fixture
def iam(account: Account) -> Any:
    """The administrator's client."""
    return account.client("iam")


@pytest.fixture
def ann(account: Account, iam: Any) -> Any:
    """The client of a user with a password that she may change."""
    client = user_client(account, iam, "iam", "ann", p=policy(CHANGE))
    iam.create_login_profile(UserName="ann", Password=FIRST)
    return client


def test_a_password_is_made_seen_and_taken_away(iam: Any) -> None:
    iam.create_user(UserName="ann")
    gone = ("NoSuchEntity", "Login Profile for User ann cannot be found.", 404)
    assert gone == refused(iam.get_login_profile, UserName="ann")
    made = iam.create_login_profile(UserName="ann", Password=FIRST, PasswordResetRequired=True)["LoginProfile"]

    assert ("ann", True) == (made["UserName"], made["PasswordResetRequired"])
    assert made == iam.get_login_profile(UserName="ann")["LoginProfile"]
    wanted = ("EntityAlreadyExists", "Login Profile for user ann already exists.", 409)
    assert wanted == refused(iam.create_login_profile, UserName="ann", Password=FIRST)
    wanted = ("DeleteConflict", "Cannot delete entity, must delete login profile first.", 409)
    assert wanted == refused(iam.delete_user, UserName="ann")
    iam.delete_login_profile(UserName="ann")
    assert gone == refused(iam.delete_login_profile, UserName="ann")
    iam.delete_user(UserName="ann")


def test_who_knows_the_old_password_changes_it(ann: Any) -> None:
    ann.change_password(OldPassword=FIRST, NewPassword=SECOND)

    assert "AccessDenied" == refused(ann.change_password, OldPassword=FIRST, NewPassword=THIRD)[0]
    ann.change_password(OldPassword=SECOND, NewPassword=FIRST)


def test_guesses_at_the_old_password_are_throttled_though_each_is_refused(ann: Any) -> None:
    for _ in range(5):
        assert "AccessDenied" == refused(ann.change_password, OldPassword=THIRD, NewPassword=SECOND)[0]

    assert "AccessDenied" == refused(ann.change_password, OldPassword=FIRST, NewPassword=SECOND)[0]


def test_a_right_password_forgives_the_wrong_ones_before_it(ann: Any) -> None:
    for old, new in ((FIRST, SECOND), (SECOND, FIRST)):
        for _ in range(4):
            assert "AccessDenied" == refused(ann.change_password, OldPassword=THIRD, NewPassword=SECOND)[0]
        ann.change_password(OldPassword=old, NewPassword=new)


def test_without_a_policy_eight_characters_of_three_kinds_are_wanted(account: Account, iam: Any) -> None:
    iam.create_user(UserName="ann")
    for weak in ("Sh0rt!!", "onlylowercase", "Lower-Upper"[:6], "lowercase1234", "UPPERCASE1234"):
        assert "PasswordPolicyViolation" == refused(iam.create_login_profile, UserName="ann", Password=weak)[0], weak
    iam.create_account_alias(AccountAlias=f"acme-{account.id}")
    same = f"Acme-{account.id}"
    assert "PasswordPolicyViolation" == refused(iam.create_login_profile, UserName="ann", Password=same)[0]
    iam.create_login_profile(UserName="ann", Password="Lowercase1234")


def test_a_policy_is_set_shown_kept_and_deleted(account: Account, iam: Any, ann: Any) -> None:
    text = f"The Password Policy with domain name {account.id} cannot be found."
    assert ("NoSuchEntity", text, 404) == refused(iam.get_account_password_policy)
    iam.update_account_password_policy(
        MinimumPasswordLength=12, RequireSymbols=True, PasswordReusePrevention=2, MaxPasswordAge=90
    )
    assert {
        "MinimumPasswordLength": 12,
        "RequireSymbols": True,
        "RequireNumbers": False,
        "RequireUppercaseCharacters": False,
        "RequireLowercaseCharacters": False,
        "AllowUsersToChangePassword": False,
        "ExpirePasswords": True,
        "MaxPasswordAge": 90,
        "PasswordReusePrevention": 2,
    } == iam.get_account_password_policy()["PasswordPolicy"]

    for weak in ("Short-1", "NoSymbolsAtAll1"):
        assert "PasswordPolicyViolation" == refused(iam.update_login_profile, UserName="ann", Password=weak)[0]
    iam.delete_account_password_policy()
    iam.update_login_profile(UserName="ann", Password="NoSymbolsAtAll1")
    assert "NoSuchEntity" == refused(iam.delete_account_password_policy)[0]


def test_the_last_passwords_do_not_come_again(iam: Any, ann: Any) -> None:
    iam.update_account_password_policy(PasswordReusePrevention=2)
    ann.change_password(OldPassword=FIRST, NewPassword=SECOND)

    assert "PasswordPolicyViolation" == refused(ann.change_password, OldPassword=SECOND, NewPassword=SECOND)[0]
    assert "PasswordPolicyViolation" == refused(ann.change_password, OldPassword=SECOND, NewPassword=FIRST)[0]
    ann.change_password(OldPassword=SECOND, NewPassword=THIRD)
    ann.change_password(OldPassword=THIRD, NewPassword=FIRST)


def test_a_policy_has_awss_limits_and_no_partial_updates(iam: Any) -> None:
    assert "ValidationError" == refused(iam.update_account_password_policy, MinimumPasswordLength=129)[0]
    iam.update_account_password_policy(MinimumPasswordLength=20, RequireNumbers=True)
    iam.update_account_password_policy(RequireSymbols=True)
    shown = iam.get_account_password_policy()["PasswordPolicy"]

    assert (6, False, False) == (shown["MinimumPasswordLength"], shown["RequireNumbers"], shown["ExpirePasswords"])


def test_the_policy_may_let_every_user_change_the_own_password_and_no_others(account: Account, iam: Any) -> None:
    """Source: IAM User Guide, "Set an account password policy for IAM users"."""
    bob = user_client(account, iam, "iam", "bob")
    iam.create_login_profile(UserName="bob", Password=FIRST)
    asked = {"OldPassword": FIRST, "NewPassword": SECOND}
    assert "AccessDenied" == refused(bob.change_password, **asked)[0]

    iam.update_account_password_policy(AllowUsersToChangePassword=True)
    bob.change_password(**asked)
    assert bob.get_account_password_policy()["PasswordPolicy"]["AllowUsersToChangePassword"]
    assert "AccessDenied" == refused(bob.update_login_profile, UserName="bob", Password=THIRD)[0]
    deny = policy({"Effect": "Deny", "Action": "iam:ChangePassword", "Resource": "*"})
    iam.put_user_policy(UserName="bob", PolicyName="p", PolicyDocument=deny)
    assert "AccessDenied" == refused(bob.change_password, OldPassword=SECOND, NewPassword=FIRST)[0]
    iam.delete_user_policy(UserName="bob", PolicyName="p")

    iam.delete_account_password_policy()
    assert "AccessDenied" == refused(bob.change_password, OldPassword=SECOND, NewPassword=FIRST)[0]


def test_who_is_no_user_has_no_password(account: Account, iam: Any) -> None:
    trust = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": account.id}})
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy(CHANGE))
    given = account.client("sts").assume_role(RoleArn=role, RoleSessionName="ss")["Credentials"]
    client = account.client(
        "iam",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )

    assert "InvalidUserType" == refused(client.change_password, OldPassword=FIRST, NewPassword=SECOND)[0]


def test_a_password_is_in_no_record_no_error_and_no_file(
    strongroom: InProcess, account: Account, iam: Any, ann: Any
) -> None:
    ann.change_password(OldPassword=FIRST, NewPassword=SECOND)
    strange = "Sehr-geheim-\u20ac-1"
    assert strange not in refused(ann.change_password, OldPassword=SECOND, NewPassword=strange)[1]
    for path in strongroom.settings.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for word in (FIRST, SECOND, strange):
                assert word.encode() not in content, path


def test_records_say_that_a_password_was_changed(strongroom: InProcess, account: Account, ann: Any) -> None:
    ann.change_password(OldPassword=FIRST, NewPassword=SECOND)
    told = [
        one.event
        for one in entries(strongroom.settings.data)
        if one.name == "ChangePassword" and one.event["recipientAccountId"] == account.id
    ]

    assert [(False, None)] == [(event["readOnly"], event["requestParameters"] or None) for event in told]
