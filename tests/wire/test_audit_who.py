"""``strongroom audit who``: who read a secret, by name and ARN, of which principal, since when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account
from tests.wire.local import ask
from tests.wire.test_secretsmanager_policies import allow, user

from strongroom.cli.auditwho import moment_ms, plain
from strongroom.server.parts import StartRefused

NOW = datetime(2026, 3, 15, 12, 0, 0, tzinfo=UTC)


def who(account: Account, resource: str, keys: dict[str, str] | None = None, **asked: Any) -> list[dict[str, Any]]:
    """The accesses that are told."""
    body = {"Resource": resource, **asked}
    found: list[dict[str, Any]] = ask(account, "POST", "/_strongroom/audit/who", body, **(keys or {}))["Accesses"]
    return found


def test_reads_of_a_secret_are_told_with_who_and_how_it_ended(account: Account) -> None:
    secrets = account.client("secretsmanager")
    arn = secrets.create_secret(Name="db", SecretString="canary")["ARN"]
    nobody = account.client("secretsmanager", **user(account, "eve", allow("secretsmanager:ListSecrets")))
    secrets.get_secret_value(SecretId=arn[:-7])
    secrets.batch_get_secret_value(SecretIdList=["db"])
    with pytest.raises(ClientError):
        nobody.get_secret_value(SecretId="db")

    for named in ("db", arn):
        found = who(account, named)
        assert [("eve", "AccessDenied"), ("admin", "Success"), ("admin", "Success")] == [
            (one["Principal"].rpartition("/")[2], one["Outcome"]) for one in found
        ]
        assert {arn} == {one["Resource"] for one in found}
    assert "canary" not in json.dumps(found)


def test_a_principal_and_a_time_choose(account: Account) -> None:
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name="db", SecretString="x")
    secrets.get_secret_value(SecretId="db")
    ann = user(account, "ann", allow("secretsmanager:GetSecretValue"))
    account.client("secretsmanager", **ann).get_secret_value(SecretId="db")
    now = int(datetime.now(UTC).timestamp() * 1000)

    for named in ("ann", f"arn:aws:iam::{account.id}:user/ann", ann["aws_access_key_id"]):
        assert ["ann"] == [one["Principal"].rpartition("/")[2] for one in who(account, "db", Principal=named)]
    assert [] == who(account, "db", Principal="bob")
    assert 2 == len(who(account, "db", SinceMs=now - 60_000, UntilMs=now + 60_000))
    assert [] == who(account, "db", UntilMs=now - 60_000)
    assert {"GetSecretValue", "CreateSecret"} == {one["Operation"] for one in who(account, "db", All=True)}


def test_asking_needs_its_own_permission_and_is_recorded(account: Account) -> None:
    account.client("secretsmanager").create_secret(Name="db", SecretString="x")
    with pytest.raises(StartRefused, match="strongroom:AuditRead"):
        who(account, "db", user(account, "eve", allow("secretsmanager:*")))

    assert [] == who(account, "db", user(account, "auditor", allow("strongroom:AuditRead")))
    events = account.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": "strongroom"}]
    )["Events"]
    assert ["auditor", "eve"] == [event["Username"] for event in events if event["EventName"] == "WhoAccessed"]


def test_another_accounts_secret_of_the_same_name_is_not_told(account: Account, strongroom: Any) -> None:
    other = strongroom.account()
    for one in (account, other):
        one.client("secretsmanager").create_secret(Name="db", SecretString="x")
    other.client("secretsmanager").get_secret_value(SecretId="db")

    assert [] == who(account, "db")


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("2026-03-01", False, datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01", True, datetime(2026, 3, 1, 23, 59, 59, 999_000, tzinfo=UTC)),
        ("2026-03-01T06:00:00Z", False, datetime(2026, 3, 1, 6, tzinfo=UTC)),
        ("2026-03-01T06:00:00+02:00", False, datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("2d", False, NOW - timedelta(days=2)),
    ],
)
def test_times_are_days_seconds_or_so_long_ago(text: str, end: bool, expected: datetime) -> None:
    assert round(expected.timestamp() * 1000) == moment_ms(text, NOW, end=end)


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(StartRefused):
        moment_ms("in March", NOW, end=False)


def test_what_a_caller_named_its_session_gives_a_terminal_no_orders() -> None:
    assert "a?[31mb" == plain("a\x1b[31mb")
