"""Access keys of our own IAM users rotate."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from strongroom.rotations.contract import Attempt
from strongroom.rotations.engines.iam import AccessKey
from strongroom.rotations.errors import RotationError
from tests.engines.plans import Alone
from tests.engines.rotating import Rotating
from tests.inprocess import Account


@pytest.fixture
def first(rotating: Rotating) -> dict[str, Any]:
    """A user with one key, and the secret ``keys`` that holds it."""
    iam = rotating.account.client("iam")
    iam.create_user(UserName="robot", Path="/machines/")
    made = iam.create_access_key(UserName="robot")["AccessKey"]
    value = {
        "engine": "iam",
        "username": "robot",
        "access_key_id": made["AccessKeyId"],
        "secret_access_key": made["SecretAccessKey"],
    }
    rotating.make("keys", value)
    return value


def works(rotating: Rotating, value: dict[str, Any]) -> bool:
    """Whether a key is taken."""
    keys = {"aws_access_key_id": value["access_key_id"], "aws_secret_access_key": value["secret_access_key"]}
    try:
        arn = rotating.account.client("sts", **keys).get_caller_identity()["Arn"]
    except ClientError:
        return False
    return bool(arn.endswith(":user/machines/robot"))


def test_the_key_before_the_current_lives_until_the_next_rotation(rotating: Rotating, first: dict[str, Any]) -> None:
    second = rotating.enable("keys", "iam", "--user", "robot")
    assert [True, True] == [works(rotating, value) for value in (second, first)]
    third = rotating.rotate("keys")
    assert [True, True, False] == [works(rotating, value) for value in (third, second, first)]


def test_the_old_key_can_end_at_once(rotating: Rotating, first: dict[str, Any]) -> None:
    second = rotating.enable("keys", "iam", "--user", "robot", "--set", "KEEP_PREVIOUS=false")
    assert [True, False] == [works(rotating, value) for value in (second, first)]


def test_the_key_of_an_attempt_that_was_cut_off_makes_room(rotating: Rotating, first: dict[str, Any]) -> None:
    iam = rotating.account.client("iam")
    began = iam.list_access_keys(UserName="robot")["AccessKeyMetadata"][0]["CreateDate"]
    lost = iam.create_access_key(UserName="robot")["AccessKey"]["AccessKeyId"]
    plan = AccessKey(Clients(rotating.account))
    with pytest.raises(RotationError, match="it is not the previous one"):
        plan.create(first, Attempt("t"))
    second = plan.create(first, Attempt("t", began=lambda: began))
    keys = {one["AccessKeyId"] for one in iam.list_access_keys(UserName="robot")["AccessKeyMetadata"]}
    assert {first["access_key_id"], second["access_key_id"]} == keys
    assert lost not in keys


class Clients(Alone):
    """Tools with an administrator's clients."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    def client(self, service: str, **more: Any) -> Any:
        """A stock client."""
        return self._account.client(service, **more)


def test_a_key_that_somebody_made_by_hand_is_not_deleted(
    rotating: Rotating, first: dict[str, Any], capsys: Any
) -> None:
    iam = rotating.account.client("iam")
    by_hand = iam.create_access_key(UserName="robot")["AccessKey"]["AccessKeyId"]
    assert 1 == rotating.cli("enable", "keys", "--engine", "iam", "--user", "robot")
    assert f"robot has the key {by_hand} beside the one in the secret" in capsys.readouterr().out
    assert 2 == len(iam.list_access_keys(UserName="robot")["AccessKeyMetadata"])
