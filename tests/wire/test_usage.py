"""What an account used: by whom, under which tag, and what AWS's list prices make of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests import raw
from tests.inprocess import Account, InProcess
from tests.wire.test_events_stream import user

from strongroom.kernel.registry import Used
from strongroom.services.local.usage import Prices, costs, month_of


def usage(account: Account, key: tuple[str, str] | None = None, **asked: str) -> raw.Reply:
    return raw.signed(
        account, json.dumps(asked).encode(), target=None, service="strongroom", path="/_strongroom/usage",
        content_type="application/json", key=key,
    )  # fmt: skip


def told(account: Account, **asked: str) -> dict[str, Any]:
    reply = usage(account, **asked)
    assert 200 == reply.status, reply.body
    found: dict[str, Any] = json.loads(reply.body)
    return found


def test_calls_are_told_by_principal_and_by_the_tags_of_secrets(strongroom: InProcess, account: Account) -> None:
    client = account.client("secretsmanager")
    for name, team in (("a", "red"), ("b", "blue"), ("c", None)):
        tags = [{"Key": "team", "Value": team}] if team else []
        client.create_secret(Name=name, SecretString="x", Tags=tags)
    allowed = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    keys = user(account, allowed)
    reader = account.client("secretsmanager", aws_access_key_id=keys["key_id"], aws_secret_access_key=keys["secret"])
    for name, times in (("a", 4), ("b", 2), ("c", 1)):
        for _ in range(times):
            reader.get_secret_value(SecretId=name)
    assert strongroom.worker.asgi.engine.metering.flush().wait(60)  # type: ignore[attr-defined]
    found = told(account, TagKey="team")
    mine = {one["Name"]: one["Calls"] for one in found["ByPrincipal"]}
    # Each read asks KMS once on its caller's behalf.
    assert 14 == mine[f"arn:aws:iam::{account.id}:user/reader"]
    assert 10 == found["Calls"]
    assert found["KMSCalls"] >= 7
    # Each secret was created once as well.
    assert {"red": 5, "blue": 3, "(none)": 2} == {one["Name"]: one["Calls"] for one in found["ByTag"]}
    assert 0 < found["CallsUSD"] <= found["TotalUSD"]
    assert [] == told(strongroom.account())["ByPrincipal"]


def test_a_batch_asks_kms_once_a_value_however_often_it_comes(strongroom: InProcess, account: Account) -> None:
    client = account.client("secretsmanager")
    for name in ("a", "b", "c"):
        client.create_secret(Name=name, SecretString="x")
    allowed = [
        {"Effect": "Allow", "Action": f"secretsmanager:{action}", "Resource": "*"}
        for action in ("GetSecretValue", "BatchGetSecretValue")
    ]
    keys = user(account, *allowed)
    reader = account.client("secretsmanager", aws_access_key_id=keys["key_id"], aws_secret_access_key=keys["secret"])
    for _ in range(5):
        assert 3 == len(reader.batch_get_secret_value(SecretIdList=["a", "b", "c"])["SecretValues"])
    assert strongroom.worker.asgi.engine.metering.flush().wait(60)  # type: ignore[attr-defined]
    mine = {one["Name"]: one["Calls"] for one in told(account)["ByPrincipal"]}
    assert 5 + 5 * 3 == mine[f"arn:aws:iam::{account.id}:user/reader"]


def test_who_may_not_read_usage_is_denied(account: Account) -> None:
    keys = user(account, {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"})
    assert 403 == usage(account, (keys["key_id"], keys["secret"])).status


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "abcdefg", "0000-01"])
def test_what_is_no_month_is_refused(account: Account, month: str) -> None:
    assert 400 == usage(account, Month=month).status


def test_the_list_prices_are_awss() -> None:
    """Source: AWS Secrets Manager pricing: 0.40 USD a secret and month, pro rata; 0.05 USD per 10,000 calls."""
    used = Used(720 * 10, {"secretsmanager": 200_000, "kms": 120_000})
    found = costs(used, Prices(), 720)
    assert (4.0, 1.0, 0.3, 5.3) == (found["SecretsUSD"], found["CallsUSD"], found["KMSUSD"], found["TotalUSD"])
    assert 0.2 == costs(Used(360), Prices(), 720)["SecretsUSD"]
    assert 0 == costs(Used(0, {"kms": 20_000}), Prices(), 720)["TotalUSD"]


def test_a_month_ends_where_the_next_begins() -> None:
    now = datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)) == month_of(None, now)
    assert (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)) == month_of("2026-02", now)
