"""IAM with stock boto3: managed policies, groups and boundaries."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account

READ_WRITE = "arn:aws:iam::aws:policy/SecretsManagerReadWrite"
LIST = {"Effect": "Allow", "Action": "secretsmanager:ListSecrets", "Resource": "*"}
PASSWORD = {"Effect": "Allow", "Action": "secretsmanager:GetRandomPassword", "Resource": "*"}


def policy(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def refused(call: Any, **params: Any) -> tuple[str, str, int]:
    """Code, message and status of a refusal."""
    with pytest.raises(ClientError) as error:
        call(**params)
    answer = error.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def iam(account: Account) -> Any:
    """The administrator's client."""
    return account.client("iam")


@pytest.fixture
def ann(account: Account, iam: Any) -> Any:
    """A Secrets Manager client of a new user without permissions."""
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    return account.client(
        "secretsmanager", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )


def made(iam: Any, name: str = "p", *statements: dict[str, Any], **more: Any) -> str:
    """The ARN of a new managed policy."""
    answer = iam.create_policy(PolicyName=name, PolicyDocument=policy(*statements or (LIST,)), **more)
    return str(answer["Policy"]["Arn"])


def test_a_new_policy_has_one_version(account: Account, iam: Any) -> None:
    answer = iam.create_policy(
        PolicyName="p",
        Path="/x/",
        PolicyDocument=policy(LIST),
        Description="d",
        Tags=[{"Key": "a", "Value": "b"}],
    )["Policy"]
    wanted = {
        "PolicyName": "p",
        "Path": "/x/",
        "Arn": f"arn:aws:iam::{account.id}:policy/x/p",
        "DefaultVersionId": "v1",
        "AttachmentCount": 0,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "Description": "d",
        "Tags": [{"Key": "a", "Value": "b"}],
    }

    assert wanted == {key: answer[key] for key in wanted}
    assert answer["PolicyId"].startswith("ANPA")
    assert answer == iam.get_policy(PolicyArn=answer["Arn"])["Policy"]


def test_an_attached_policy_counts_until_it_is_detached(iam: Any, ann: Any) -> None:
    arn = made(iam)
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    assert [] == ann.list_secrets()["SecretList"]
    assert 1 == iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"]
    assert [{"PolicyName": "p", "PolicyArn": arn}] == iam.list_attached_user_policies(UserName="ann")[
        "AttachedPolicies"
    ]
    iam.detach_user_policy(UserName="ann", PolicyArn=arn)

    assert "AccessDeniedException" == refused(ann.list_secrets)[0]
    assert ("NoSuchEntity", f"Policy {arn} was not found.", 404) == refused(
        iam.detach_user_policy, UserName="ann", PolicyArn=arn
    )


def test_a_policy_of_aws_can_be_attached_and_read(iam: Any, ann: Any) -> None:
    iam.attach_user_policy(UserName="ann", PolicyArn=READ_WRITE)
    ann.get_random_password()
    version = iam.get_policy_version(PolicyArn=READ_WRITE, VersionId="v1")["PolicyVersion"]

    assert 1 == iam.get_policy(PolicyArn=READ_WRITE)["Policy"]["AttachmentCount"]
    assert version["IsDefaultVersion"]
    assert "2012-10-17" == version["Document"]["Version"]
    assert "ValidationError" == refused(iam.delete_policy, PolicyArn=READ_WRITE)[0]
    assert "ValidationError" == refused(iam.create_policy_version, PolicyArn=READ_WRITE, PolicyDocument=policy(LIST))[0]


def test_what_is_not_there_cannot_be_attached(account: Account, iam: Any, ann: Any) -> None:
    for arn in (f"arn:aws:iam::{account.id}:policy/none", "arn:aws:iam::aws:policy/None"):
        assert ("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404) == refused(
            iam.attach_user_policy, UserName="ann", PolicyArn=arn
        )
    bad = f"arn:aws:iam::{account.id}:user/admin"
    assert ("ValidationError", f"ARN {bad} is not valid.", 400) == refused(
        iam.attach_user_policy, UserName="ann", PolicyArn=bad
    )


def test_ten_policies_can_be_attached(iam: Any, ann: Any) -> None:
    arns = [made(iam, f"p{number}") for number in range(11)]
    for arn in arns[:10]:
        iam.attach_user_policy(UserName="ann", PolicyArn=arn)

    assert ("LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 10", 409) == refused(
        iam.attach_user_policy, UserName="ann", PolicyArn=arns[10]
    )


def test_the_default_version_is_in_force_at_once(iam: Any, ann: Any) -> None:
    arn = made(iam)
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    second = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(PASSWORD))["PolicyVersion"]
    assert ("v2", False) == (second["VersionId"], second["IsDefaultVersion"])
    ann.list_secrets()
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")

    assert "AccessDeniedException" == refused(ann.list_secrets)[0]
    ann.get_random_password()
    assert "v2" == iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]


