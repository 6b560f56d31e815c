"""Rotations run: stock boto3 asks for them, AWS's runtime client runs their functions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.inprocess import Account
from tests.rotation.rotators import rotated, rotator


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


def test_a_rotation_runs_the_four_steps_and_the_new_value_is_current(account: Account, secrets: Any) -> None:
    function = rotator(account)
    first = secrets.create_secret(Name="s", SecretString="first")["VersionId"]
    token = secrets.rotate_secret(SecretId="s", RotationLambdaARN=function)["VersionId"]
    shown = rotated(secrets, "s", token)

    assert {token: ["AWSCURRENT"], first: ["AWSPREVIOUS"]} == shown["VersionIdsToStages"]
    assert "first" != secrets.get_secret_value(SecretId="s")["SecretString"]
    assert "first" == secrets.get_secret_value(SecretId="s", VersionStage="AWSPREVIOUS")["SecretString"]
