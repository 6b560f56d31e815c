"""IAM with stock boto3: users, their keys and their policies."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account

LIST_SECRETS = {"Effect": "Allow", "Action": "secretsmanager:ListSecrets", "Resource": "*"}
POLICY_ELSEWHERE = "arn:aws:iam::aws:policy/SecretsManagerReadWrite"


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


def user_client(account: Account, iam: Any, service: str, name: str, **policies: str) -> Any:
    """A client of a new user with these inline policies."""
    iam.create_user(UserName=name)
    for policy_name, document in policies.items():
        iam.put_user_policy(UserName=name, PolicyName=policy_name, PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return account.client(service, aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def test_a_new_user_has_what_aws_gives_it(account: Account, iam: Any) -> None:
    made = iam.create_user(UserName="ann", Path="/team/", Tags=[{"Key": "Team", "Value": "blue"}])["User"]

    assert {"Path", "UserName", "UserId", "Arn", "CreateDate", "Tags"} == set(made)
    assert f"arn:aws:iam::{account.id}:user/team/ann" == made["Arn"]
    assert made["UserId"].startswith("AIDA")
    assert 21 == len(made["UserId"])
    assert 0 == made["CreateDate"].microsecond
    assert made == iam.get_user(UserName="ann")["User"]


def test_without_a_name_the_caller_is_meant(account: Account, iam: Any) -> None:
    assert f"arn:aws:iam::{account.id}:user/admin" == iam.get_user()["User"]["Arn"]
    assert [account.key_id] == [key["AccessKeyId"] for key in iam.list_access_keys()["AccessKeyMetadata"]]


def test_names_are_not_distinguished_by_case(iam: Any) -> None:
    iam.create_user(UserName="Ann")

    assert ("EntityAlreadyExists", "User with name ann already exists.", 409) == refused(
        iam.create_user, UserName="ann"
    )
    assert "Ann" == iam.get_user(UserName="ANN")["User"]["UserName"]


def test_a_name_with_other_characters_is_refused_in_awss_words(iam: Any) -> None:
    text = (
        "The specified value for userName is invalid. "
        "It must contain only alphanumeric characters and/or the following: +=,.@_-"
    )

    assert ("ValidationError", text, 400) == refused(iam.create_user, UserName="a b")


def test_who_is_not_there_cannot_be_found(iam: Any) -> None:
    wanted = ("NoSuchEntity", "The user with name nobody cannot be found.", 404)
    for call in (
        iam.get_user,
        iam.delete_user,
        iam.list_access_keys,
        iam.create_access_key,
        iam.list_user_tags,
    ):
        assert wanted == refused(call, UserName="nobody")


def test_users_come_in_pages_by_name_and_under_a_path(iam: Any) -> None:
    for name in ("d", "B", "a", "C"):
        iam.create_user(UserName=name, Path="/x/" if name != "d" else "/y/")
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix="/x/", PaginationConfig={"PageSize": 2}))

    assert [["a", "B"], ["C"]] == [[user["UserName"] for user in page["Users"]] for page in pages]
    assert [True, False] == [page["IsTruncated"] for page in pages]


@pytest.mark.parametrize("marker", ["x", "QUJD"])
def test_a_marker_that_was_never_given_is_refused(iam: Any, marker: str) -> None:
    assert "ValidationError" == refused(iam.list_users, Marker=marker)[0]


def test_a_user_can_be_renamed_and_keeps_its_id(account: Account, iam: Any) -> None:
    before = iam.create_user(UserName="ann")["User"]
    iam.update_user(UserName="ann", NewUserName="anna", NewPath="/new/")
    after = iam.get_user(UserName="anna")["User"]

    assert (before["UserId"], f"arn:aws:iam::{account.id}:user/new/anna") == (after["UserId"], after["Arn"])
    assert "NoSuchEntity" == refused(iam.get_user, UserName="ann")[0]


def test_a_renamed_user_cannot_take_anothers_name(iam: Any) -> None:
    for name in ("ann", "bob"):
        iam.create_user(UserName=name)

    assert "EntityAlreadyExists" == refused(iam.update_user, UserName="ann", NewUserName="BOB")[0]
    iam.update_user(UserName="ann", NewUserName="ANN")


def test_a_user_goes_only_when_nothing_hangs_on_it(iam: Any) -> None:
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    iam.attach_user_policy(UserName="ann", PolicyArn=POLICY_ELSEWHERE)
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy(LIST_SECRETS))
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="ann")
    said = []
    for let_go, params in (
        (iam.delete_access_key, {"AccessKeyId": key}),
        (iam.detach_user_policy, {"PolicyArn": POLICY_ELSEWHERE}),
        (iam.delete_user_policy, {"PolicyName": "p"}),
        (iam.remove_user_from_group, {"GroupName": "g"}),
    ):
        said.append(refused(iam.delete_user, UserName="ann"))
        let_go(UserName="ann", **params)
    iam.delete_user(UserName="ann")

    assert [
        ("DeleteConflict", f"Cannot delete entity, must {what} first.", 409)
        for what in (
            "delete access keys",
            "detach all policies",
            "delete policies",
            "remove users from group",
        )
    ] == said


def test_tags_can_be_replaced_and_removed_whatever_their_case(iam: Any) -> None:
    iam.create_user(UserName="ann", Tags=[{"Key": "Team", "Value": "blue"}])
    iam.tag_user(UserName="ann", Tags=[{"Key": "team", "Value": "red"}, {"Key": "a", "Value": ""}])
    tags = iam.list_user_tags(UserName="ann")["Tags"]
    iam.untag_user(UserName="ann", TagKeys=["TEAM", "none"])

    assert [{"Key": "a", "Value": ""}, {"Key": "team", "Value": "red"}] == tags
    assert [{"Key": "a", "Value": ""}] == iam.list_user_tags(UserName="ann")["Tags"]


def test_twice_the_same_tag_is_refused(iam: Any) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    text = "Duplicate tag keys found. Please note that Tag keys are case insensitive."

    assert ("InvalidInput", text, 400) == refused(iam.create_user, UserName="ann", Tags=tags)
    assert "NoSuchEntity" == refused(iam.get_user, UserName="ann")[0]


def test_an_access_key_shows_its_secret_once(iam: Any) -> None:
    iam.create_user(UserName="ann")
    made = iam.create_access_key(UserName="ann")["AccessKey"]
    listed = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]

    assert {"UserName", "AccessKeyId", "Status", "SecretAccessKey", "CreateDate"} == set(made)
    assert (20, 40, "Active") == (len(made["AccessKeyId"]), len(made["SecretAccessKey"]), made["Status"])
    assert [{key: made[key] for key in ("UserName", "AccessKeyId", "Status", "CreateDate")}] == listed


def test_a_user_has_two_keys_at_most(iam: Any) -> None:
    iam.create_user(UserName="ann")
    for _ in range(2):
        iam.create_access_key(UserName="ann")

    assert ("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", 409) == refused(
        iam.create_access_key, UserName="ann"
    )


def test_a_key_that_is_off_signs_nothing_until_it_is_on(account: Account, iam: Any) -> None:
    client = user_client(account, iam, "sts", "ann")
    key = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Inactive")
    off = refused(client.get_caller_identity)
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Active")
    client.get_caller_identity()
    iam.delete_access_key(UserName="ann", AccessKeyId=key)

    assert ("InvalidClientTokenId", "The security token included in the request is invalid.", 403) == off
    assert off == refused(client.get_caller_identity)


def test_another_users_key_cannot_be_touched_through_a_name(account: Account, iam: Any) -> None:
    iam.create_user(UserName="ann")
    wanted = ("NoSuchEntity", f"The Access Key with id {account.key_id} cannot be found.", 404)

    assert wanted == refused(iam.delete_access_key, UserName="ann", AccessKeyId=account.key_id)
    assert wanted == refused(iam.update_access_key, UserName="ann", AccessKeyId=account.key_id, Status="Inactive")


def test_when_a_key_was_last_used_is_known(account: Account, iam: Any) -> None:
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    before = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])

    sts = account.client(
        "sts", "eu-west-1", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )
    sts.get_caller_identity()
    deadline = time.monotonic() + 5
    while (
        "LastUsedDate"
        not in (after := iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"]))["AccessKeyLastUsed"]
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert {"ServiceName": "N/A", "Region": "N/A"} == before["AccessKeyLastUsed"]
    assert ("ann", "sts", "eu-west-1") == (
        after["UserName"],
        after["AccessKeyLastUsed"]["ServiceName"],
        after["AccessKeyLastUsed"]["Region"],
    )
    assert "NoSuchEntity" == refused(iam.get_access_key_last_used, AccessKeyId="AKIAQAAAAAAAAAAAAAAA")[0]


def test_a_policy_counts_from_the_moment_it_is_put_until_it_is_deleted(account: Account, iam: Any) -> None:
    secrets = user_client(account, iam, "secretsmanager", "ann")
    denied = refused(secrets.list_secrets)
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy(LIST_SECRETS))
    assert [] == secrets.list_secrets()["SecretList"]
    iam.delete_user_policy(UserName="ann", PolicyName="p")

    assert denied == refused(secrets.list_secrets)
    assert "AccessDeniedException" == denied[0]
    assert denied[1].startswith(
        f"User: arn:aws:iam::{account.id}:user/ann is not authorized to perform: secretsmanager:ListSecrets"
    )


def test_a_policy_is_answered_as_it_was_given(iam: Any) -> None:
    iam.create_user(UserName="ann")
    text = '{\n  "Version": "2012-10-17", "Statement": {"Effect":"Allow","Action":"kms:*","Resource":"*"} }'
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=text)
    answer = iam.get_user_policy(UserName="ann", PolicyName="p")

    assert ("ann", "p", json.loads(text)) == (
        answer["UserName"],
        answer["PolicyName"],
        answer["PolicyDocument"],
    )
    assert ["p"] == iam.list_user_policies(UserName="ann")["PolicyNames"]


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("{}", "Syntax errors in policy."),
        ("not json", "Syntax errors in policy."),
        (
            policy({"Effect": "Allow", "Action": [], "Resource": "*"}),
            "Policy statement must contain actions.",
        ),
        (policy({"Effect": "Allow", "Action": "a:b"}), "Policy statement must contain resources."),
        (policy({**LIST_SECRETS, "Principal": "*"}), "Policy document should not specify a principal."),
        (
            json.dumps({"Version": "2008-10-17", "Statement": LIST_SECRETS}),
            "Policy document must be version 2012-10-17 or greater.",
        ),
    ],
)
def test_what_is_no_policy_is_refused(iam: Any, document: str, text: str) -> None:
    iam.create_user(UserName="ann")

    assert ("MalformedPolicyDocument", text, 400) == refused(
        iam.put_user_policy, UserName="ann", PolicyName="p", PolicyDocument=document
    )


def test_inline_policies_of_a_user_may_not_be_too_large(iam: Any) -> None:
    iam.create_user(UserName="ann")
    large = policy({**LIST_SECRETS, "Resource": ["arn:aws:kms:*:*:" + "x" * 1900]})
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=large)
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=large)

    assert ("LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user ann", 409) == refused(
        iam.put_user_policy, UserName="ann", PolicyName="q", PolicyDocument=large
    )


def test_a_policy_that_is_not_there_cannot_be_found(iam: Any) -> None:
    iam.create_user(UserName="ann")
    wanted = ("NoSuchEntity", "The user policy with name p cannot be found.", 404)

    assert wanted == refused(iam.get_user_policy, UserName="ann", PolicyName="p")
    assert wanted == refused(iam.delete_user_policy, UserName="ann", PolicyName="p")


def test_who_may_nothing_is_told_what_they_may_not(account: Account, iam: Any) -> None:
    """Source: facts, iam, section 9: the resource as AWS prints it, the same whether it is there or not."""
    client = user_client(account, iam, "iam", "ann")
    user = f"arn:aws:iam::{account.id}:user/"

    def said(action: str, resource: str) -> tuple[str, str, int]:
        text = (
            f"User: {user}ann is not authorized to perform: iam:{action} on resource: {resource} "
            f"because no identity-based policy allows the iam:{action} action"
        )
        return "AccessDenied", text, 403

    assert said("GetUser", "user admin") == refused(client.get_user, UserName="admin")
    assert said("GetUser", "user nobody") == refused(client.get_user, UserName="nobody")
    assert said("CreateUser", f"{user}bob") == refused(client.create_user, UserName="bob")
    assert said("ListUsers", user) == refused(client.list_users)
    assert said("CreateAccessKey", "user ann") == refused(client.create_access_key)
    assert said("GetPolicy", f"policy {POLICY_ELSEWHERE}") == refused(client.get_policy, PolicyArn=POLICY_ELSEWHERE)


def test_a_policy_may_speak_of_paths_and_of_the_caller(account: Account, iam: Any) -> None:
    own = {
        "Effect": "Allow",
        "Action": "iam:*",
        "Resource": f"arn:aws:iam::{account.id}:user/${{aws:username}}",
    }
    team = {
        "Effect": "Allow",
        "Action": "iam:CreateUser",
        "Resource": f"arn:aws:iam::{account.id}:user/team/*",
    }
    client = user_client(account, iam, "iam", "ann", own=policy(own, team))

    client.create_access_key()
    client.create_user(UserName="bob", Path="/team/")
    assert "AccessDenied" == refused(client.create_user, UserName="carl")[0]
    assert "AccessDenied" == refused(client.get_user, UserName="admin")[0]


def test_tags_at_birth_need_a_permission_of_their_own(account: Account, iam: Any) -> None:
    create = {"Effect": "Allow", "Action": "iam:CreateUser", "Resource": "*"}
    client = user_client(account, iam, "iam", "ann", create=policy(create))

    code, text, _ = refused(client.create_user, UserName="bob", Tags=[{"Key": "a", "Value": "b"}])
    assert "AccessDenied" == code
    assert "iam:TagUser" in text
    assert "NoSuchEntity" == refused(iam.get_user, UserName="bob")[0]


def test_conditions_on_tags_of_requests_and_of_users_hold(account: Account, iam: Any) -> None:
    make = {
        "Effect": "Allow",
        "Action": ["iam:CreateUser", "iam:TagUser"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:RequestTag/Team": "blue"},
            "ForAllValues:StringEquals": {"aws:TagKeys": "Team"},
        },
    }
    delete = {
        "Effect": "Allow",
        "Action": "iam:DeleteUser",
        "Resource": "*",
        "Condition": {"StringEquals": {"iam:ResourceTag/Team": "blue", "aws:ResourceTag/Team": "blue"}},
    }
    client = user_client(account, iam, "iam", "ann", p=policy(make, delete))
    client.create_user(UserName="bob", Tags=[{"Key": "Team", "Value": "blue"}])

    assert "AccessDenied" == refused(client.create_user, UserName="c", Tags=[{"Key": "Team", "Value": "red"}])[0]
    assert "AccessDenied" == refused(client.create_user, UserName="c")[0]
    assert "AccessDenied" == refused(client.delete_user, UserName="ann")[0]
    client.delete_user(UserName="bob")


def test_accounts_do_not_see_each_other(strongroom: Any, iam: Any) -> None:
    iam.create_user(UserName="ann")
    other = strongroom.account().client("iam")

    assert ["admin"] == [user["UserName"] for user in other.list_users()["Users"]]
    other.create_user(UserName="ann")


def test_an_operation_that_is_not_offered_says_so(iam: Any) -> None:
    code, text, status = refused(iam.create_service_linked_role, AWSServiceName="x.amazonaws.com")

    assert ("InvalidAction", 400) == (code, status)
    assert "need no service-linked roles" in text