def test_version_ids_are_never_used_again(iam: Any) -> None:
    arn = made(iam)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(LIST))
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    third = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(LIST), SetAsDefault=True)["PolicyVersion"]
    listed = iam.list_policy_versions(PolicyArn=arn)["Versions"]

    assert "v3" == third["VersionId"]
    assert [("v3", True), ("v1", False)] == [(one["VersionId"], one["IsDefaultVersion"]) for one in listed]
    assert ("NoSuchEntity", f"Policy {arn} version v2 does not exist or is not attachable.", 404) == refused(
        iam.get_policy_version, PolicyArn=arn, VersionId="v2"
    )


def test_a_policy_has_five_versions_and_its_default_stays(iam: Any) -> None:
    arn = made(iam)
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(LIST))
    text = (
        "A managed policy can have up to 5 versions. Before you create a new version, "
        "you must delete an existing version."
    )

    assert ("LimitExceeded", text, 409) == refused(
        iam.create_policy_version, PolicyArn=arn, PolicyDocument=policy(LIST)
    )
    assert ("DeleteConflict", "Cannot delete the default version of a policy.", 409) == refused(
        iam.delete_policy_version, PolicyArn=arn, VersionId="v1"
    )


def test_a_policy_goes_when_it_is_attached_nowhere_and_has_one_version(account: Account, iam: Any, ann: Any) -> None:
    arn = made(iam)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(LIST))
    versions = refused(iam.delete_policy, PolicyArn=arn)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    attached = refused(iam.delete_policy, PolicyArn=arn)
    iam.detach_user_policy(UserName="ann", PolicyArn=arn)
    iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=arn)
    bounding = refused(iam.delete_policy, PolicyArn=arn)
    iam.delete_user_permissions_boundary(UserName="ann")
    iam.delete_policy(PolicyArn=arn)

    assert versions[1].startswith("This policy has more than one version. Before you delete a policy, you must")
    assert ("DeleteConflict", "Cannot delete a policy attached to entities.", 409) == attached == bounding
    assert ("NoSuchEntity", f"Policy {arn} was not found.", 404) == refused(iam.get_policy, PolicyArn=arn)


def test_names_of_policies_are_not_distinguished_by_case(iam: Any) -> None:
    made(iam, "Case")
    text = "A policy called case already exists. Duplicate names are not allowed."

    assert ("EntityAlreadyExists", text, 409) == refused(
        iam.create_policy, PolicyName="case", Path="/x/", PolicyDocument=policy(LIST)
    )


def test_policies_are_listed_by_name_whosever_they_are(iam: Any, ann: Any) -> None:
    for name in ("Admin2", "zz", "adminA"):
        made(iam, name)
    iam.attach_user_policy(UserName="ann", PolicyArn=READ_WRITE)
    pages = iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 4})
    names = [one["PolicyName"] for page in pages for one in page["Policies"]]
    local = iam.list_policies(Scope="Local")["Policies"]
    used = iam.list_policies(OnlyAttached=True)["Policies"]

    assert sorted(names, key=str.lower) == names
    assert {"Admin2", "zz", "adminA", "AdministratorAccess", "ReadOnlyAccess"} <= set(names)
    assert len(names) == len(set(names))
    assert ["Admin2", "adminA", "zz"] == [one["PolicyName"] for one in local]
    assert ["AdministratorAccess", "SecretsManagerReadWrite"] == [one["PolicyName"] for one in used]
    assert ["AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole"] == [
        one["PolicyName"] for one in iam.list_policies(PathPrefix="/service-role/")["Policies"]
    ]


def test_who_has_a_policy_can_be_listed(iam: Any, ann: Any) -> None:
    arn = made(iam)
    iam.create_group(GroupName="g")
    iam.attach_group_policy(GroupName="g", PolicyArn=arn)
    iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=arn)
    both = iam.list_entities_for_policy(PolicyArn=arn)
    only = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsPolicy")

    assert (["g"], ["ann"], []) == (
        [one["GroupName"] for one in both["PolicyGroups"]],
        [one["UserName"] for one in both["PolicyUsers"]],
        both["PolicyRoles"],
    )
    assert ([], ["g"]) == (only["PolicyUsers"], [one["GroupName"] for one in only["PolicyGroups"]])


def test_a_boundary_takes_away_what_it_does_not_allow(account: Account, iam: Any, ann: Any) -> None:
    iam.attach_user_policy(UserName="ann", PolicyArn=READ_WRITE)
    bound = made(iam, "bound", PASSWORD)
    iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=bound)
    ann.get_random_password()
    code, text, _ = refused(ann.list_secrets)

    assert "AccessDeniedException" == code
    assert text.endswith("because no permissions boundary allows the secretsmanager:ListSecrets action")
    assert {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": bound} == (
        iam.get_user(UserName="ann")["User"]["PermissionsBoundary"]
    )
    iam.delete_user_permissions_boundary(UserName="ann")
    ann.list_secrets()
    assert "NoSuchEntity" == refused(iam.delete_user_permissions_boundary, UserName="ann")[0]


