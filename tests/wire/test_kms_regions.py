"""Multi-Region keys with stock boto3: replicated, used in each Region, promoted, deleted in order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.wire.test_kms_imports import bring
from tests.wire.test_kms_keys import refusal
from tests.wire.test_kms_permissions import User, policy, root

HERE, THERE = "us-east-1", "eu-west-1"


@pytest.fixture
def kms(account: Account) -> Any:
    return account.client("kms")


@pytest.fixture
def there(account: Account) -> Any:
    return account.client("kms", THERE)


@pytest.fixture
def key(kms: Any) -> dict[str, Any]:
    made: dict[str, Any] = kms.create_key(MultiRegion=True)["KeyMetadata"]
    return made


def arn_in(key: dict[str, Any], region: str) -> str:
    return str(key["Arn"]).replace(HERE, region)


def test_a_primary_key_says_what_it_is(key: dict[str, Any]) -> None:
    assert key["KeyId"].startswith("mrk-")
    assert 36 == len(key["KeyId"])
    assert key["MultiRegion"] is True
    assert {
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": {"Arn": key["Arn"], "Region": HERE},
        "ReplicaKeys": [],
    } == key["MultiRegionConfiguration"]


def test_a_replica_has_the_material_and_nothing_else_of_its_primary(kms: Any, there: Any, key: dict[str, Any]) -> None:
    """Source: facts aws-observed, "KMS: answers", ReplicateKey."""
    kms.create_alias(AliasName="alias/app", TargetKeyId=key["KeyId"])
    kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "a", "TagValue": "1"}])
    made = kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion=THERE, Tags=[{"TagKey": "b", "TagValue": "2"}])
    told = made["ReplicaKeyMetadata"]
    assert ("Creating", False, "", key["KeyId"]) == (
        told["KeyState"], told["Enabled"], told["Description"], told["KeyId"]
    )  # fmt: skip
    assert "CurrentKeyMaterialId" not in told
    assert "key-default-1" in made["ReplicaPolicy"]
    assert (
        [{"TagKey": "b", "TagValue": "2"}]
        == made["ReplicaTags"]
        == there.list_resource_tags(KeyId=key["KeyId"])["Tags"]
    )
    assert [] == there.list_aliases(KeyId=key["KeyId"])["Aliases"]
    shown = there.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert ("Enabled", key["CurrentKeyMaterialId"], arn_in(key, THERE)) == (
        shown["KeyState"], shown["CurrentKeyMaterialId"], shown["Arn"]
    )  # fmt: skip
    assert {
        "MultiRegionKeyType": "REPLICA",
        "PrimaryKey": {"Arn": key["Arn"], "Region": HERE},
        "ReplicaKeys": [{"Arn": arn_in(key, THERE), "Region": THERE}],
    } == shown["MultiRegionConfiguration"]
    for one, other in ((kms, there), (there, kms)):
        blob = one.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]
        for named in ({}, {"KeyId": key["KeyId"]}):
            assert b"x" == other.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"}, **named)["Plaintext"]
        assert "InvalidCiphertextException" == refusal(other.decrypt, CiphertextBlob=blob)[0]


def test_a_key_of_one_region_is_unknown_in_another(kms: Any, there: Any) -> None:
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert "AccessDeniedException" == refusal(there.decrypt, CiphertextBlob=blob)[0]
    refused = refusal(kms.replicate_key, KeyId=arn, ReplicaRegion=THERE)
    assert ("UnsupportedOperationException", f"{arn} is not a multi-region primary key.") == refused


def test_what_cannot_be_replicated_is_refused(kms: Any, there: Any, key: dict[str, Any]) -> None:
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion=THERE)
    assert "AlreadyExistsException" == refusal(kms.replicate_key, KeyId=key["KeyId"], ReplicaRegion=THERE)[0]
    assert "AlreadyExistsException" == refusal(kms.replicate_key, KeyId=key["KeyId"], ReplicaRegion=HERE)[0]
    refused = refusal(there.replicate_key, KeyId=key["KeyId"], ReplicaRegion="us-west-2")
    assert ("UnsupportedOperationException", f"{arn_in(key, THERE)} is not a multi-region primary key.") == refused
    moon = refusal(kms.replicate_key, KeyId=key["KeyId"], ReplicaRegion="xx-moon-1")
    assert "UnsupportedOperationException" == moon[0]
    kms.disable_key(KeyId=key["KeyId"])
    disabled = refusal(kms.replicate_key, KeyId=key["KeyId"], ReplicaRegion="us-west-2")
    assert ("DisabledException", f"{key['Arn']} is disabled.") == disabled


def test_rotation_is_one_for_all_regions(strongroom: InProcess, kms: Any, there: Any, key: dict[str, Any]) -> None:
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion=THERE)
    assert 90 == there.get_key_rotation_status(KeyId=key["KeyId"])["RotationPeriodInDays"]
    for call in (there.enable_key_rotation, there.disable_key_rotation, there.rotate_key_on_demand):
        assert "UnsupportedOperationException" == refusal(call, KeyId=key["KeyId"])[0]
    old = there.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]

    def materials() -> set[str]:
        return {one.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"] for one in (kms, there)}

    before = materials()
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    between = materials()
    strongroom.advance(timedelta(days=91))
    after = materials()
    assert [1, 1, 1, 3] == [len(before), len(between), len(after), len(before | between | after)]
    new = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"y")["CiphertextBlob"]
    assert (b"x", b"y") == (
        kms.decrypt(CiphertextBlob=old)["Plaintext"], there.decrypt(CiphertextBlob=new)["Plaintext"]
    )  # fmt: skip


def test_a_replica_becomes_the_primary_and_takes_rotation_with_it(
    strongroom: InProcess, kms: Any, there: Any, key: dict[str, Any]
) -> None:
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    missing = refusal(kms.update_primary_region, KeyId=key["KeyId"], PrimaryRegion=THERE)
    assert ("NotFoundException", f"Key '{arn_in(key, THERE)}' does not exist") == missing
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion=THERE)
    kms.update_primary_region(KeyId=key["KeyId"], PrimaryRegion=THERE)
    for one, kind in ((kms, "REPLICA"), (there, "PRIMARY")):
        shown = one.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["MultiRegionConfiguration"]
        assert (kind, THERE) == (shown["MultiRegionKeyType"], shown["PrimaryKey"]["Region"])
        assert [{"Arn": key["Arn"], "Region": HERE}] == shown["ReplicaKeys"]
    before = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"]
    strongroom.advance(timedelta(days=91))
    assert before != kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"]
    assert 1 == len(there.list_key_rotations(KeyId=key["KeyId"])["Rotations"])
    back = refusal(kms.update_primary_region, KeyId=key["KeyId"], PrimaryRegion=HERE)
    assert ("UnsupportedOperationException", f"{key['Arn']} is not a multi-region primary key.") == back


def test_a_primary_is_deleted_only_after_its_last_replica(
    strongroom: InProcess, kms: Any, there: Any, key: dict[str, Any]
) -> None:
    key_id = key["KeyId"]
    kms.replicate_key(KeyId=key_id, ReplicaRegion=THERE)
    scheduled = kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=10)
    assert ("PendingReplicaDeletion", 10) == (scheduled["KeyState"], scheduled["PendingWindowInDays"])
    assert "DeletionDate" not in scheduled
    shown = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert 10 == shown["PendingDeletionWindowInDays"]
    assert "DeletionDate" not in shown
    expected = ("KMSInvalidStateException", f"{key['Arn']} is pending replica deletion.")
    assert expected == refusal(kms.encrypt, KeyId=key_id, Plaintext=b"x")
    strongroom.advance(timedelta(days=40))
    assert (
        b"x" == there.decrypt(CiphertextBlob=there.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"])["Plaintext"]
    )
    there.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    strongroom.advance(timedelta(days=8))
    assert "NotFoundException" == refusal(there.describe_key, KeyId=key_id)[0]
    waiting = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert ("PendingDeletion", []) == (waiting["KeyState"], waiting["MultiRegionConfiguration"]["ReplicaKeys"])
    assert "DeletionDate" in waiting
    strongroom.advance(timedelta(days=11))
    assert "NotFoundException" == refusal(kms.describe_key, KeyId=key_id)[0]


def test_a_waiting_deletion_can_be_called_off(kms: Any, key: dict[str, Any]) -> None:
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion=THERE)
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    shown = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert "Disabled" == shown["KeyState"]
    assert "PendingDeletionWindowInDays" not in shown


def test_other_kinds_of_keys_are_replicated_too(kms: Any, there: Any) -> None:
    mac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC", MultiRegion=True)["KeyMetadata"]["KeyId"]
    kms.replicate_key(KeyId=mac, ReplicaRegion=THERE)
    asked = {"KeyId": mac, "Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
    assert kms.generate_mac(**asked)["Mac"] == there.generate_mac(**asked)["Mac"]
    signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", MultiRegion=True)["KeyMetadata"]["KeyId"]
    kms.replicate_key(KeyId=signing, ReplicaRegion=THERE)
    assert kms.get_public_key(KeyId=signing)["PublicKey"] == there.get_public_key(KeyId=signing)["PublicKey"]


def test_imported_material_is_imported_in_each_region_for_itself(kms: Any, there: Any) -> None:
    key = kms.create_key(Origin="EXTERNAL", MultiRegion=True)["KeyMetadata"]
    secret = b"s" * 32
    bring(kms, key["Arn"], secret)
    blob = kms.encrypt(KeyId=key["Arn"], Plaintext=b"x")["CiphertextBlob"]
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion=THERE)
    assert "PendingImport" == there.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
    with pytest.raises(there.exceptions.IncorrectKeyMaterialException):
        bring(there, arn_in(key, THERE), b"t" * 32)
    bring(there, arn_in(key, THERE), secret)
    assert b"x" == there.decrypt(CiphertextBlob=blob)["Plaintext"]
    bring(kms, key["Arn"], b"t" * 32, ImportType="NEW_KEY_MATERIAL")
    assert "KMSInvalidStateException" == refusal(kms.rotate_key_on_demand, KeyId=key["Arn"])[0]
    bring(there, arn_in(key, THERE), b"t" * 32)
    kms.rotate_key_on_demand(KeyId=key["Arn"])
    blob = there.encrypt(KeyId=key["KeyId"], Plaintext=b"y")["CiphertextBlob"]
    assert b"y" == kms.decrypt(CiphertextBlob=blob)["Plaintext"]


def test_replicating_and_promoting_need_rights_in_both_regions(
    account: Account, kms: Any, there: Any, key: dict[str, Any]
) -> None:
    user = User(account, "ann")
    user.may("kms:ReplicateKey", Condition={"StringEquals": {"kms:ReplicaRegion": THERE}})
    code, message = refusal(user.kms.replicate_key, KeyId=key["KeyId"], ReplicaRegion=THERE)
    assert ("AccessDeniedException", True) == (code, "kms:CreateKey" in message)
    assert "AccessDeniedException" == refusal(user.kms.replicate_key, KeyId=key["KeyId"], ReplicaRegion="us-west-2")[0]
    user.may("kms:ReplicateKey", "kms:CreateKey")
    user.kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion=THERE)
    user.may("kms:UpdatePrimaryRegion")
    deny = {"Effect": "Deny", "Principal": {"AWS": user.arn}, "Action": "kms:UpdatePrimaryRegion"}
    there.put_key_policy(KeyId=key["KeyId"], Policy=policy(root(account), deny))
    assert (
        "AccessDeniedException" == refusal(user.kms.update_primary_region, KeyId=key["KeyId"], PrimaryRegion=THERE)[0]
    )
    there.put_key_policy(KeyId=key["KeyId"], Policy=policy(root(account)))
    user.kms.update_primary_region(KeyId=key["KeyId"], PrimaryRegion=THERE)
