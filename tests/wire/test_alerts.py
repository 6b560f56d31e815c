"""Alerts of the operator's file, as a webhook has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.inprocess import Account, InProcess
from tests.receivers import Receiver
from tests.wire.test_events_stream import user
from tests.wire.test_sts import policy
from tests.wire.test_webhooks import server, wait_held

RULES = """
[alerts]
rotation_failed = true
key_deletion_scheduled = true
pending_deletion_read = true
new_reader = true
denials_a_minute = 5
"""
House = tuple[InProcess, Receiver, Account]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with Receiver(tmp_path / "receiver") as receiver:
        # A webhook that asks for no event, so that all that comes is an alert.
        told = receiver.section(names=["Nothing"]) + RULES
        with server(tmp_path, told) as strongroom:
            wait_held(strongroom)
            yield strongroom, receiver, strongroom.account()


def flush(strongroom: InProcess) -> None:
    assert strongroom.worker.asgi.engine.metering.flush().wait(60)  # type: ignore[attr-defined]


def wait_for(house: House, done: Callable[[Receiver], bool]) -> None:
    flush(house[0])
    house[1].wait_for(done)


def test_a_scheduled_key_deletion_is_told_once(house: House) -> None:
    _, receiver, account = house
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    wait_for(house, lambda r: bool(r.taken))
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=other, PendingWindowInDays=7)
    wait_for(house, lambda r: len(r.taken) == 2)
    assert ["key_deletion_scheduled"] * 2 == receiver.names()
    first = receiver.taken[0]
    assert ("Strongroom Alert", "strongroom.alerts") == (first.event["detail-type"], first.event["source"])
    assert key in first.event["detail"]["event"]["requestParameters"]["keyId"]
    assert first.is_signed()


def test_a_read_of_a_secret_that_waits_for_its_deletion_is_told(house: House) -> None:
    _, receiver, account = house
    client = account.client("secretsmanager")
    arn = client.create_secret(Name="gone", SecretString="canary-value")["ARN"]
    client.delete_secret(SecretId="gone", RecoveryWindowInDays=7)
    for _ in range(3):
        with pytest.raises(client.exceptions.InvalidRequestException):
            client.get_secret_value(SecretId="gone")
    wait_for(house, lambda r: "pending_deletion_read" in r.names())
    assert 1 == receiver.names().count("pending_deletion_read"), "the same of one caller is told once a time"
    told = next(one for one in receiver.taken if one.name == "pending_deletion_read")
    assert account.id == told.event["account"]
    assert told.event["detail"]["event"]["requestParameters"]["secretId"] in ("gone", arn)
    assert b"canary" not in told.raw


def test_a_reader_that_never_read_a_secret_before_is_told_once(house: House) -> None:
    strongroom, receiver, account = house
    client = account.client("secretsmanager")
    arn = client.create_secret(Name="db", SecretString="x")["ARN"]
    allowed = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    keys = user(account, allowed, name="stranger")
    for _ in range(2):
        client.get_secret_value(SecretId="db")
        flush(strongroom)
    mine = {"aws_access_key_id": keys["key_id"], "aws_secret_access_key": keys["secret"]}
    account.client("secretsmanager", **mine).get_secret_value(SecretId=arn)
    wait_for(house, lambda r: r.names().count("new_reader") == 2)
    told = [one.event["detail"] for one in receiver.taken if one.name == "new_reader"]
    assert [arn, arn] == [one["secret"] for one in told]
    assert told[1]["principal"].endswith(":user/stranger")


def test_who_was_refused_is_told_as_a_reader_once_it_reads(house: House) -> None:
    strongroom, receiver, account = house
    arn = account.client("secretsmanager").create_secret(Name="kept", SecretString="x")["ARN"]
    keys = user(account, {"Effect": "Deny", "Action": "*", "Resource": "*"}, name="patient")
    mine = {"aws_access_key_id": keys["key_id"], "aws_secret_access_key": keys["secret"]}
    client = account.client("secretsmanager", **mine)
    for _ in range(2):
        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            client.get_secret_value(SecretId=arn)
        flush(strongroom)
    allowed = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    account.client("iam").put_user_policy(UserName="patient", PolicyName="p", PolicyDocument=policy(allowed))
    client.get_secret_value(SecretId=arn)
    wait_for(house, lambda r: "new_reader" in r.names())
    assert 1 == receiver.names().count("new_reader"), "a refusal is no read"
    told = next(one for one in receiver.taken if one.name == "new_reader")
    assert told.event["detail"]["principal"].endswith(":user/patient")


def test_many_denials_in_a_minute_are_told_once_for_that_minute(house: House) -> None:
    strongroom, receiver, account = house
    weak = user(account, {"Effect": "Deny", "Action": "kms:*", "Resource": "*"}, name="weak")
    mine = {"aws_access_key_id": weak["key_id"], "aws_secret_access_key": weak["secret"]}
    client = account.client("secretsmanager", **mine)
    denied = 0
    # Two minutes may have their share: a threshold of five is passed by ten in any case.
    while denied < 12:
        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            client.list_secrets()
        denied += 1
        if denied % 4 == 0:
            flush(strongroom)
    wait_for(house, lambda r: "denials_a_minute" in r.names())
    assert receiver.names().count("denials_a_minute") <= 2
    told = next(one for one in receiver.taken if one.name == "denials_a_minute")
    assert told.event["detail"]["denials"] >= 5
    assert account.id == told.event["account"]
