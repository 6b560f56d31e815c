"""Whatever kills a rotation, and wherever: some stored version opens the target, and the same token completes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import ROOT
from tests.engines.rotating import Rotating
from tests.rotation.rotators import until
from tests.targets.postgresql import PostgreSQLTarget

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
SINGLE = [
    "before createSecret", "before PutSecretValue", "after PutSecretValue",
    "before setSecret", "before ALTER", "after ALTER",
    "before testSecret",
    "before finishSecret", "before UpdateSecretVersionStage", "after UpdateSecretVersionStage",
]  # fmt: skip
TURNS = [
    "after PutSecretValue", "before CREATE", "after CREATE", "before GRANT", "after GRANT",
    "after UpdateSecretVersionStage",
]  # fmt: skip


class Mortal:
    """The process of tests/engines/mortal.py."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.engines.mortal"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | environment,
        )

    def run(self, event: dict[str, str], *, kill_at: str = "") -> dict[str, Any]:
        """All steps, or as many as it lives for."""
        assert self._process.stdin is not None and self._process.stdout is not None
        order = {"event": event, "steps": STEPS, "kill_at": kill_at}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        told = self._process.stdout.readline().strip()
        assert told, "the process said nothing"
        assert not self._process.stdout.readline().strip()
        found: dict[str, Any] = json.loads(told)
        return found

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture(params=["single"])
def mortal(rotating: Rotating, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Mortal]:
    """Steps of one strategy, with the rights of the account's administrator."""
    from strongroom.cli.drivers import PLACE  # noqa: PLC0415

    made = Mortal(
        {
            "AWS_ENDPOINT_URL": rotating.account.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "TMPDIR": str(tmp_path),  # who is killed removes nothing
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), str(PLACE)]),
            "ROTATION_ENGINE": "postgres",
            "ROTATION_STRATEGY": request.param,
        }
    )
    yield made
    made.close()


def begin(rotating: Rotating, name: str) -> dict[str, str]:
    """A rotation whose version is reserved, and which nobody runs; the event of its steps."""
    told = rotating.secrets.rotate_secret(SecretId=name)
    return {"SecretId": told["ARN"], "ClientRequestToken": told["VersionId"]}


def versions_of(rotating: Rotating, name: str) -> dict[str, list[str]]:
    """The labels of each version."""
    found: dict[str, list[str]] = rotating.secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    return found


def stored(rotating: Rotating, name: str) -> list[dict[str, Any]]:
    """The values of all versions that carry a label."""
    found = []
    for version in versions_of(rotating, name):
        try:
            found.append(rotating.secrets.get_secret_value(SecretId=name, VersionId=version)["SecretString"])
        except rotating.secrets.exceptions.ResourceNotFoundException:
            continue
    return [json.loads(text) for text in found]


def enabled(rotating: Rotating, name: str, value: dict[str, Any], *words: str) -> None:
    """A secret with a rotation function that never runs: the steps are this test's."""
    rotating.make(name, value)
    assert 0 == rotating.cli("enable", name, "--engine", "postgres", "--every", "30d", *words)
    until(lambda: "AWSPENDING" not in json.dumps(versions_of(rotating, name)), "the first test of the rotation")
    function = rotating.secrets.describe_secret(SecretId=name)["RotationLambdaARN"]
    rotating.account.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)


def test_a_single_user_at_every_point(rotating: Rotating, postgres_target: PostgreSQLTarget, mortal: Mortal) -> None:
    enabled(rotating, "db", postgres_target.make_user("mortal", "first"), "--not-now")
    for point in SINGLE:
        killed_and_completed(rotating, postgres_target, mortal, point)


@pytest.mark.parametrize("mortal", ["alternating"], indirect=True)
def test_two_users_at_every_point(rotating: Rotating, postgres_target: PostgreSQLTarget, mortal: Mortal) -> None:
    superuser = postgres_target.make_user("mortal-admin", "of admin", "CREATEROLE SUPERUSER")
    admin = rotating.make("db-admin", superuser)
    value = postgres_target.make_user("twice", "first") | {"masterarn": admin}
    enabled(rotating, "db", value, "--strategy", "alternating", "--superuser", "db-admin", "--not-now")
    for point in TURNS:
        if point.endswith(("CREATE", "GRANT")):
            postgres_target.run("DROP ROLE IF EXISTS {}", other(rotating.read("db")["username"]))
        killed_and_completed(rotating, postgres_target, mortal, point)


def other(user: str) -> str:
    """Whose turn it is next."""
    return user.removesuffix("_clone") if user.endswith("_clone") else f"{user}_clone"


def killed_and_completed(rotating: Rotating, target: PostgreSQLTarget, mortal: Mortal, point: str) -> None:
    """One rotation, killed at a point and taken up again with its token."""
    event = begin(rotating, "db")
    assert mortal.run(event, kill_at=point)["killed"], point
    opening = [value for value in stored(rotating, "db") if target.opens(value)]
    assert opening, f"nothing opens the target after a kill {point}"
    assert not mortal.run(event)["killed"]
    assert target.opens(rotating.read("db")), point
    assert "AWSCURRENT" in versions_of(rotating, "db")[event["ClientRequestToken"]], point
