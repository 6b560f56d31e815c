"""Instance profiles, and tags of what has them, with stock boto3."""

from __future__ import annotations

from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.wire.test_iam_users import policy, refused, user_client

TRUST = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}})


@pytest.fixture
def iam(account: Account) -> Any:
    """The administrator's client, in an account with a role ``web``."""
    client = account.client("iam")
    client.create_role(RoleName="web", AssumeRolePolicyDocument=TRUST)
    return client


def test_a_profile_is_made_given_its_role_and_listed(account: Account, iam: Any) -> None:
    tags = [{"Key": "a", "Value": "b"}]
    made = iam.create_instance_profile(InstanceProfileName="p", Path="/x/", Tags=tags)["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="web")
    shown = iam.get_instance_profile(InstanceProfileName="P")["InstanceProfile"]

    assert ("AIPA", 21, []) == (made["InstanceProfileId"][:4], len(made["InstanceProfileId"]), made["Roles"])
    assert (f"arn:aws:iam::{account.id}:instance-profile/x/p", tags, ["web"]) == (
        shown["Arn"],
        shown["Tags"],
        [role["RoleName"] for role in shown["Roles"]],
    )
    for listed in (
        iam.list_instance_profiles(PathPrefix="/x/"),
        iam.list_instance_profiles_for_role(RoleName="web"),
    ):
        assert [{key: shown[key] for key in shown if key != "Tags"}] == listed["InstanceProfiles"]
    details = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"][0]
    assert ["p"] == [one["InstanceProfileName"] for one in details["InstanceProfileList"]]


def test_texts_are_awss(iam: Any) -> None:
    assert ("NoSuchEntity", "Instance Profile p cannot be found.", 404) == refused(
        iam.get_instance_profile, InstanceProfileName="p"
    )
    iam.create_instance_profile(InstanceProfileName="p")
    assert ("EntityAlreadyExists", "Instance Profile P already exists.", 409) == refused(
        iam.create_instance_profile, InstanceProfileName="P"
    )
    role = {"InstanceProfileName": "p", "RoleName": "web"}
    iam.add_role_to_instance_profile(**role)
    text = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"
    assert ("LimitExceeded", text, 409) == refused(iam.add_role_to_instance_profile, **role)
    text = "Cannot delete entity, must remove roles from instance profile first."
    assert ("DeleteConflict", text, 409) == refused(iam.delete_instance_profile, InstanceProfileName="p")
    assert ("DeleteConflict", text, 409) == refused(iam.delete_role, RoleName="web")
    iam.remove_role_from_instance_profile(**role)
    assert "NoSuchEntity" == refused(iam.remove_role_from_instance_profile, **role)[0]
    iam.delete_instance_profile(InstanceProfileName="p")
    iam.delete_role(RoleName="web")


def test_a_profile_gets_only_a_role_that_the_caller_may_pass(account: Account, iam: Any) -> None:
    iam.create_instance_profile(InstanceProfileName="p")
    add = {"Effect": "Allow", "Action": "iam:AddRoleToInstanceProfile", "Resource": "*"}
    client = user_client(account, iam, "iam", "ann", p=policy(add))
    role = {"InstanceProfileName": "p", "RoleName": "web"}

    for name in ("web", "nothing"):
        code, text, _ = refused(client.add_role_to_instance_profile, **role | {"RoleName": name})
        assert ("AccessDenied", True) == (code, "iam:PassRole" in text), "there or not sounds the same"
    condition = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    passing = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": condition}
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy(add, passing))
    client.add_role_to_instance_profile(**role)


def test_another_account_sees_no_profile(strongroom: InProcess, iam: Any) -> None:
    iam.create_instance_profile(InstanceProfileName="p")
    other = strongroom.account().client("iam")

    assert [] == other.list_instance_profiles()["InstanceProfiles"]
    assert "NoSuchEntity" == refused(other.get_instance_profile, InstanceProfileName="p")[0]


def test_profiles_and_devices_have_tags(iam: Any) -> None:
    iam.create_instance_profile(InstanceProfileName="p")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="d", Tags=[{"Key": "x", "Value": "y"}])
    serial = device["VirtualMFADevice"]["SerialNumber"]
    assert [{"Key": "x", "Value": "y"}] == device["VirtualMFADevice"]["Tags"]
    for tag, untag, listed, one in (
        (
            iam.tag_instance_profile,
            iam.untag_instance_profile,
            iam.list_instance_profile_tags,
            {"InstanceProfileName": "p"},
        ),
        (iam.tag_mfa_device, iam.untag_mfa_device, iam.list_mfa_device_tags, {"SerialNumber": serial}),
    ):
        tag(**one, Tags=[{"Key": "Team", "Value": "blue"}])
        assert {"Key": "Team", "Value": "blue"} in listed(**one)["Tags"]
        untag(**one, TagKeys=["TEAM", "x"])
        assert [] == listed(**one)["Tags"]


def test_tags_of_a_device_do_not_outlive_it(iam: Any) -> None:
    for _ in range(2):
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName="d")["VirtualMFADevice"]
        assert [] == iam.list_mfa_device_tags(SerialNumber=made["SerialNumber"])["Tags"]
        iam.tag_mfa_device(SerialNumber=made["SerialNumber"], Tags=[{"Key": "a", "Value": "b"}])
        iam.delete_virtual_mfa_device(SerialNumber=made["SerialNumber"])
