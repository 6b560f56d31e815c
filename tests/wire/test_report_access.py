"""``strongroom report access``: each of its five findings, with stock clients and a clock that is moved."""

from __future__ import annotations

import argparse
import json
import re
import stat
import time
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.functions import packing
from tests.inprocess import Account, InProcess
from tests.wire.conftest import opened
from tests.wire.local import ask
from tests.wire.test_secretsmanager_policies import allow, user

from strongroom.cli import report
from strongroom.cli.client import Client, Keys
from strongroom.server.parts import StartRefused

DAYS = 86400
BAIT = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def strongroom(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server of its own: its clock is moved by months."""
    with opened(request, tmp_path_factory.mktemp("reports")) as server:
        yield server


def told(account: Account, days: int = 90, keys: dict[str, str] | None = None) -> dict[str, Any]:
    """The whole report, as the command gathers it."""
    given = keys or {"aws_access_key_id": account.key_id, "aws_secret_access_key": account.secret}
    signing = Keys(given["aws_access_key_id"], given["aws_secret_access_key"], given.get("aws_session_token"))
    until = time.monotonic() + 120
    while True:
        made = report.gathered(Client(account.url, "us-east-1", signing, None), days * DAYS)
        # A busy machine's index may be behind, as the report then says.
        if not made.get("RecordsBehind") or time.monotonic() > until:
            return made


def found(account: Account, kind: str, days: int = 90) -> dict[str, dict[str, Any]]:
    """The findings of a kind, by name."""
    return {one["Name"]: one for one in told(account, days)["Findings"] if one["Kind"] == kind}


def test_secrets_that_nobody_read_for_so_long_are_told(account: Account, strongroom: InProcess) -> None:
    secrets = account.client("secretsmanager")
    for name in ("never", "once", "lately"):
        secrets.create_secret(Name=name, SecretString="canary-of-the-report", Description=f"the {name} one")
    secrets.get_secret_value(SecretId="once")
    strongroom.advance(timedelta(days=100))
    secrets.get_secret_value(SecretId="lately")
    secrets.create_secret(Name="new", SecretString="canary-of-the-report")

    unused = found(account, "UnusedSecret")
    assert {"never", "once"} == set(unused)
    assert "LastUsed" not in unused["never"] and "LastUsed" in unused["once"]
    assert "the never one" == unused["never"]["Description"]
    assert {} == found(account, "UnusedSecret", days=150)
    assert "canary-of-the-report" not in json.dumps(unused)


def test_principals_that_made_no_call_for_so_long_are_told(account: Account, strongroom: InProcess) -> None:
    ann, _ = user(account, "ann", allow("secretsmanager:ListSecrets")), user(account, "idle")
    role(account, "worker", allow("secretsmanager:ListSecrets"))
    role(account, "sleeper")
    once = user(account, "once", allow("secretsmanager:ListSecrets"))
    account.client("secretsmanager", **once).list_secrets()
    strongroom.advance(timedelta(days=100))
    account.client("secretsmanager", **ann).list_secrets()
    account.client("secretsmanager", **session(account, "worker")).list_secrets()

    unused = found(account, "UnusedPrincipal")
    assert {"idle", "sleeper", "once"} == set(unused)
    assert f"arn:aws:iam::{account.id}:role/sleeper" == unused["sleeper"]["Resource"]
    assert "LastUsed" not in unused["idle"] and "LastUsed" in unused["once"]
    assert {} == found(account, "UnusedPrincipal", days=150)


def test_a_user_whose_calls_are_all_refused_is_in_use(account: Account, strongroom: InProcess) -> None:
    keys = user(account, "refused")
    strongroom.advance(timedelta(days=100))
    session_keys = taken(account.client("sts", **keys).get_session_token()["Credentials"])
    with pytest.raises(Exception, match="not authorized"):
        account.client("secretsmanager", **session_keys).list_secrets()

    assert "refused" not in found(account, "UnusedPrincipal")


def test_permissions_never_used_are_told_by_service_and_policy(account: Account, strongroom: InProcess) -> None:
    secrets = account.client("secretsmanager")
    key = account.client("kms").create_key()["KeyMetadata"]["KeyId"]
    secrets.create_secret(Name="db", SecretString="x", KmsKeyId=key)
    ann = user(account, "ann", allow("secretsmanager:*Secret*", "kms:Decrypt", "kms:Encrypt", "s3:GetObject"))
    limit = {"Effect": "Deny", "Action": "secretsmanager:DeleteSecret", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [limit]})
    account.client("iam").put_user_policy(UserName="ann", PolicyName="limit", PolicyDocument=document)
    strongroom.advance(timedelta(days=100))
    client = account.client("secretsmanager", **ann)
    client.get_secret_value(SecretId="db")
    client.create_secret(Name="other", SecretString="x")
    with pytest.raises(Exception, match="not authorized"):
        client.untag_resource(SecretId="db", TagKeys=["a"])

    unused = {
        one["Service"]: one
        for one in told(account)["Findings"]
        if one["Kind"] == "UnusedPermissions" and one["Name"] == "ann"
    }
    assert {"secretsmanager", "kms"} == set(unused)
    assert ["kms:Encrypt"] == unused["kms"]["Permissions"], "Decrypt was used on her behalf"
    never = unused["secretsmanager"]["Permissions"]
    assert {"secretsmanager:UpdateSecret", "secretsmanager:PutSecretValue"} <= set(never)
    assert not {"GetSecretValue", "CreateSecret", "DeleteSecret"} & {one.partition(":")[2] for one in never}
    assert 2 == unused["secretsmanager"]["Used"]
    assert ["inline:p"] == unused["secretsmanager"]["Policies"]


def test_a_permission_that_is_asked_beside_another_counts_as_used(account: Account, strongroom: InProcess) -> None:
    role(account, "runner", trusted={"Service": "lambda.amazonaws.com"})
    ann = user(account, "ann", allow("secretsmanager:CreateSecret", "secretsmanager:TagResource", "iam:PassRole"),
               allow("lambda:CreateFunction"))  # fmt: skip
    strongroom.advance(timedelta(days=100))
    account.client("secretsmanager", **ann).create_secret(
        Name="tagged", SecretString="x", Tags=[{"Key": "team", "Value": "a"}]
    )
    account.client("lambda", **ann).create_function(
        FunctionName=f"f-{account.id}", Role=f"arn:aws:iam::{account.id}:role/runner", Runtime="python3.11",
        Handler="app.handler", Code={"ZipFile": packing.zipped({"app.py": packing.ECHO})},
    )  # fmt: skip

    assert [] == [
        one for one in told(account)["Findings"] if one["Kind"] == "UnusedPermissions" and one["Name"] == "ann"
    ]


def test_permissions_are_told_of_who_bears_a_name_now(account: Account, strongroom: InProcess) -> None:
    iam = account.client("iam")
    for _ in range(2):
        role(account, "again", allow("secretsmanager:ListSecrets", "secretsmanager:GetRandomPassword"))
        account.client("secretsmanager", **session(account, "again")).list_secrets()
        iam.delete_role_policy(RoleName="again", PolicyName="p")
        iam.delete_role(RoleName="again")
    role(account, "again", allow("secretsmanager:ListSecrets", "secretsmanager:GetRandomPassword"))
    strongroom.advance(timedelta(days=100))
    account.client("secretsmanager", **session(account, "again")).get_random_password()

    assert [["secretsmanager:ListSecrets"]] == [
        one["Permissions"]
        for one in told(account)["Findings"]
        if one["Kind"] == "UnusedPermissions" and one["Name"] == "again"
    ]


def test_a_rotation_that_should_have_been_is_told(account: Account, strongroom: InProcess) -> None:
    function = packing.make_function(account, "rotator", packing.ECHO)["FunctionArn"]
    given = {"Action": "lambda:InvokeFunction", "Principal": "secretsmanager.amazonaws.com"}
    account.client("lambda").add_permission(FunctionName="rotator", StatementId="one", **given)
    secrets = account.client("secretsmanager")
    for name in ("late", "off", "early"):
        secrets.create_secret(Name=name, SecretString="x")
    for name, days in (("late", 10), ("off", 10), ("early", 900)):
        secrets.rotate_secret(
            SecretId=name, RotationLambdaARN=function, RotateImmediately=False,
            RotationRules={"AutomaticallyAfterDays": days},
        )  # fmt: skip
    secrets.cancel_rotate_secret(SecretId="off")
    strongroom.advance(timedelta(days=30))

    overdue = found(account, "OverdueRotation")
    assert {"late"} == set(overdue)
    assert overdue["late"]["Due"] < told(account)["Now"]


def test_keys_near_deletion_are_told_with_what_depends_on_them(account: Account) -> None:
    kms, secrets = account.client("kms"), account.client("secretsmanager")
    going, staying = (kms.create_key(Description=BAIT)["KeyMetadata"]["KeyId"] for _ in range(2))
    for name in ("a", "b"):
        secrets.create_secret(Name=name, SecretString="x", KmsKeyId=going)
    kms.schedule_key_deletion(KeyId=going, PendingWindowInDays=7)

    near = found(account, "KeyNearDeletion")
    assert {going} == set(near) and staying not in near
    assert ("PendingDeletion", 2) == (near[going]["State"], near[going]["Dependents"])
    assert near[going]["Due"] > told(account)["Now"]


def test_asking_needs_its_own_permission_and_another_account_is_not_told(
    account: Account, strongroom: InProcess
) -> None:
    account.client("secretsmanager").create_secret(Name="db", SecretString="x")
    other = strongroom.account()
    strongroom.advance(timedelta(days=100))
    with pytest.raises(StartRefused, match="strongroom:ReportRead"):
        told(account, keys=user(account, "eve", allow("secretsmanager:*", "iam:*", "kms:*")))

    assert told(account, keys=user(account, "auditor", allow("strongroom:ReportRead")))["Findings"]
    assert [] == [one for one in told(other)["Findings"] if one["Kind"] == "UnusedSecret"]


def test_long_reports_come_in_pages(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    from strongroom.services.local import reports  # noqa: PLC0415

    iam = account.client("iam")
    for number in range(7):
        iam.create_user(UserName=f"u{number}")
        account.client("secretsmanager").create_secret(Name=f"s{number}", SecretString="x")
    monkeypatch.setattr(reports, "PAGE", 3)
    first = ask(account, "POST", "/_strongroom/report/access", {"Part": "principals"})
    whole = told(account)

    assert 3 == first["LookedAt"] and first["After"].endswith(":user/u1")
    assert (7, 8) == (whole["LookedAt"]["secrets"], whole["LookedAt"]["principals"])
    assert whole["Complete"] and not whole["RecordsBehind"]
    with pytest.raises(StartRefused):
        ask(account, "POST", "/_strongroom/report/access", {"Part": "secrets", "After": "made up"})


# ---------------------------------------------------------------------- how it is written


def written(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str, unused_for: str = "90d"
) -> str:
    """What the command writes into its file."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", account.secret)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    file = tmp_path / f"access.{form}"
    file.write_text("an older one")
    given = {"data": str(tmp_path), "endpoint": account.url, "format": form, "output": str(file)}
    assert 0 == report.run(argparse.Namespace(about="access", unused_for=unused_for, **given))
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    return file.read_text()


