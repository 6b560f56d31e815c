"""Simulated decisions, and everything of an account at once, with stock boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess
from tests.wire.test_sts import policy, refused, trust

READ = "secretsmanager:GetSecretValue"
SECRET = "arn:aws:secretsmanager:us-east-1:{}:secret:a-AbCdEf"


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": READ, "Resource": "*"} | more


@pytest.fixture
def iam(account: Account) -> Any:
    return account.client("iam")


def test_policies_given_are_simulated_with_the_statement_that_matched(iam: Any) -> None:
    text = '{"Version": "2012-10-17",\n "Statement": [\n  ' + json.dumps(allow()) + "]}"

    (result,) = iam.simulate_custom_policy(PolicyInputList=[text], ActionNames=[READ])["EvaluationResults"]

    assert (READ, "*", "allowed") == (
        result["EvalActionName"],
        result["EvalResourceName"],
        result["EvalDecision"],
    )
    (matched,) = result["MatchedStatements"]
    assert "PolicyInputList.1" == matched["SourcePolicyId"]
    assert {"Line": 3, "Column": 3} == matched["StartPosition"]
    assert {"Line": 3, "Column": 3 + len(json.dumps(allow()))} == matched["EndPosition"]


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        ([allow()], "allowed"),
        ([allow(Action="s3:*")], "implicitDeny"),
        ([allow(), allow(Effect="Deny")], "explicitDeny"),
        ([allow(Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})], "allowed"),
        ([allow(Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}})], "implicitDeny"),
        ([allow(Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}})], "allowed"),
        ([allow(Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}})], "implicitDeny"),
    ],
)
def test_the_three_words_of_a_decision(iam: Any, statements: list[dict[str, Any]], decision: str) -> None:
    entries = [
        {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": ["eu-west-1"], "ContextKeyType": "string"},
        {"ContextKeyName": "aws:TagKeys", "ContextKeyValues": ["a", "b"], "ContextKeyType": "stringList"},
    ]
    (result,) = iam.simulate_custom_policy(
        PolicyInputList=[policy(*statements)], ActionNames=[READ], ContextEntries=entries
    )["EvaluationResults"]

    assert decision == result["EvalDecision"]


def test_keys_without_a_value_are_named(iam: Any) -> None:
    condition = {"StringEquals": {"aws:SourceVpc": "v"}}
    text = policy(allow(Condition=condition, Resource="arn:aws:secretsmanager:*:*:secret:${aws:username}*"))

    (result,) = iam.simulate_custom_policy(PolicyInputList=[text], ActionNames=[READ])["EvaluationResults"]
    assert ["aws:SourceVpc", "aws:username"] == result["MissingContextValues"]
    assert {"aws:SourceVpc", "aws:username"} == set(
        iam.get_context_keys_for_custom_policy(PolicyInputList=[text])["ContextKeyNames"]
    )


def test_a_boundary_and_a_resource_policy_have_their_say(account: Account, iam: Any) -> None:
    secret = SECRET.format(account.id)
    boundary = policy(allow(Action="s3:*"))
    (bounded,) = iam.simulate_custom_policy(
        PolicyInputList=[policy(allow())], PermissionsBoundaryPolicyInputList=[boundary], ActionNames=[READ]
    )["EvaluationResults"]
    assert "implicitDeny" == bounded["EvalDecision"]
    assert not bounded["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"]

    ann = f"arn:aws:iam::{account.id}:user/ann"
    own = {"Effect": "Allow", "Principal": {"AWS": ann}, "Action": READ, "Resource": "*"}
    (named,) = iam.simulate_custom_policy(
        PolicyInputList=[policy(allow(Action="s3:*"))],
        ResourcePolicy=policy(own),
        CallerArn=ann,
        ActionNames=[READ],
        ResourceArns=[secret],
    )["EvaluationResults"]
    assert ("allowed", "resource") == (
        named["EvalDecision"],
        named["MatchedStatements"][0]["SourcePolicyType"],
    )


def test_what_is_simulated_for_a_user_is_what_happens(account: Account, iam: Any) -> None:
    arn = account.client("secretsmanager").create_secret(Name="a", SecretString="x")["ARN"]
    iam.create_user(UserName="ann", Tags=[{"Key": "team", "Value": "red"}])
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    client = account.client(
        "secretsmanager",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    ann = f"arn:aws:iam::{account.id}:user/ann"
    for statements in (
        [allow()],
        [allow(Action="secretsmanager:List*")],
        [allow(), allow(Effect="Deny", Resource=arn)],
        [allow(Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}})],
        [allow(Condition={"StringEquals": {"aws:username": "bob"}})],
    ):
        iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy(*statements))
        (result,) = iam.simulate_principal_policy(PolicySourceArn=ann, ActionNames=[READ], ResourceArns=[arn])[
            "EvaluationResults"
        ]
        try:
            client.get_secret_value(SecretId="a")
            happened = True
        except ClientError:
            happened = False
        assert happened is (result["EvalDecision"] == "allowed"), statements


def test_the_policies_of_groups_and_managed_ones_are_named_as_such(account: Account, iam: Any) -> None:
    iam.create_user(UserName="ann")
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="ann")
    iam.put_group_policy(GroupName="g", PolicyName="of-group", PolicyDocument=policy(allow()))
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/SecretsManagerReadWrite")
    own = iam.create_policy(PolicyName="own", PolicyDocument=policy(allow()))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="ann", PolicyArn=own)

    (result,) = iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{account.id}:user/ann", ActionNames=[READ]
    )["EvaluationResults"]

    assert {("of-group", "group"), ("SecretsManagerReadWrite", "aws-managed"), ("own", "user-managed")} == {
        (one["SourcePolicyId"], one["SourcePolicyType"]) for one in result["MatchedStatements"]
    }


def test_results_come_in_pages(iam: Any) -> None:
    actions = [f"secretsmanager:Action{at}" for at in range(7)]
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[policy(allow())], ActionNames=actions, PaginationConfig={"PageSize": 3}
    )

    assert actions == [one["EvalActionName"] for page in pages for one in page["EvaluationResults"]]


def test_what_cannot_be_simulated_is_refused(account: Account, iam: Any) -> None:
    assert "InvalidInput" == refused(iam.simulate_custom_policy, PolicyInputList=["{}"], ActionNames=[READ])[0]
    one = {"PolicyInputList": [policy(allow())]}
    assert "InvalidInput" == refused(iam.simulate_custom_policy, ActionNames=["secretsmanager:*"], **one)[0]
    nobody = f"arn:aws:iam::{account.id}:user/nobody"
    assert "NoSuchEntity" == refused(iam.simulate_principal_policy, PolicySourceArn=nobody, ActionNames=[READ])[0]


# ---------------------------------------------------------------------- GetAccountAuthorizationDetails


def filled(account: Account) -> Any:
    """An account with one of everything; its IAM client."""
    iam = account.client("iam")
    own = iam.create_policy(PolicyName="own", PolicyDocument=policy(allow()))["Policy"]["Arn"]
    iam.create_user(UserName="ann", Tags=[{"Key": "team", "Value": "red"}])
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="ann")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": account.id}))
    for noun, name in (("user", "ann"), ("group", "g"), ("role", "r")):
        holder = {f"{noun.title()}Name": name}
        getattr(iam, f"put_{noun}_policy")(PolicyName="p", PolicyDocument=policy(allow()), **holder)
        getattr(iam, f"attach_{noun}_policy")(PolicyArn=own, **holder)
    return iam


def test_the_whole_account_is_told_with_documents(account: Account) -> None:
    iam = filled(account)

    told = iam.get_account_authorization_details()

    ann = next(one for one in told["UserDetailList"] if one["UserName"] == "ann")
    assert (["g"], [{"Key": "team", "Value": "red"}]) == (ann["GroupList"], ann["Tags"])
    (group,), (role,) = told["GroupDetailList"], told["RoleDetailList"]
    for holder, noun in ((ann, "User"), (group, "Group"), (role, "Role")):
        assert READ == holder[f"{noun}PolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"]
        assert ["own"] == [one["PolicyName"] for one in holder["AttachedManagedPolicies"]]
    assert "sts:AssumeRole" == role["AssumeRolePolicyDocument"]["Statement"][0]["Action"]
    by_name = {one["PolicyName"]: one for one in told["Policies"]}
    assert {"own", "AdministratorAccess"} == set(by_name)
    assert by_name["own"]["PolicyVersionList"][0]["IsDefaultVersion"]


def test_details_can_be_filtered_and_come_in_pages_over_all_lists(account: Account) -> None:
    iam = filled(account)
    only = iam.get_account_authorization_details(Filter=["Role"])
    assert (["r"], [], []) == (
        [one["RoleName"] for one in only["RoleDetailList"]],
        only["UserDetailList"],
        only["Policies"],
    )

    names = []
    for page in iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 2}):
        items = [
            *page["UserDetailList"], *page["GroupDetailList"], *page["RoleDetailList"], *page["Policies"]
        ]  # fmt: skip
        assert len(items) <= 2
        names += [
            one.get("UserName") or one.get("GroupName") or one.get("RoleName") or one["PolicyName"] for one in items
        ]
    assert ["admin", "ann", "g", "r", "own", "AdministratorAccess"] == names


def test_nothing_of_another_account_is_simulated_or_listed(strongroom: InProcess, account: Account) -> None:
    filled(account)
    other = strongroom.account().client("iam")

    assert (
        "NoSuchEntity"
        == refused(
            other.simulate_principal_policy,
            PolicySourceArn=f"arn:aws:iam::{account.id}:user/ann",
            ActionNames=[READ],
        )[0]
    )
    assert account.id not in json.dumps(other.get_account_authorization_details(), default=str)
