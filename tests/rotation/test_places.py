"""Schedules fire, each window once; what is slow or down leaves room for the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from strongroom.services.local.store import clock_offset
from tests.inprocess import Account, InProcess
from tests.rotation.rotators import misbehaving, rotated, rotator, seen, stages, until

SLOW = misbehaving("import time", "time.sleep(3600)")


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


def now(strongroom: InProcess) -> Any:
    with strongroom.worker.asgi.engine.store.read() as tx:  # type: ignore[attr-defined]
        return strongroom.product.clock() + clock_offset(tx)


def settled(secrets: Any, made: dict[str, Any]) -> None:
    """Wait until the test that comes with RotateImmediately false is over."""
    until(lambda: stages(secrets, made["Name"]) == {made["VersionId"]: ["AWSCURRENT"]}, "the test is over")


@pytest.mark.parametrize(
    "rules",
    [
        {"AutomaticallyAfterDays": 1},
        {"ScheduleExpression": "rate(4 hours)"},
        {"ScheduleExpression": "cron(0 16 * * ? *)", "Duration": "2h"},
    ],
    ids=["days", "rate", "cron"],
)
def test_a_schedule_rotates_in_each_of_its_windows_once(
    rules: dict[str, Any], account: Account, secrets: Any, strongroom: InProcess
) -> None:
    function = rotator(account)
    made = secrets.create_secret(Name="s", SecretString="first")
    secrets.rotate_secret(SecretId="s", RotationLambdaARN=function, RotationRules=rules, RotateImmediately=False)
    settled(secrets, made)
    dates = []
    for window in (1, 2, 3):
        shown = secrets.describe_secret(SecretId="s")
        assert shown["NextRotationDate"] > now(strongroom)
        strongroom.advance(shown["NextRotationDate"] - now(strongroom) + timedelta(seconds=2))
        done = until(lambda before=shown: _since(secrets, before), f"window {window}")
        assert shown["NextRotationDate"] - timedelta(days=1) < done["LastRotatedDate"]
        dates.append(done["LastRotatedDate"])
        tokens = {event["ClientRequestToken"] for event in seen(account) if event["Step"] != "testSecret"}
        assert window == len(tokens), "one rotation for each window"
    assert dates == sorted(dates)


def _since(secrets: Any, before: dict[str, Any]) -> Any:
    shown = secrets.describe_secret(SecretId="s")
    return shown if shown.get("LastRotatedDate") != before.get("LastRotatedDate") else None


def test_a_function_that_hangs_keeps_nobody_elses_rotation_waiting(account: Account, secrets: Any) -> None:
    slow = rotator(account, "slow", SLOW, Timeout=900)
    for number in range(6):  # as many as there are places for processes
        secrets.create_secret(Name=f"slow{number}", SecretString="first")
        secrets.rotate_secret(SecretId=f"slow{number}", RotationLambdaARN=slow)
    secrets.create_secret(Name="quick", SecretString="first")
    token = secrets.rotate_secret(SecretId="quick", RotationLambdaARN=rotator(account, "quick"))["VersionId"]
    rotated(secrets, "quick", token)
    for number in range(6):
        secrets.delete_secret(SecretId=f"slow{number}", ForceDeleteWithoutRecovery=True)
    account.client("lambda").delete_function(FunctionName="slow")
