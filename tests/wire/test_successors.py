"""Who bears a name later is let in by no policy that named the one before: keys, secrets and roles alike.

Source: IAM User Guide, "AWS JSON policy elements: Principal" (facts: iam, section 1).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.functions import packing
from tests.inprocess import Account, InProcess

DENIED = {"AccessDenied", "AccessDeniedException"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def code_of(ask: Callable[[], Any]) -> str:
    """The error code of a refusal; empty where it was granted."""
    try:
        ask()
    except ClientError as refused:
        return str(refused.response["Error"]["Code"])
    return ""


class Resource:
    """Something with a policy of its own: put, shown, and used by whom the policy names."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.make()

    def make(self) -> None:
        raise NotImplementedError

    def put(self, *principals: str) -> None:
        raise NotImplementedError

    def shown(self) -> list[str]:
        raise NotImplementedError

    def use(self, keys: dict[str, str]) -> str:
        raise NotImplementedError

    def client(self, service: str, **keys: str) -> Any:
        return self.account.client(service, **keys)


def named_in(policy: Any) -> list[str]:
    document = json.loads(policy) if isinstance(policy, str) else policy
    return [one for statement in document["Statement"] for one in _listed(statement["Principal"]["AWS"])]


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


class Secret(Resource):
    malformed = "MalformedPolicyDocumentException"

    def make(self) -> None:
        self.client("secretsmanager").create_secret(Name="s", SecretString="x")

    def put(self, *principals: str) -> None:
        allow = {
            "Effect": "Allow",
            "Principal": {"AWS": list(principals)},
            "Action": "secretsmanager:*",
            "Resource": "*",
        }
        self.client("secretsmanager").put_resource_policy(SecretId="s", ResourcePolicy=document(allow))

    def shown(self) -> list[str]:
        return named_in(self.client("secretsmanager").get_resource_policy(SecretId="s")["ResourcePolicy"])

    def use(self, keys: dict[str, str]) -> str:
        arn = self.client("secretsmanager").describe_secret(SecretId="s")["ARN"]
        return code_of(lambda: self.client("secretsmanager", **keys).describe_secret(SecretId=arn))


class Key(Resource):
    malformed = "MalformedPolicyDocumentException"

    def make(self) -> None:
        self.key = self.client("kms").create_key()["KeyMetadata"]["Arn"]

    def put(self, *principals: str) -> None:
        allow = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "kms:Encrypt", "Resource": "*"}
        root = {"Effect": "Allow", "Principal": {"AWS": self.account.id}, "Action": "kms:*", "Resource": "*"}
        self.client("kms").put_key_policy(KeyId=self.key, Policy=document(allow, root))

    def shown(self) -> list[str]:
        return named_in(self.client("kms").get_key_policy(KeyId=self.key)["Policy"])[:-1]

    def use(self, keys: dict[str, str]) -> str:
        return code_of(lambda: self.client("kms", **keys).encrypt(KeyId=self.key, Plaintext=b"x"))


class Grant(Resource):
    """A key whose use is granted, not allowed by its policy."""

    malformed = "InvalidArnException"

    def make(self) -> None:
        self.key = self.client("kms").create_key()["KeyMetadata"]["Arn"]

    def put(self, *principals: str) -> None:
        for name in principals:
            self.client("kms").create_grant(
                KeyId=self.key, GranteePrincipal=name, RetiringPrincipal=name, Operations=["Encrypt"]
            )

    def shown(self) -> list[str]:
        listed = self.client("kms").list_grants(KeyId=self.key)["Grants"]
        assert [one["GranteePrincipal"] for one in listed] == [one["RetiringPrincipal"] for one in listed]
        return [one["GranteePrincipal"] for one in listed]

    def use(self, keys: dict[str, str]) -> str:
        return code_of(lambda: self.client("kms", **keys).encrypt(KeyId=self.key, Plaintext=b"x"))


