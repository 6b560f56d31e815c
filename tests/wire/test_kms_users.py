"""What would be lost with a key: named before its deletion, in the record of it, and by ``strongroom kms users``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.journals import entries
from tests.wire.local import ask
from tests.wire.test_kms_permissions import User, policy, root

from strongroom.server.parts import StartRefused


@pytest.fixture
def kms(account: Account) -> Any:
    return account.client("kms")


@pytest.fixture
def secrets(account: Account) -> Any:
    return account.client("secretsmanager")


def users(account: Account, key: str, **keys: str) -> Any:
    return ask(account, "POST", "/_strongroom/key-users", {"KeyId": key}, **keys)


def test_secrets_are_told_by_the_key_that_their_values_lie_under(account: Account, kms: Any, secrets: Any) -> None:
    arn, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    kms.create_alias(AliasName="alias/app", TargetKeyId=arn)
    assert {"Key": arn, "Users": [], "Count": 0, "InOtherAccounts": 0} == users(account, "alias/app")
    by_arn = secrets.create_secret(Name="a", SecretString="1", KmsKeyId=arn)["ARN"]
    by_alias = secrets.create_secret(Name="b", SecretString="1", KmsKeyId="alias/app")["ARN"]
    secrets.create_secret(Name="c", SecretString="1")
    secrets.create_secret(Name="d", SecretString="1", KmsKeyId=other)
    secrets.create_secret(Name="e", KmsKeyId=arn)  # has no value yet
    for named in (arn, arn.rpartition("/")[2], "alias/app"):
        assert {"Key": arn, "Users": [by_arn, by_alias], "Count": 2, "InOtherAccounts": 0} == users(account, named)
    kms.update_alias(AliasName="alias/app", TargetKeyId=other)  # values lie where they lay
    assert [by_arn, by_alias] == users(account, arn)["Users"]
    secrets.update_secret(SecretId="a", KmsKeyId=other)  # wrapped under both: the new key opens it too
    assert [by_alias] == users(account, arn)["Users"]
    kms.rotate_key_on_demand(KeyId=arn)
    secrets.put_secret_value(SecretId="b", SecretString="2")
    told = users(account, arn)["Users"]
    assert [by_alias] == told  # its previous version lies there still
    assert 2 == users(account, other)["Count"]  # not the first, which the earlier key opens as well


def test_other_accounts_secrets_are_counted_and_not_named(
    strongroom: InProcess, account: Account, kms: Any, secrets: Any
) -> None:
    stranger = strongroom.account()
    allowed = {"Principal": {"AWS": stranger.id}, "Action": ["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"]}
    arn = kms.create_key(Policy=policy(root(account), allowed))["KeyMetadata"]["Arn"]
    stranger.client("secretsmanager").create_secret(Name="theirs", SecretString="1", KmsKeyId=arn)
    own = secrets.create_secret(Name="ours", SecretString="1", KmsKeyId=arn)["ARN"]
    told = users(account, arn)
    assert ([own], 1, 1) == (told["Users"], told["Count"], told["InOtherAccounts"])
    with pytest.raises(StartRefused) as caught:
        users(stranger, arn)
    assert "Ask in the account that has the key." == str(caught.value)


def test_the_record_of_a_deletion_names_what_will_be_unreadable(
    strongroom: InProcess, account: Account, kms: Any, secrets: Any
) -> None:
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    one = secrets.create_secret(Name="db", SecretString="canary-value", KmsKeyId=arn)["ARN"]
    kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    (record,) = [
        entry.event
        for entry in entries(strongroom.settings.data)
        if entry.event["eventName"] == "ScheduleKeyDeletion" and arn in json.dumps(entry.event)
    ]
    assert {"wouldBecomeUnreadable": [one], "count": 1, "inOtherAccounts": 0} == record["additionalEventData"]
    assert record["readOnly"] is False
    empty = kms.create_key()["KeyMetadata"]["Arn"]
    kms.schedule_key_deletion(KeyId=empty)
    (record,) = [
        entry.event
        for entry in entries(strongroom.settings.data)
        if entry.event["eventName"] == "ScheduleKeyDeletion" and empty in json.dumps(entry.event)
    ]
    assert "additionalEventData" not in record


def test_who_may_ask_is_decided_and_a_missing_key_is_told(account: Account, kms: Any) -> None:
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    user = User(account, "ann")
    with pytest.raises(StartRefused) as caught:
        users(account, arn, **user.keys)
    assert "strongroom:KeyUsers" in str(caught.value)
    for missing in ("alias/none", arn[:-1] + ("0" if arn[-1] != "0" else "1"), "nonsense"):
        with pytest.raises(StartRefused):
            users(account, missing)
