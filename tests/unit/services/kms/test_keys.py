"""Keys are kept sealed, cached by generation, and gone for good when deleted."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.services.kms.kernel import ACCOUNT, KEYRING, NOW, REGION, call_of, run

from strongroom.base.clock import to_ms
from strongroom.kernel.registry import Job
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.kernel.storage.port import NeedsWrite
from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services.kms import errors, keys
from strongroom.services.kms import store as rows
from strongroom.services.kms.jobs import delete_key
from strongroom.services.kms.keys import Key
from strongroom.services.kms.rules.identifiers import KeyName

SECRETS_MANAGER = "secretsmanager.amazonaws.com"
DEFAULT = "alias/aws/secretsmanager"


def make(store: SQLiteStore, **params: Any) -> dict[str, Any]:
    with store.write() as tx:
        made: dict[str, Any] = run(tx, "CreateKey", **params)["KeyMetadata"]
    return made


def encrypt(store: SQLiteStore, key_id: str, plaintext: bytes = b"message", **params: Any) -> bytes:
    with store.read() as tx:
        blob: bytes = run(tx, "Encrypt", KeyId=key_id, Plaintext=plaintext, **params)["CiphertextBlob"]
    return blob


def decrypt(store: SQLiteStore, blob: bytes, **params: Any) -> dict[str, Any]:
    with store.read() as tx:
        return dict(run(tx, "Decrypt", CiphertextBlob=blob, **params))


def test_a_new_key_has_every_member_of_its_metadata(store: SQLiteStore) -> None:
    """Source: facts aws-observed, "KMS: answers"."""
    made = make(store, Description="mine")
    assert {
        "AWSAccountId": ACCOUNT,
        "Arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{made['KeyId']}",
        "CreationDate": NOW,
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "Description": "mine",
        "Enabled": True,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "KeyManager": "CUSTOMER",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "MultiRegion": False,
        "Origin": "AWS_KMS",
    } == {name: value for name, value in made.items() if name not in ("KeyId", "CurrentKeyMaterialId")}
    assert 64 == len(made["CurrentKeyMaterialId"])


def test_material_lies_in_the_store_sealed_and_opens_only_as_its_own_keys(store: SQLiteStore, tmp_path: Path) -> None:
    one, two = make(store), make(store)
    raw = sqlite3.connect(tmp_path / "store.db")
    raw.execute(
        "UPDATE kms_material SET sealed = (SELECT sealed FROM kms_material WHERE material_id = ?) "
        "WHERE material_id = ?",
        (one["CurrentKeyMaterialId"], two["CurrentKeyMaterialId"]),
    )
    raw.commit()
    raw.close()
    with store.read() as tx, pytest.raises(SealBroken):
        run(tx, "Encrypt", KeyId=two["KeyId"], Plaintext=b"message")
    assert b"message" == decrypt(store, encrypt(store, one["KeyId"]))["Plaintext"]


def test_a_change_is_seen_by_the_next_call_although_keys_are_cached(store: SQLiteStore) -> None:
    key_id = make(store)["KeyId"]
    blob = encrypt(store, key_id)
    with store.write() as tx:
        run(tx, "DisableKey", KeyId=key_id)
    with pytest.raises(errors.DisabledException):
        decrypt(store, blob)
    with store.write() as tx:
        run(tx, "EnableKey", KeyId=key_id)
    assert b"message" == decrypt(store, blob)["Plaintext"]


def test_a_key_that_was_looked_for_in_vain_is_found_once_it_is_made(store: SQLiteStore) -> None:
    with store.read() as tx, pytest.raises(errors.NotFoundException):
        run(tx, "DescribeKey", KeyId="alias/app")
    key_id = make(store)["KeyId"]
    with store.write() as tx:
        rows.add_alias(tx, ACCOUNT, REGION, "alias/app", key_pk=1, now_ms=0)
    with store.read() as tx:
        assert key_id == run(tx, "DescribeKey", KeyId="alias/app")["KeyMetadata"]["KeyId"]


def test_the_default_key_is_made_when_its_service_first_needs_it(store: SQLiteStore) -> None:
    with store.read() as tx, pytest.raises(NeedsWrite):
        run(tx, "GenerateDataKey", KeyId=DEFAULT, KeySpec="AES_256", invoked_by=SECRETS_MANAGER)
    with store.write() as tx:
        made = run(tx, "GenerateDataKey", KeyId=DEFAULT, KeySpec="AES_256", invoked_by=SECRETS_MANAGER)
    with store.read() as tx:
        again = run(tx, "GenerateDataKey", KeyId=DEFAULT, KeySpec="AES_256", invoked_by=SECRETS_MANAGER)
        told = run(tx, "DescribeKey", KeyId=DEFAULT)["KeyMetadata"]
    assert made["KeyId"] == again["KeyId"] == told["Arn"]
    assert "AWS" == told["KeyManager"]
    assert "Default key that protects my Secrets Manager data when no other key is defined" == told["Description"]
    assert made["Plaintext"] == decrypt(store, made["CiphertextBlob"])["Plaintext"]


def test_describing_the_predefined_alias_makes_the_default_key_too(store: SQLiteStore) -> None:
    """Source: KMS API reference, DescribeKey."""
    with store.read() as tx, pytest.raises(NeedsWrite):
        run(tx, "DescribeKey", KeyId=DEFAULT)
    with store.write() as tx:
        assert "AWS" == run(tx, "DescribeKey", KeyId=DEFAULT)["KeyMetadata"]["KeyManager"]


@pytest.mark.parametrize(
    ("alias", "invoked_by"),
    [(DEFAULT, None), (DEFAULT, "lambda.amazonaws.com"), ("alias/aws/other", SECRETS_MANAGER),
     (f"arn:aws:kms:{REGION}:444455556666:{DEFAULT}", SECRETS_MANAGER)],
)  # fmt: skip
def test_nobody_else_brings_a_default_key_into_being(store: SQLiteStore, alias: str, invoked_by: str | None) -> None:
    with store.write() as tx, pytest.raises(errors.NotFoundException):
        run(tx, "GenerateDataKey", KeyId=alias, KeySpec="AES_256", invoked_by=invoked_by)


def test_the_condition_keys_of_a_key_say_what_it_is(store: SQLiteStore) -> None:
    made = make(store)
    with store.write() as tx:
        run(tx, "TagResource", KeyId=made["KeyId"], Tags=[{"TagKey": "Team", "TagValue": "blue"}])
        rows.add_alias(tx, ACCOUNT, REGION, "alias/app", key_pk=1, now_ms=0)
    with store.read() as tx:
        name = KeyName(ACCOUNT, REGION, made["KeyId"])
        assert {
            "kms:keyspec": "SYMMETRIC_DEFAULT",
            "kms:keyusage": "ENCRYPT_DECRYPT",
            "kms:keyorigin": "AWS_KMS",
            "kms:multiregion": "false",
            "kms:resourcealiases": ("alias/app",),
            "aws:resourcetag/team": "blue",
        } == keys.key_target(call_of("DescribeKey", {}), tx, name).facts


def test_a_keys_repr_does_not_show_its_material(store: SQLiteStore) -> None:
    made = make(store)
    with store.read() as tx:
        key: Key = keys.key_target(call_of("Encrypt", {}), tx, KeyName(ACCOUNT, REGION, made["KeyId"])).found
    assert "Material" not in repr(key)


class Run:
    """A job's run at one moment, keeping its records."""

    entropy, keyring = call_of("", {}).kernel.entropy, KEYRING

    def __init__(self, after: timedelta) -> None:
        self.now = NOW + after
        self.recorded: list[dict[str, Any]] = []

    def record(self, **event: Any) -> None:
        self.recorded.append(event)


