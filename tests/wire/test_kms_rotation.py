"""Rotation of key material with stock boto3 and moved time: what was encrypted before stays readable."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.wire.test_kms_keys import refusal


@pytest.fixture
def kms(account: Account) -> Any:
    return account.client("kms")


@pytest.fixture
def key(kms: Any) -> dict[str, Any]:
    made: dict[str, Any] = kms.create_key()["KeyMetadata"]
    return made


def current(kms: Any, key_id: str) -> str:
    found: str = kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]
    return found


def test_a_key_is_rotated_on_its_days_and_old_ciphertexts_stay_readable(
    strongroom: InProcess, kms: Any, key: dict[str, Any]
) -> None:
    arn, key_id = key["Arn"], key["KeyId"]
    assert {"KeyId": key_id, "KeyRotationEnabled": False} == answer(kms.get_key_rotation_status(KeyId=arn))
    kms.enable_key_rotation(KeyId=arn, RotationPeriodInDays=90)
    status = answer(kms.get_key_rotation_status(KeyId=arn))
    assert (True, 90) == (status["KeyRotationEnabled"], status["RotationPeriodInDays"])
    blobs, materials = [], []
    for _ in range(3):
        materials.append(current(kms, arn))
        blobs.append(kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"])
        strongroom.advance(timedelta(days=90))
    assert 4 == len({*materials, current(kms, arn)})
    for blob, material in zip(blobs, materials, strict=True):
        opened = kms.decrypt(CiphertextBlob=blob)
        assert (b"x", material, arn) == (opened["Plaintext"], opened["KeyMaterialId"], opened["KeyId"])
    listed = kms.list_key_rotations(KeyId=arn)["Rotations"]
    assert [*materials[1:], current(kms, arn)] == [one["KeyMaterialId"] for one in listed]
    assert {"AUTOMATIC"} == {one["RotationType"] for one in listed}
    assert ["NON_CURRENT", "NON_CURRENT", "CURRENT"] == [one["KeyMaterialState"] for one in listed]
    days = [(b["RotationDate"] - a["RotationDate"]) for a, b in pairwise(listed)]
    assert all(abs(day - timedelta(days=90)) < timedelta(minutes=5) for day in days)
    everything = kms.list_key_rotations(KeyId=arn, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [materials[0], *(one["KeyMaterialId"] for one in listed)] == [one["KeyMaterialId"] for one in everything]
    assert "RotationDate" not in everything[0]


def answer(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "ResponseMetadata"}


def test_rotation_that_is_switched_off_does_not_happen(strongroom: InProcess, kms: Any, key: dict[str, Any]) -> None:
    before = current(kms, key["KeyId"])
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    kms.disable_key_rotation(KeyId=key["KeyId"])
    strongroom.advance(timedelta(days=91))
    assert before == current(kms, key["KeyId"])
    assert [] == kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"]


def test_the_period_is_a_year_unless_said_and_can_be_changed(kms: Any, key: dict[str, Any]) -> None:
    kms.enable_key_rotation(KeyId=key["KeyId"])
    first = kms.get_key_rotation_status(KeyId=key["KeyId"])
    assert 365 == first["RotationPeriodInDays"]
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=2560)
    second = kms.get_key_rotation_status(KeyId=key["KeyId"])
    assert 2560 == second["RotationPeriodInDays"]
    gap = second["NextRotationDate"] - first["NextRotationDate"]
    assert abs(gap - timedelta(days=2560 - 365)) < timedelta(minutes=5)
    asked = {"KeyId": key["KeyId"], "RotationPeriodInDays": 2561}  # boto3 itself refuses less than 90
    assert "ValidationException" == refusal(kms.enable_key_rotation, **asked)[0]


def test_a_key_that_slept_through_its_day_is_rotated_once_it_is_enabled(
    strongroom: InProcess, kms: Any, key: dict[str, Any]
) -> None:
    key_id = key["KeyId"]
    before = current(kms, key_id)
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    kms.disable_key(KeyId=key_id)
    strongroom.advance(timedelta(days=200))
    assert before == current(kms, key_id)
    kms.enable_key(KeyId=key_id)
    strongroom.run_due()
    assert before != current(kms, key_id)
    assert 1 == len(kms.list_key_rotations(KeyId=key_id)["Rotations"])


def test_a_key_pending_deletion_says_that_it_is_not_rotated(kms: Any, key: dict[str, Any]) -> None:
    kms.enable_key_rotation(KeyId=key["KeyId"])
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"] is False
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"] is True


def test_rotation_on_demand_is_at_once_and_leaves_the_schedule(kms: Any, key: dict[str, Any]) -> None:
    arn = key["Arn"]
    kms.enable_key_rotation(KeyId=arn)
    planned = kms.get_key_rotation_status(KeyId=arn)["NextRotationDate"]
    before = current(kms, arn)
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert arn == kms.rotate_key_on_demand(KeyId=key["KeyId"])["KeyId"]
    assert before != current(kms, arn)
    assert planned == kms.get_key_rotation_status(KeyId=arn)["NextRotationDate"]
    assert b"x" == kms.decrypt(CiphertextBlob=blob)["Plaintext"]
    (listed,) = kms.list_key_rotations(KeyId=arn)["Rotations"]
    assert ("ON_DEMAND", current(kms, arn)) == (listed["RotationType"], listed["KeyMaterialId"])


def test_there_are_twenty_five_rotations_on_demand_in_the_life_of_a_key(kms: Any, key: dict[str, Any]) -> None:
    arn = key["Arn"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=arn)
    text = (
        "The on-demand rotations limit has been reached for the given keyId. "
        f"No more on-demand rotations can be performed for this key: {arn}"
    )
    assert ("LimitExceededException", text) == refusal(kms.rotate_key_on_demand, KeyId=arn)
    assert b"x" == kms.decrypt(CiphertextBlob=blob)["Plaintext"]
    pages = list(kms.get_paginator("list_key_rotations").paginate(KeyId=arn, PaginationConfig={"PageSize": 10}))
    assert [10, 10, 5] == [len(page["Rotations"]) for page in pages]


def test_rotation_on_demand_waits_where_the_automatic_one_is_near(
    strongroom: InProcess, kms: Any, key: dict[str, Any]
) -> None:
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    strongroom.advance(timedelta(days=90) - timedelta(minutes=10))
    assert "ConflictException" == refusal(kms.rotate_key_on_demand, KeyId=key["KeyId"])[0]


def test_only_symmetric_keys_with_material_of_ours_are_rotated_by_themselves(kms: Any) -> None:
    mac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    for call in (
        kms.enable_key_rotation,
        kms.disable_key_rotation,
        kms.get_key_rotation_status,
        kms.list_key_rotations,
    ):
        assert "UnsupportedOperationException" == refusal(call, KeyId=mac)[0]
    assert ("UnsupportedOperationException", "") == refusal(kms.rotate_key_on_demand, KeyId=mac)
    outside = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    expected = (
        "UnsupportedOperationException",
        f"{outside} origin is EXTERNAL which is not valid for this operation.",
    )
    assert expected == refusal(kms.enable_key_rotation, KeyId=outside)
    assert ("KMSInvalidStateException", f"{outside} is pending import.") == refusal(
        kms.rotate_key_on_demand, KeyId=outside
    )


def test_an_aws_managed_key_is_rotated_every_year(strongroom: InProcess, account: Account, kms: Any) -> None:
    account.client("secretsmanager").create_secret(Name="db", SecretString="value")
    (alias,) = [one for one in kms.list_aliases()["Aliases"] if one["AliasName"] == "alias/aws/secretsmanager"]
    key_id = alias["TargetKeyId"]
    status = kms.get_key_rotation_status(KeyId=key_id)
    assert (True, 365) == (status["KeyRotationEnabled"], status["RotationPeriodInDays"])
    before = current(kms, key_id)
    strongroom.advance(timedelta(days=366))
    assert before != current(kms, key_id)
    assert "value" == account.client("secretsmanager").get_secret_value(SecretId="db")["SecretString"]
    assert "AccessDeniedException" == refusal(kms.disable_key_rotation, KeyId=key_id)[0]
