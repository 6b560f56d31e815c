"""Imported key material with stock boto3: wrapped outside, taken in, expired, deleted, imported again."""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from tests.inprocess import Account, InProcess
from tests.wire.test_kms_keys import refusal

NEVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
SHA = {"SHA_1": hashes.SHA1(), "SHA_256": hashes.SHA256()}


@pytest.fixture
def kms(account: Account) -> Any:
    return account.client("kms")


@pytest.fixture
def arn(kms: Any) -> str:
    made: str = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    return made


def wrapped(
    kms: Any, arn: str, secret: bytes, algorithm: str = "RSAES_OAEP_SHA_256", spec: str = "RSA_2048"
) -> dict[str, Any]:
    """Token and wrapped material, as a client makes them with the public key that it was given."""
    given = kms.get_parameters_for_import(KeyId=arn, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)
    assert arn == given["KeyId"]
    key = serialization.load_der_public_key(given["PublicKey"])
    assert isinstance(key, rsa.RSAPublicKey)
    used = SHA[algorithm.partition("SHA")[1] + algorithm.partition("SHA")[2]]
    oaep = padding.OAEP(padding.MGF1(used), used, None)
    if algorithm.startswith("RSAES"):
        sealed = key.encrypt(secret, oaep)
    else:
        aes = os.urandom(32)
        sealed = key.encrypt(aes, oaep) + keywrap.aes_key_wrap_with_padding(aes, secret)
    return {"KeyId": arn, "ImportToken": given["ImportToken"], "EncryptedKeyMaterial": sealed}


def bring(kms: Any, arn: str, secret: bytes, **more: Any) -> dict[str, Any]:
    asked = {**wrapped(kms, arn, secret), **(more if "ValidTo" in more else NEVER | more)}
    return dict(kms.import_key_material(**asked))


def told(kms: Any, arn: str) -> dict[str, Any]:
    return dict(kms.describe_key(KeyId=arn)["KeyMetadata"])


@pytest.mark.parametrize(
    ("algorithm", "spec"),
    [
        ("RSAES_OAEP_SHA_1", "RSA_2048"),
        ("RSAES_OAEP_SHA_256", "RSA_3072"),
        ("RSA_AES_KEY_WRAP_SHA_1", "RSA_2048"),
        ("RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"),
    ],
)
def test_a_key_waits_for_its_material_and_works_once_it_has_come(kms: Any, arn: str, algorithm: str, spec: str) -> None:
    before = told(kms, arn)
    assert (False, "PendingImport", "EXTERNAL") == (before["Enabled"], before["KeyState"], before["Origin"])
    assert not {"CurrentKeyMaterialId", "ExpirationModel", "ValidTo"} & set(before)
    expected = ("KMSInvalidStateException", f"{arn} is pending import.")
    assert expected == refusal(kms.encrypt, KeyId=arn, Plaintext=b"x")
    answer = kms.import_key_material(**wrapped(kms, arn, os.urandom(32), algorithm, spec), **NEVER)
    after = told(kms, arn)
    assert (True, "Enabled", answer["KeyMaterialId"]) == (
        after["Enabled"], after["KeyState"], after["CurrentKeyMaterialId"]
    )  # fmt: skip
    assert ("KEY_MATERIAL_DOES_NOT_EXPIRE", arn) == (after["ExpirationModel"], answer["KeyId"])
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert b"x" == kms.decrypt(CiphertextBlob=blob)["Plaintext"]