def test_a_key_is_deleted_with_all_it_has_when_its_window_is_over(store: SQLiteStore) -> None:
    made = make(store)
    blob = encrypt(store, made["KeyId"])
    with store.write() as tx:
        run(tx, "TagResource", KeyId=made["KeyId"], Tags=[{"TagKey": "a", "TagValue": "b"}])
        rows.add_alias(tx, ACCOUNT, REGION, "alias/app", key_pk=1, now_ms=0)
        answer = run(tx, "ScheduleKeyDeletion", KeyId=made["KeyId"], PendingWindowInDays=7)
    assert NOW + timedelta(days=7) == answer["DeletionDate"]
    early, late = Run(timedelta(days=7, milliseconds=-1)), Run(timedelta(days=7))
    with store.write() as tx:
        delete_key(Job("kms:delete-key", "1", 1), early, tx)
    assert [] == early.recorded
    with store.write() as tx:
        delete_key(Job("kms:delete-key", "1", 1), late, tx)
    assert [{"service": "kms", "name": "DeleteKey", "account": ACCOUNT, "region": REGION,
             "details": {"keyId": made["Arn"]}}] == late.recorded  # fmt: skip
    with store.read() as tx:
        for table in (rows.key, rows.material, rows.alias, rows.tag):
            assert [] == list(tx.rows(table.select()))
    with pytest.raises(errors.NotFoundException):
        decrypt(store, blob)


def test_a_deletion_called_off_is_not_done(store: SQLiteStore) -> None:
    key_id = make(store)["KeyId"]
    with store.write() as tx:
        run(tx, "ScheduleKeyDeletion", KeyId=key_id)
        run(tx, "CancelKeyDeletion", KeyId=key_id)
    late = Run(timedelta(days=365))
    with store.write() as tx:
        delete_key(Job("kms:delete-key", "1", 1), late, tx)
        delete_key(Job("kms:delete-key", "99", 1), late, tx)
        assert "Disabled" == run(tx, "DescribeKey", KeyId=key_id)["KeyMetadata"]["KeyState"]
    assert [] == late.recorded


def test_a_pending_key_tells_when_it_will_be_deleted(store: SQLiteStore) -> None:
    key_id = make(store)["KeyId"]
    with store.write() as tx:
        run(tx, "ScheduleKeyDeletion", KeyId=key_id)
    with store.read() as tx:
        told = run(tx, "DescribeKey", KeyId=key_id)["KeyMetadata"]
        stored = rows.key_row(tx, ACCOUNT, REGION, key_id)
    assert (False, "PendingDeletion", NOW + timedelta(days=30)) == (
        told["Enabled"], told["KeyState"], told["DeletionDate"]
    )  # fmt: skip
    assert stored is not None
    assert to_ms(told["DeletionDate"]) == stored.deletion_ms