def test_delegated_administration_by_boundary_and_policy_arn_holds(account: Account, iam: Any) -> None:
    """Source: IAM User Guide, "Delegate responsibility to others using permissions boundaries"."""
    bound = made(iam, "bound", PASSWORD)
    iam.create_user(UserName="boss")
    statements = (
        {
            "Effect": "Allow",
            "Action": "iam:CreateUser",
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:PermissionsBoundary": bound}},
        },
        {
            "Effect": "Allow",
            "Action": "iam:AttachUserPolicy",
            "Resource": "*",
            "Condition": {
                "ArnEquals": {"iam:PolicyARN": READ_WRITE},
                "StringEquals": {"iam:PermissionsBoundary": bound},
            },
        },
    )
    iam.put_user_policy(UserName="boss", PolicyName="p", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName="boss")["AccessKey"]
    boss = account.client("iam", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    boss.create_user(UserName="ann", PermissionsBoundary=bound)
    boss.attach_user_policy(UserName="ann", PolicyArn=READ_WRITE)
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"

    assert "AccessDenied" == refused(boss.create_user, UserName="bob")[0]
    assert "AccessDenied" == refused(boss.create_user, UserName="bob", PermissionsBoundary=admin)[0]
    assert "AccessDenied" == refused(boss.attach_user_policy, UserName="ann", PolicyArn=admin)[0]
    assert "AccessDenied" == refused(boss.attach_user_policy, UserName="boss", PolicyArn=READ_WRITE)[0]


def test_a_group_gives_its_policies_to_its_users(account: Account, iam: Any, ann: Any) -> None:
    group = iam.create_group(GroupName="g", Path="/x/")["Group"]
    iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=policy(LIST))
    iam.attach_group_policy(GroupName="g", PolicyArn=made(iam, "q", PASSWORD))
    assert "AccessDeniedException" == refused(ann.list_secrets)[0]
    iam.add_user_to_group(GroupName="g", UserName="ann")
    iam.add_user_to_group(GroupName="g", UserName="ann")
    ann.list_secrets()
    ann.get_random_password()

    assert f"arn:aws:iam::{account.id}:group/x/g" == group["Arn"]
    assert ["ann"] == [user["UserName"] for user in iam.get_group(GroupName="g")["Users"]]
    assert [group] == iam.list_groups_for_user(UserName="ann")["Groups"]
    iam.remove_user_from_group(GroupName="g", UserName="ann")
    assert "AccessDeniedException" == refused(ann.list_secrets)[0]


def test_a_group_goes_only_when_it_is_empty(iam: Any, ann: Any) -> None:
    iam.create_group(GroupName="g")
    iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=policy(LIST))
    iam.add_user_to_group(GroupName="g", UserName="ann")
    users = refused(iam.delete_group, GroupName="g")
    iam.remove_user_from_group(GroupName="g", UserName="ann")
    policies = refused(iam.delete_group, GroupName="g")
    iam.delete_group_policy(GroupName="g", PolicyName="p")
    iam.delete_group(GroupName="g")

    assert "Cannot delete entity, must remove users from group first." == users[1]
    assert "Cannot delete entity, must delete policies first." == policies[1]
    assert ("NoSuchEntity", "The group with name g cannot be found.", 404) == refused(iam.get_group, GroupName="g")


def test_a_group_can_be_renamed_and_its_users_come_in_pages(iam: Any) -> None:
    iam.create_group(GroupName="g")
    for name in ("a", "b", "c"):
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName="g", UserName=name)
    iam.update_group(GroupName="g", NewGroupName="h")
    pages = iam.get_paginator("get_group").paginate(GroupName="h", PaginationConfig={"PageSize": 2})

    assert [["a", "b"], ["c"]] == [[user["UserName"] for user in page["Users"]] for page in pages]
    assert ["h"] == [group["GroupName"] for group in iam.list_groups()["Groups"]]


def test_a_user_is_in_ten_groups_at_most(iam: Any, ann: Any) -> None:
    for number in range(11):
        iam.create_group(GroupName=f"g{number}")
    for number in range(10):
        iam.add_user_to_group(GroupName=f"g{number}", UserName="ann")

    assert ("LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10", 409) == refused(
        iam.add_user_to_group, GroupName="g10", UserName="ann"
    )


def test_the_account_is_summed_up(iam: Any, ann: Any) -> None:
    made(iam)
    summary = iam.get_account_summary()["SummaryMap"]

    assert (2, 0, 0, 1, 5000) == tuple(summary[key] for key in ("Users", "Groups", "Roles", "Policies", "UsersQuota"))


def test_another_accounts_policy_cannot_be_used(strongroom: Any, iam: Any, ann: Any) -> None:
    theirs = made(strongroom.account().client("iam"))

    assert "AccessDenied" == refused(iam.get_policy, PolicyArn=theirs)[0]
    assert "NoSuchEntity" == refused(iam.attach_user_policy, UserName="ann", PolicyArn=theirs)[0]
    assert "NoSuchEntity" == refused(iam.put_user_permissions_boundary, UserName="ann", PermissionsBoundary=theirs)[0]
