"""Words for tests of condition keys: who tries what, under a policy that allows it on one condition alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from tests.inprocess import Account

DENIED = {"AccessDenied", "AccessDeniedException"}
Condition = dict[str, dict[str, Any]]


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def keys_of(given: dict[str, Any]) -> dict[str, str]:
    """Temporary credentials as a client takes them."""
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


@dataclass
class World:
    """One account: a secret, a key and an alias that everything is tried on, and a user and a role that try."""

    account: Account
    function: str = ""
    mfa_keys: dict[str, str] = field(default_factory=dict)
    names: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    def __post_init__(self) -> None:
        self.iam = self.account.client("iam")
        self.admin = self.account.client("secretsmanager")
        self.kms = self.account.client("kms")
        tag = [{"Key": "Team", "Value": "blue"}]
        self.secret: str = self.admin.create_secret(Name="s", SecretString="one", Tags=tag)["ARN"]
        self.version: str = self.admin.describe_secret(SecretId="s")["VersionIdsToStages"].popitem()[0]
        key = self.kms.create_key(Tags=[{"TagKey": "Team", "TagValue": "blue"}])["KeyMetadata"]
        self.key: str = key["Arn"]
        self.kms.create_alias(AliasName="alias/k", TargetKeyId=self.key)
        self.iam.create_user(UserName="ann", Path="/team/", Tags=tag)
        self.user_keys = self._keys("ann")
        self.user_id: str = self.iam.get_user(UserName="ann")["User"]["UserId"]
        trust = {
            "Effect": "Allow",
            "Principal": {"AWS": self.account.id},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
        trust["Action"] += ["sts:SetSourceIdentity"]  # type: ignore[operator]
        made = self.iam.create_role(RoleName="r", AssumeRolePolicyDocument=document(trust), Tags=tag)["Role"]
        self.role: str = made["Arn"]
        self.role_id: str = made["RoleId"]
        serving = {"Effect": "Allow", "Principal": {"Service": "secretsmanager.amazonaws.com"}}
        self.rotator: str = self.iam.create_role(
            RoleName="rotator", AssumeRolePolicyDocument=document({**serving, "Action": "sts:AssumeRole"})
        )["Role"]["Arn"]
        given = self.account.client("sts").assume_role(
            RoleArn=self.role, RoleSessionName="night", SourceIdentity="source"
        )["Credentials"]
        self.role_keys = keys_of(given)

    def _keys(self, name: str) -> dict[str, str]:
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    def name(self) -> str:
        """A name that was not used yet."""
        return f"n{next(self.names)}"

    def answer(self, row: Row, condition: Condition) -> str:
        """What the row's call comes to when it is allowed on this condition alone: empty, or an error's code."""
        condition = json.loads(
            json.dumps(condition)
            .replace("SECRET", self.secret)
            .replace("VERSION", self.version)
            .replace("KEYARN", self.key)
            .replace("ACCOUNT", self.account.id)
            .replace("USERID", self.user_id)
            .replace("ROLEID", self.role_id)
        )
        actions = row.actions if isinstance(row.actions, list) else [row.actions]
        asked = {"Effect": "Allow", "Action": actions[:1], "Resource": "*", "Condition": condition}
        rest = [{"Effect": "Allow", "Action": actions[1:], "Resource": "*"}] if actions[1:] else []
        if row.by == "user":
            self.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document(asked, *rest))
        else:
            self.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document(asked, *rest))
        keys = self.user_keys if row.by == "user" else self.role_keys
        service = actions[0].partition(":")[0]
        if actions[0] == "iam:PassRole":  # a permission beside that of the operation
            service = actions[1].partition(":")[0]
        client = self.account.client(service, **keys)
        try:
            row.ask(client, self)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""


@dataclass(frozen=True)
class Row:
    """One key: who asks for what, the condition that its value meets, and one that it does not."""

    key: str
    actions: str | list[str]
    ask: Callable[[Any, World], Any]
    meets: Condition
    misses: Condition
    by: str = "user"

    def __str__(self) -> str:
        action = self.actions if isinstance(self.actions, str) else self.actions[0]
        return f"{self.key} {action} {next(iter(self.meets))} {self.by}"


def equals(key: str, value: Any, other: Any = "something else") -> tuple[Condition, Condition]:
    return {"StringEquals": {key: value}}, {"StringEquals": {key: other}}


def flag(key: str, value: bool) -> tuple[Condition, Condition]:
    return {"Bool": {key: str(value).lower()}}, {"Bool": {key: str(not value).lower()}}


def absent(key: str) -> tuple[Condition, Condition]:
    return {"Null": {key: "true"}}, {"Null": {key: "false"}}


def iso(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(client: Any, world: World) -> Any:
    return client.get_secret_value(SecretId=world.secret)


READ = "secretsmanager:GetSecretValue"
TAG = [{"Key": "Team", "Value": "blue"}]
YEAR_AGO, IN_A_YEAR = iso(-365), iso(365)
EPOCH = int(datetime.now(UTC).timestamp())
