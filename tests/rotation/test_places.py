"""Schedules fire, each window once; what is slow or down leaves room for the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from strongroom.services.local.store import clock_offset, move_clock
from tests.functions.packing import zipped
from tests.inprocess import ROOT_KEY, Account, InProcess
from tests.rotation.rotators import misbehaving, rotated, rotator, seen, stages, until
from tests.wire.local import ask

SLOW = misbehaving(
    "import time",
    "while True:",
    "    try:",
    "        return client.describe_secret(SecretId='go') and None",
    "    except client.exceptions.ResourceNotFoundException:",
    "        time.sleep(0.2)",
)
"""Every step hangs until there is a secret named ``go``."""


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
        pytest.param({"ScheduleExpression": "rate(4 hours)"}, marks=pytest.mark.long),
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
    names = [f"slow{number}" for number in range(6)]  # as many as there are places for processes
    tokens = {}
    for name in names:
        secrets.create_secret(Name=name, SecretString="first")
        tokens[name] = secrets.rotate_secret(SecretId=name, RotationLambdaARN=slow)["VersionId"]
    secrets.create_secret(Name="quick", SecretString="first")
    token = secrets.rotate_secret(SecretId="quick", RotationLambdaARN=rotator(account, "quick"))["VersionId"]
    rotated(secrets, "quick", token)
    assert not [name for name in names if "LastRotatedDate" in secrets.describe_secret(SecretId=name)]
    secrets.create_secret(Name="go", SecretString="x")
    for name in names:
        rotated(secrets, name, tokens[name])


def test_targets_that_are_down_leave_room_for_those_that_are_well(
    account: Account, secrets: Any, strongroom: InProcess
) -> None:
    """Second and further attempts, of whatever functions, have half of the places together."""
    functions = account.client("lambda")
    names = [f"down{number}" for number in range(6)]
    tokens = {}
    for name in names:
        function = rotator(account, name, misbehaving("raise RuntimeError('down')"), Timeout=900)
        secrets.create_secret(Name=name, SecretString="first")
        tokens[name] = secrets.rotate_secret(SecretId=name, RotationLambdaARN=function)["VersionId"]
    for name in names:
        until(lambda name=name: _failures(account, name), f"the first attempt of {name}")
        functions.update_function_code(FunctionName=name, ZipFile=zipped({"app.py": SLOW}))
    quick = rotator(account, "quick")
    secrets.create_secret(Name="quick", SecretString="first")
    # The six come due again, and hang; nobody waits for them here.
    opened = strongroom.product.open_engine(ROOT_KEY, "test_clock")
    try:
        with opened.store.write() as tx:
            move_clock(tx, timedelta(seconds=20))
    finally:
        opened.close()
    until(lambda: any(_state(account, name) == "running" for name in names), "second attempts are under way")
    rotated(secrets, "quick", secrets.rotate_secret(SecretId="quick", RotationLambdaARN=quick)["VersionId"])
    assert 3 == sum(_state(account, name) == "running" for name in names)
    secrets.create_secret(Name="go", SecretString="x")
    for name in names:
        rotated(secrets, name, tokens[name])


def _failures(account: Account, name: str) -> Any:
    return ask(account, "POST", "/_strongroom/rotation/status", {"SecretId": name})["Rotation"]["Failures"]


def _state(account: Account, name: str) -> str:
    told = ask(account, "POST", "/_strongroom/rotation/status", {"SecretId": name})["Rotation"]
    return str(told["State"])