class Function(Resource):
    """A function whose policy names who may look at it."""

    malformed = "InvalidParameterValueException"

    def make(self) -> None:
        self.function = packing.make_function(self.account, "f", packing.ECHO)["FunctionArn"]
        self.numbers = iter(range(100))

    def put(self, *principals: str) -> None:
        for name in principals:
            self.client("lambda").add_permission(
                FunctionName=self.function,
                StatementId=f"s{next(self.numbers)}",
                Action="lambda:GetFunction",
                Principal=name,
            )

    def shown(self) -> list[str]:
        return named_in(self.client("lambda").get_policy(FunctionName=self.function)["Policy"])

    def use(self, keys: dict[str, str]) -> str:
        return code_of(lambda: self.client("lambda", **keys).get_function(FunctionName=self.function))


class Trust(Resource):
    malformed = "MalformedPolicyDocument"

    def make(self) -> None:
        trust = {"Effect": "Allow", "Principal": {"AWS": self.account.id}, "Action": "sts:AssumeRole"}
        made = self.client("iam").create_role(RoleName="trusting", AssumeRolePolicyDocument=document(trust))
        self.arn = made["Role"]["Arn"]

    def put(self, *principals: str) -> None:
        trust = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
        self.client("iam").update_assume_role_policy(RoleName="trusting", PolicyDocument=document(trust))

    def shown(self) -> list[str]:
        return named_in(self.client("iam").get_role(RoleName="trusting")["Role"]["AssumeRolePolicyDocument"])

    def use(self, keys: dict[str, str]) -> str:
        sts = self.client("sts", **keys)
        return code_of(lambda: sts.assume_role(RoleArn=self.arn, RoleSessionName="ss"))


class Person:
    """A user or a role that can be made, used, renamed and made again."""

    def __init__(self, account: Account, kind: str) -> None:
        self.account, self.kind, self.iam = account, kind, account.client("iam")

    def make(self) -> dict[str, str]:
        """Made anew; its credentials."""
        if self.kind == "user":
            self.made = self.iam.create_user(UserName="bearer")["User"]
            key = self.iam.create_access_key(UserName="bearer")["AccessKey"]
            return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        trust = {"Effect": "Allow", "Principal": {"AWS": self.account.id}, "Action": "sts:AssumeRole"}
        self.made = self.iam.create_role(RoleName="bearer", AssumeRolePolicyDocument=document(trust))["Role"]
        given = self.account.client("sts").assume_role(RoleArn=self.arn, RoleSessionName="ss")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    @property
    def arn(self) -> str:
        return str(self.made["Arn"])

    @property
    def id(self) -> str:
        return str(self.made["UserId" if self.kind == "user" else "RoleId"])

    def remove(self) -> None:
        if self.kind == "user":
            for key in self.iam.list_access_keys(UserName="bearer")["AccessKeyMetadata"]:
                self.iam.delete_access_key(UserName="bearer", AccessKeyId=key["AccessKeyId"])
            self.iam.delete_user(UserName="bearer")
        else:
            self.iam.delete_role(RoleName="bearer")


RESOURCES = [Secret, Key, Grant, Function, Trust]


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("kind", ["user", "role"])
def test_a_successor_of_the_same_name_is_not_let_in(account: Account, resource: Any, kind: str) -> None:
    policy, person = resource(account), Person(account, kind)
    keys = person.make()
    assert policy.use(keys) in DENIED
    policy.put(person.arn)
    assert "" == policy.use(keys)
    assert [person.arn] == policy.shown()

    before, name = person.id, person.arn
    person.remove()
    assert [before] == policy.shown(), "who is gone is shown by id"
    keys = person.make()
    assert (name, True) == (person.arn, person.id != before)
    assert policy.use(keys) in DENIED
    assert [before] == policy.shown()
    policy.put(person.arn)
    assert "" == policy.use(keys)


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_session_of_a_successor_is_not_let_in_either(account: Account, resource: Any) -> None:
    policy, person = resource(account), Person(account, "role")
    keys = person.make()
    session = f"arn:aws:sts::{account.id}:assumed-role/bearer/ss"
    policy.put(session)
    assert "" == policy.use(keys)
    assert [session] == policy.shown()

    before = person.id
    person.remove()
    keys = person.make()
    assert policy.use(keys) in DENIED
    assert [f"{before}:ss"] == policy.shown()
    with pytest.raises(ClientError):
        policy.put(f"arn:aws:sts::{account.id}:assumed-role/nothing/ss")


