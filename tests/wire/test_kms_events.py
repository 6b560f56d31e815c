"""What KMS does by itself is in the journal: AWS's names, AWS as the one who did it, the key as the resource.

Source: facts, kms, sections 8 and 13; KMS Developer Guide, "CloudTrail log entries".
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.journals import successes
from tests.wire.test_kms_imports import bring


@pytest.fixture
def kms(account: Account) -> Any:
    return account.client("kms")


def told(strongroom: InProcess, account: Account) -> list[dict[str, Any]]:
    """The service events of KMS in this account, oldest first."""
    found = [entry.event for entry in successes(strongroom.settings.data)]
    own = [one for one in found if one["recipientAccountId"] == account.id and one["eventType"] == "AwsServiceEvent"]
    return sorted((one for one in own if one["eventSource"] == "kms.amazonaws.com"), key=lambda one: one["eventTime"])


def test_rotation_on_demand_and_on_its_day(strongroom: InProcess, account: Account, kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    strongroom.advance(timedelta(days=91))

    events = told(strongroom, account)
    assert ["RotateKey", "RotateKey"] == [one["eventName"] for one in events]
    for one, how in zip(events, ("ON_DEMAND", "AUTOMATIC"), strict=True):
        details = one["serviceEventDetails"]
        assert (key["KeyId"], how, "AWS_KMS") == (details["keyId"], details["rotationType"], details["keyOrigin"])
        assert details["previousKeyMaterialId"] != details["currentKeyMaterialId"]
        assert [{"accountId": account.id, "type": "AWS::KMS::Key", "ARN": key["Arn"]}] == one["resources"]
        assert {"accountId": account.id, "invokedBy": "AWS Internal"} == one["userIdentity"]
        assert "AWS Internal" == one["sourceIPAddress"] == one["userAgent"]
        assert (None, None, False) == (one["requestParameters"], one["responseElements"], one["readOnly"])
        assert "additionalEventData" not in one


def test_the_end_of_a_key(strongroom: InProcess, account: Account, kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert [] == told(strongroom, account)
    strongroom.advance(timedelta(days=8))

    (event,) = told(strongroom, account)
    assert ("DeleteKey", {"keyId": key["KeyId"]}) == (event["eventName"], event["serviceEventDetails"])


def test_the_end_of_imported_material(strongroom: InProcess, account: Account, kms: Any) -> None:
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]
    now = strongroom.product.clock()
    with strongroom.worker.asgi.engine.store.read() as tx:
        now += strongroom.worker.asgi.engine.chain.offset(tx)
    bring(kms, key["Arn"], os.urandom(32), ValidTo=now + timedelta(days=2), ExpirationModel="KEY_MATERIAL_EXPIRES")
    strongroom.advance(timedelta(days=3))

    (event,) = told(strongroom, account)
    assert ("DeleteExpiredKeyMaterial", key["KeyId"]) == (event["eventName"], event["serviceEventDetails"]["keyId"])
    # What somebody asks for is that call's own record, and no event of the service beside it.
    kms.delete_imported_key_material(KeyId=key["KeyId"])
    assert 1 == len(told(strongroom, account))


def test_related_keys_are_synchronised(strongroom: InProcess, account: Account, kms: Any) -> None:
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]
    kms.rotate_key_on_demand(KeyId=key["KeyId"])  # with nobody to be in step with
    assert ["RotateKey"] == [one["eventName"] for one in told(strongroom, account)]
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-west-1")
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    strongroom.advance(timedelta(days=91))
    kms.disable_key_rotation(KeyId=key["KeyId"])

    events = told(strongroom, account)[1:]
    names = [one["eventName"] for one in events]
    assert (5, 2) == (names.count("SynchronizeMultiRegionKey"), names.count("RotateKey"))
    for one in events:
        assert ("us-east-1", key["Arn"]) == (one["awsRegion"], one["resources"][0]["ARN"])
        assert key["KeyId"] == one["serviceEventDetails"]["keyId"]