class Seen(HTMLParser):
    """The tags and attributes of a page as a browser reads them, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_no_text_of_a_caller_becomes_part_of_the_page(
    account: Account, strongroom: InProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account.client("secretsmanager").create_secret(Name="db", SecretString="x", Description=BAIT)
    key = account.client("kms").create_key(Description=BAIT)["KeyMetadata"]["KeyId"]
    account.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=30)
    strongroom.advance(timedelta(days=2))
    page = written(account, monkeypatch, tmp_path, "html", "1d")
    seen = Seen(page)

    assert 2 == seen.text.count(BAIT), "shown as what it is"
    assert not {"script", "img", "link", "iframe", "a", "form", "object"} & seen.tags
    assert not [name for name in seen.attributes if name.startswith("on") or name in {"src", "href"}]
    assert "default-src 'none'" in page and re.search(r"https?://|url\(|@import", page) is None


def test_text_and_json_tell_the_same_and_give_a_terminal_no_orders(
    account: Account, strongroom: InProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account.client("secretsmanager").create_secret(Name="db", SecretString="x", Description="a\x1b[31mb")
    strongroom.advance(timedelta(days=3))
    as_json = json.loads(written(account, monkeypatch, tmp_path, "json", "2d"))
    text = written(account, monkeypatch, tmp_path, "text", "2d")

    assert account.id == as_json["Account"]
    (secret,) = (one for one in as_json["Findings"] if one["Kind"] == "UnusedSecret")
    assert secret["Created"].endswith("Z") and secret["Created"] in text
    assert "Unused secrets: 1\n  db\n      last read: never" in text
    assert "\x1b" not in text and "a?[31mb" in text


# ---------------------------------------------------------------------- principals of the tests


def role(account: Account, name: str, *statements: dict[str, Any], trusted: Any = None) -> None:
    """A role that the account (or whom it trusts) may take, with these statements."""
    trust = {"Effect": "Allow", "Principal": trusted or {"AWS": account.id}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = account.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    if statements:
        rights = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=rights)


def session(account: Account, name: str) -> dict[str, str]:
    """The credentials of a session of a role."""
    arn = f"arn:aws:iam::{account.id}:role/{name}"
    return taken(account.client("sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"])


def taken(credentials: dict[str, str]) -> dict[str, str]:
    """Credentials as clients take them."""
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