def test_grants_are_found_by_whom_they_name_today(account: Account) -> None:
    grant, person = Grant(account), Person(account, "user")
    person.make()
    grant.put(person.arn)
    kms = account.client("kms")

    def found(arn: str) -> tuple[int, int]:
        listed = kms.list_grants(KeyId=grant.key, GranteePrincipal=arn)["Grants"]
        return len(listed), len(kms.list_retirable_grants(RetiringPrincipal=arn)["Grants"])

    assert (1, 1) == found(person.arn)
    account.client("iam").update_user(UserName="bearer", NewUserName="renamed")
    assert ((0, 0), (1, 1)) == (found(person.arn), found(f"arn:aws:iam::{account.id}:user/renamed"))


@pytest.mark.parametrize("resource", RESOURCES)
def test_who_is_renamed_is_still_let_in_and_shown_by_the_new_name(account: Account, resource: Any) -> None:
    policy, person = resource(account), Person(account, "user")
    keys = person.make()
    policy.put(person.arn)
    account.client("iam").update_user(UserName="bearer", NewUserName="renamed", NewPath="/new/")

    assert "" == policy.use(keys)
    assert [f"arn:aws:iam::{account.id}:user/new/renamed"] == policy.shown()
    person.iam.create_user(UserName="bearer")
    key = person.iam.create_access_key(UserName="bearer")["AccessKey"]
    squatter = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    assert policy.use(squatter) in DENIED, "nor does the old name open anything"


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize(
    "name",
    [
        "arn:aws:iam::{account}:user/nobody",
        "arn:aws:iam::{account}:role/nothing",
        "arn:aws:iam::999988887777:user/admin",
        "AIDAQQQQQQQQQQQQQQQQQ",
    ],
)
def test_who_is_not_there_cannot_be_named(account: Account, resource: Any, name: str) -> None:
    policy = resource(account)

    with pytest.raises(ClientError) as refused:
        policy.put(name.format(account=account.id))
    assert policy.malformed == refused.value.response["Error"]["Code"]


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_name_with_another_path_or_case_is_another_name(account: Account, resource: Any) -> None:
    policy = resource(account)
    account.client("iam").create_user(UserName="bearer", Path="/x/")
    for name in ("user/bearer", "user/X/bearer", "user/x/BEARER"):
        with pytest.raises(ClientError) as refused:
            policy.put(f"arn:aws:iam::{account.id}:{name}")
        assert policy.malformed == refused.value.response["Error"]["Code"]
    policy.put(f"arn:aws:iam::{account.id}:user/x/bearer")


@pytest.mark.parametrize("resource", RESOURCES)
def test_people_of_another_account_are_bound_as_well(strongroom: InProcess, account: Account, resource: Any) -> None:
    policy = resource(account)
    other = strongroom.account()
    person = Person(other, "user")
    keys = person.make()
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    person.iam.put_user_policy(UserName="bearer", PolicyName="p", PolicyDocument=document(statement))
    policy.put(person.arn)
    assert "" == policy.use(keys)

    person.iam.delete_user_policy(UserName="bearer", PolicyName="p")
    person.remove()
    keys = person.make()
    person.iam.put_user_policy(UserName="bearer", PolicyName="p", PolicyDocument=document(statement))
    assert policy.use(keys) in DENIED


def test_aws_says_whom_a_trust_policy_cannot_name(account: Account) -> None:
    name = f"arn:aws:iam::{account.id}:user/nobody"
    with pytest.raises(ClientError) as refused:
        Trust(account).put(name)

    assert f'Invalid principal in policy: "AWS":"{name}"' == refused.value.response["Error"]["Message"]


def test_a_key_is_not_made_under_a_policy_that_names_nobody(account: Account) -> None:
    allow = {"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "kms:*", "Resource": "*"}
    nobody = {**allow, "Principal": {"AWS": f"arn:aws:iam::{account.id}:role/nothing"}}

    kms = account.client("kms")
    assert "MalformedPolicyDocumentException" == code_of(lambda: kms.create_key(Policy=document(allow, nobody)))
    assert [] == kms.list_keys()["Keys"]