def test_material_that_was_deleted_opens_everything_again_once_the_same_is_imported(kms: Any, arn: str) -> None:
    secret = os.urandom(32)
    material = bring(kms, arn, secret)["KeyMaterialId"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    deleted = kms.delete_imported_key_material(KeyId=arn)
    assert (arn, material) == (deleted["KeyId"], deleted["KeyMaterialId"])
    gone = told(kms, arn)
    assert ("PendingImport", material) == (gone["KeyState"], gone["CurrentKeyMaterialId"])
    assert "ExpirationModel" not in gone
    assert "KMSInvalidStateException" == refusal(kms.decrypt, CiphertextBlob=blob)[0]
    kms.delete_imported_key_material(KeyId=arn)  # of what is gone already, nothing changes
    assert (
        "IncorrectKeyMaterialException"
        == refusal(kms.import_key_material, **wrapped(kms, arn, os.urandom(32)), **NEVER)[0]
    )
    assert material == bring(kms, arn, secret)["KeyMaterialId"]
    assert b"x" == kms.decrypt(CiphertextBlob=blob)["Plaintext"]


def test_material_expires_on_its_day_and_can_be_given_another(strongroom: InProcess, kms: Any, arn: str) -> None:
    secret, now = os.urandom(32), told(kms, arn)["CreationDate"]
    bring(kms, arn, secret, ValidTo=now + timedelta(days=10))
    first = told(kms, arn)
    assert "KEY_MATERIAL_EXPIRES" == first["ExpirationModel"]
    assert abs(first["ValidTo"] - now - timedelta(days=10)) < timedelta(seconds=1)
    bring(kms, arn, secret, ValidTo=now + timedelta(days=20))
    strongroom.advance(timedelta(days=11))
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    strongroom.advance(timedelta(days=10))
    assert "PendingImport" == told(kms, arn)["KeyState"]
    assert "KMSInvalidStateException" == refusal(kms.decrypt, CiphertextBlob=blob)[0]
    bring(kms, arn, secret)
    strongroom.advance(timedelta(days=400))
    assert b"x" == kms.decrypt(CiphertextBlob=blob)["Plaintext"]


def test_new_material_waits_for_its_rotation(kms: Any, arn: str) -> None:
    """Source: facts aws-observed, "KMS: answers"; ListKeyRotations."""
    first = bring(kms, arn, os.urandom(32))["KeyMaterialId"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    nothing = ("KMSInvalidStateException", f"No available key material pending rotation for the key: {arn}.")
    assert nothing == refusal(kms.rotate_key_on_demand, KeyId=arn)
    new = {"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "second"}
    second = bring(kms, arn, os.urandom(32), **new)["KeyMaterialId"]
    assert first == told(kms, arn)["CurrentKeyMaterialId"]
    code, message = refusal(kms.import_key_material, **wrapped(kms, arn, os.urandom(32)), **NEVER, **new)
    assert "KMSInvalidStateException" == code
    assert message.endswith(
        f"cannot be imported into KMS key {arn}, because another key material (id: {second}) is pending rotation."
    )
    every = kms.list_key_rotations(KeyId=arn, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [("CURRENT", "IMPORTED"), ("PENDING_ROTATION", "IMPORTED")] == [
        (one["KeyMaterialState"], one["ImportState"]) for one in every
    ]
    assert "second" == every[1]["KeyMaterialDescription"]
    kms.rotate_key_on_demand(KeyId=arn)
    assert second == told(kms, arn)["CurrentKeyMaterialId"]
    assert first == kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"]
    kms.delete_imported_key_material(KeyId=arn, KeyMaterialId=first)  # what older ciphertexts need is missed too
    assert "PendingImport" == told(kms, arn)["KeyState"]
    every = kms.list_key_rotations(KeyId=arn, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert ["PENDING_IMPORT", "IMPORTED"] == [one["ImportState"] for one in every]


def test_hmac_and_private_keys_can_be_imported(kms: Any) -> None:
    secret = os.urandom(40)
    mac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC", Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    assert "KeyMaterialId" not in bring(kms, mac, secret)
    made = kms.generate_mac(KeyId=mac, Message=b"x", MacAlgorithm="HMAC_SHA_256")["Mac"]
    assert hmac.digest(secret, b"x", hashlib.sha256) == made
    assert (
        "IncorrectKeyMaterialException"
        == refusal(kms.import_key_material, **wrapped(kms, mac, secret[:31]), **NEVER)[0]
    )

    private = ec.generate_private_key(ec.SECP256R1())
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    curve = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    other = kms.create_key(KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY", Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    wrap = "RSA_AES_KEY_WRAP_SHA_256"
    assert (
        "IncorrectKeyMaterialException"
        == refusal(kms.import_key_material, **wrapped(kms, other, der, wrap), **NEVER)[0]
    )
    kms.import_key_material(**wrapped(kms, curve, der, wrap), **NEVER)
    signature = kms.sign(KeyId=curve, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    private.public_key().verify(signature, b"x", ec.ECDSA(hashes.SHA256()))
    another = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for kind in ({}, {"ImportType": "NEW_KEY_MATERIAL"}):
        asked = wrapped(kms, curve, another, wrap)
        assert "IncorrectKeyMaterialException" == refusal(kms.import_key_material, **asked, **NEVER, **kind)[0]
    kms.delete_imported_key_material(KeyId=curve)
    expected = ("KMSInvalidStateException", f"{curve} is pending import.")
    assert expected == refusal(kms.sign, KeyId=curve, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")
    kms.import_key_material(**wrapped(kms, curve, der, wrap), **NEVER)
    assert kms.verify(KeyId=curve, Message=b"x", SigningAlgorithm="ECDSA_SHA_256", Signature=signature)[
        "SignatureValid"
    ]


def test_a_token_is_good_for_its_key_for_a_day_and_as_it_was_given(
    strongroom: InProcess, account: Account, kms: Any, arn: str
) -> None:
    other = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    asked = wrapped(kms, arn, os.urandom(32))
    assert "InvalidImportTokenException" == refusal(kms.import_key_material, **{**asked, "KeyId": other}, **NEVER)[0]
    token = asked["ImportToken"]
    for bad in (token[:-1], token[:-1] + bytes([token[-1] ^ 1]), b"x"):
        refused = refusal(kms.import_key_material, **{**asked, "ImportToken": bad}, **NEVER)
        assert "InvalidImportTokenException" == refused[0]
    sealed = asked["EncryptedKeyMaterial"]
    for bad in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"x"):
        refused = refusal(kms.import_key_material, **{**asked, "EncryptedKeyMaterial": bad}, **NEVER)
        assert ("InvalidCiphertextException", "") == refused
    short = wrapped(kms, arn, os.urandom(31))
    assert "IncorrectKeyMaterialException" == refusal(kms.import_key_material, **short, **NEVER)[0]
    strongroom.advance(timedelta(hours=25))
    assert "ExpiredImportTokenException" == refusal(kms.import_key_material, **asked, **NEVER)[0]
    assert "PendingImport" == told(kms, arn)["KeyState"]


def test_what_goes_with_an_expiry_is_checked(kms: Any, arn: str) -> None:
    asked = wrapped(kms, arn, os.urandom(32))
    expected = ("ValidationException", "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
    assert expected == refusal(kms.import_key_material, **asked)
    now = told(kms, arn)["CreationDate"]
    for moment in (now - timedelta(days=1), now + timedelta(days=366)):
        assert "ValidationException" == refusal(kms.import_key_material, **asked, ValidTo=moment)[0]
    both = {**asked, **NEVER, "ValidTo": datetime.now(UTC)}
    assert "ValidationException" == refusal(kms.import_key_material, **both)[0]


def test_keys_with_material_of_ours_take_no_other(kms: Any) -> None:
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    expected = (
        "UnsupportedOperationException",
        f"{arn} origin is AWS_KMS which is not valid for this operation.",
    )
    asked = {"KeyId": arn, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    assert expected == refusal(kms.get_parameters_for_import, **asked)
    assert expected == refusal(kms.delete_imported_key_material, KeyId=arn)
    made_up = {"KeyId": arn, "ImportToken": b"x", "EncryptedKeyMaterial": b"x"}
    assert expected == refusal(kms.import_key_material, **made_up, **NEVER)


def test_wrapping_that_is_no_longer_accepted_is_refused(kms: Any, arn: str) -> None:
    for algorithm, spec in (("RSAES_PKCS1_V1_5", "RSA_2048"), ("SM2PKE", "SM2"), ("SM2PKE", "RSA_2048")):
        asked = {"KeyId": arn, "WrappingAlgorithm": algorithm, "WrappingKeySpec": spec}
        assert "UnsupportedOperationException" == refusal(kms.get_parameters_for_import, **asked)[0]


def test_a_key_without_its_material_cannot_be_enabled_into_use(strongroom: InProcess, kms: Any, arn: str) -> None:
    """Expired while it was disabled, or while it was to be deleted: it waits for its material all the same."""
    secret = os.urandom(32)
    bring(kms, arn, secret, ValidTo=told(kms, arn)["CreationDate"] + timedelta(days=5))
    kms.disable_key(KeyId=arn)
    strongroom.advance(timedelta(days=6))
    assert "PendingImport" == told(kms, arn)["KeyState"]
    expected = ("KMSInvalidStateException", f"{arn} is pending import.")
    assert expected == refusal(kms.enable_key, KeyId=arn)
    bring(kms, arn, secret)
    kms.schedule_key_deletion(KeyId=arn)
    kms.delete_imported_key_material(KeyId=arn)
    assert "PendingDeletion" == told(kms, arn)["KeyState"]
    kms.cancel_key_deletion(KeyId=arn)
    assert "PendingImport" == told(kms, arn)["KeyState"]
    assert expected == refusal(kms.encrypt, KeyId=arn, Plaintext=b"x")


def test_a_deletion_called_off_leaves_a_whole_key_disabled(kms: Any, arn: str) -> None:
    bring(kms, arn, os.urandom(32))
    kms.schedule_key_deletion(KeyId=arn)
    kms.cancel_key_deletion(KeyId=arn)
    assert "Disabled" == told(kms, arn)["KeyState"]
