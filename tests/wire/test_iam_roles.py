"""IAM with stock boto3: roles and their trust policies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account


def trust(principal: Any, *actions: str, **condition: Any) -> str:
    """A trust policy for one principal element."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": list(actions) or "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | condition]})


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
def own(account: Account) -> str:
    """A trust policy for the whole account."""
    return trust({"AWS": f"arn:aws:iam::{account.id}:root"})


def test_a_new_role_has_what_aws_gives_it(account: Account, iam: Any, own: str) -> None:
    made = iam.create_role(
        RoleName="deploy",
        Path="/ops/",
        AssumeRolePolicyDocument=own,
        Description="d",
        MaxSessionDuration=7200,
        Tags=[{"Key": "a", "Value": "b"}],
    )["Role"]
    wanted = {
        "Path": "/ops/",
        "RoleName": "deploy",
        "Arn": f"arn:aws:iam::{account.id}:role/ops/deploy",
        "AssumeRolePolicyDocument": json.loads(own),
        "Description": "d",
        "MaxSessionDuration": 7200,
        "Tags": [{"Key": "a", "Value": "b"}],
    }

    assert wanted == {key: made[key] for key in wanted}
    assert made["RoleId"].startswith("AROA")
    assert made == iam.get_role(RoleName="deploy")["Role"]


def test_lists_leave_out_tags_boundary_and_last_use(iam: Any, own: str) -> None:
    """Source: facts, iam, section 13."""
    iam.create_role(
        RoleName="deploy",
        AssumeRolePolicyDocument=own,
        Tags=[{"Key": "a", "Value": "b"}],
        PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess",
    )
    (listed,) = iam.list_roles()["Roles"]

    assert {
        "Path",
        "RoleName",
        "RoleId",
        "Arn",
        "CreateDate",
        "AssumeRolePolicyDocument",
        "MaxSessionDuration",
    } == (set(listed))
    assert "PermissionsBoundary" in iam.get_role(RoleName="deploy")["Role"]


def test_a_role_can_be_changed(iam: Any, own: str) -> None:
    iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=own)
    iam.update_role(RoleName="deploy", Description="new", MaxSessionDuration=43200)
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=trust({"Service": "lambda.amazonaws.com"}))
    iam.update_role(RoleName="deploy")
    role = iam.get_role(RoleName="deploy")["Role"]
    renewed = iam.update_role_description(RoleName="deploy", Description="newer")["Role"]

    assert ("new", 43200) == (role["Description"], role["MaxSessionDuration"])
    assert {"Service": "lambda.amazonaws.com"} == role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert "newer" == renewed["Description"] == iam.get_role(RoleName="deploy")["Role"]["Description"]


def test_a_role_goes_when_it_holds_nothing(iam: Any, own: str) -> None:
    iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=own, Tags=[{"Key": "a", "Value": "b"}])
    iam.put_role_policy(
        RoleName="deploy",
        PolicyName="p",
        PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}
        ),
    )
    iam.attach_role_policy(RoleName="deploy", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    attached = refused(iam.delete_role, RoleName="deploy")
    iam.detach_role_policy(RoleName="deploy", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    inline = refused(iam.delete_role, RoleName="deploy")
    iam.delete_role_policy(RoleName="deploy", PolicyName="p")
    iam.delete_role(RoleName="deploy")

    assert ("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409) == attached
    assert ("DeleteConflict", "Cannot delete entity, must delete policies first.", 409) == inline
    assert ("NoSuchEntity", "The role with name deploy cannot be found.", 404) == refused(
        iam.get_role, RoleName="deploy"
    )


def test_a_trust_policy_names_only_who_is_there(account: Account, iam: Any) -> None:
    nobody = f"arn:aws:iam::{account.id}:user/nobody"

    assert ("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{nobody}"', 400) == refused(
        iam.create_role, RoleName="r", AssumeRolePolicyDocument=trust({"AWS": nobody})
    )


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("{", "This policy contains invalid Json"),
        (
            json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": "*",
                        "Action": "sts:AssumeRole",
                        "Resource": "*",
                    },
                }
            ),
            "Has prohibited field Resource",
        ),
        (trust("*", "s3:GetObject"), "AssumeRole policy may only specify STS AssumeRole actions."),
    ],
)
def test_what_is_no_trust_policy_is_refused(iam: Any, document: str, text: str) -> None:
    assert ("MalformedPolicyDocument", text, 400) == refused(
        iam.create_role, RoleName="r", AssumeRolePolicyDocument=document
    )


def test_a_trust_policy_may_not_be_too_large(account: Account, iam: Any) -> None:
    large = trust({"AWS": [f"arn:aws:iam::{account.id}:root"] * 60})

    assert ("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048", 409) == refused(
        iam.create_role, RoleName="r", AssumeRolePolicyDocument=large
    )


def test_who_was_trusted_and_is_gone_is_shown_by_unique_id(account: Account, iam: Any) -> None:
    """Source: facts, iam, section 1: and a new user of the old name is not meant."""
    user = iam.create_user(UserName="ann")["User"]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": user["Arn"]}))

    def shown() -> str:
        document = iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
        return str(document["Statement"][0]["Principal"]["AWS"])

    before = shown()
    iam.update_user(UserName="ann", NewUserName="anna")
    renamed = shown()
    iam.delete_user(UserName="anna")
    iam.create_user(UserName="ann")

    assert [user["Arn"], f"{user['Arn']}a", user["UserId"]] == [before, renamed, shown()]


def test_roles_have_tags_and_boundaries(iam: Any, own: str) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=own)
    iam.tag_role(RoleName="r", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam.untag_role(RoleName="r", TagKeys=["A"])
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")
    with_boundary = iam.get_role(RoleName="r")["Role"]
    iam.delete_role_permissions_boundary(RoleName="r")

    assert [{"Key": "b", "Value": "2"}] == with_boundary["Tags"] == iam.list_role_tags(RoleName="r")["Tags"]
    assert "PermissionsBoundary" in with_boundary
    assert "PermissionsBoundary" not in iam.get_role(RoleName="r")["Role"]
