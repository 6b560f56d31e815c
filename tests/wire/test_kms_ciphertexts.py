"""Encrypt, Decrypt, ReEncrypt and data keys with stock boto3."""

from __future__ import annotations

from typing import Any

import pytest
from tests.inprocess import Account
from tests.wire.test_kms_keys import refusal

CONTEXT = {"Department": "IT", "Purpose": "Test"}


@pytest.fixture
def kms(account: Account) -> Any:
    return account.client("kms")


@pytest.fixture
def arn(kms: Any) -> str:
    made: str = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=made)
    return made


@pytest.mark.parametrize("size", [1, 32, 4096])
def test_what_was_encrypted_is_decrypted(kms: Any, arn: str, size: int) -> None:
    plaintext = bytes(range(256)) * 16
    blob = kms.encrypt(KeyId="alias/app", Plaintext=plaintext[:size], EncryptionContext=CONTEXT)
    assert (arn, "SYMMETRIC_DEFAULT") == (blob["KeyId"], blob["EncryptionAlgorithm"])
    assert len(blob["CiphertextBlob"]) <= 6144
    answer = kms.decrypt(CiphertextBlob=blob["CiphertextBlob"],
                         EncryptionContext=dict(reversed(CONTEXT.items())))  # fmt: skip
    current = kms.describe_key(KeyId=arn)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert (plaintext[:size], arn, current, "SYMMETRIC_DEFAULT") == (
        answer["Plaintext"], answer["KeyId"], answer["KeyMaterialId"], answer["EncryptionAlgorithm"]
    )  # fmt: skip


def test_too_much_plaintext_is_refused_without_showing_it(kms: Any, arn: str) -> None:
    """Source: facts aws-observed, "KMS: error shape"."""
    expected = (
        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
        "Member must have length less than or equal to 4096"
    )
    assert ("ValidationException", expected) == refusal(kms.encrypt, KeyId=arn, Plaintext=b"canary" * 700)


@pytest.mark.parametrize(
    "context",
    [{}, {"Department": "IT"}, CONTEXT | {"more": "x"}, {"department": "IT", "Purpose": "Test"}],
    ids=str,
)
def test_another_context_opens_nothing_and_no_reason_is_given(kms: Any, arn: str, context: dict[str, str]) -> None:
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    expected = ("InvalidCiphertextException", "")
    assert expected == refusal(kms.decrypt, CiphertextBlob=blob, EncryptionContext=context)


def test_a_damaged_ciphertext_opens_nothing(kms: Any, arn: str) -> None:
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    for damaged in (blob[:-1], blob[:-1] + bytes([blob[-1] ^ 1]), b"not a ciphertext", blob + b"\0"):
        for params in ({}, {"KeyId": arn}):
            assert "InvalidCiphertextException" == refusal(kms.decrypt, CiphertextBlob=damaged, **params)[0]


def test_the_wrong_key_is_told(kms: Any, arn: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    expected = (
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    )
    assert expected == refusal(kms.decrypt, CiphertextBlob=blob, KeyId=other)
    assert expected == refusal(kms.re_encrypt, CiphertextBlob=blob, SourceKeyId=other, DestinationKeyId=arn)


def test_a_message_moves_to_another_key_and_context(kms: Any, arn: str) -> None:
    other = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext=CONTEXT, DestinationKeyId=other,
        DestinationEncryptionContext={"new": "one"},
    )  # fmt: skip
    assert (arn, other) == (moved["SourceKeyId"], moved["KeyId"])
    answer = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"new": "one"})
    assert (b"x", other, moved["DestinationKeyMaterialId"]) == (
        answer["Plaintext"], answer["KeyId"], answer["KeyMaterialId"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("size", "length"),
    [({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1024}, 1024)],
)
def test_a_data_key_comes_in_the_clear_and_wrapped(kms: Any, arn: str, size: dict[str, Any], length: int) -> None:
    made = kms.generate_data_key(KeyId=arn, EncryptionContext=CONTEXT, **size)
    assert (length, arn) == (len(made["Plaintext"]), made["KeyId"])
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert (made["Plaintext"], made["KeyMaterialId"]) == (opened["Plaintext"], opened["KeyMaterialId"])


def test_a_data_key_can_come_wrapped_only(kms: Any, arn: str) -> None:
    made = kms.generate_data_key_without_plaintext(KeyId=arn, KeySpec="AES_256")
    assert "Plaintext" not in made
    assert 32 == len(kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"])


@pytest.mark.parametrize("size", [{}, {"KeySpec": "AES_256", "NumberOfBytes": 32}], ids=["neither", "both"])
def test_a_data_key_has_exactly_one_size(kms: Any, arn: str, size: dict[str, Any]) -> None:
    expected = ("ValidationException", "Please specify either number of bytes or key spec.")
    assert expected == refusal(kms.generate_data_key, KeyId=arn, **size)


def test_random_bytes_are_given_in_bounds(kms: Any) -> None:
    assert 1024 == len(kms.generate_random(NumberOfBytes=1024)["Plaintext"])
    assert ("ValidationException", "NumberOfBytes is required.") == refusal(kms.generate_random)
    expected = (
        "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: "
        "Member must have value less than or equal to 1024"
    )
    assert ("ValidationException", expected) == refusal(kms.generate_random, NumberOfBytes=1025)


def test_a_dry_run_tells_that_it_would_have_worked(kms: Any, arn: str) -> None:
    expected = (
        "DryRunOperationException",
        "The request would have succeeded, but the DryRun option is set.",
    )
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert expected == refusal(kms.encrypt, KeyId=arn, Plaintext=b"x", DryRun=True)
    assert expected == refusal(kms.decrypt, CiphertextBlob=blob, DryRun=True)
    assert "InvalidCiphertextException" == refusal(kms.decrypt, CiphertextBlob=b"no", DryRun=True)[0]
    ignoring = {"KeyId": arn, "DryRun": True, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}
    assert expected == refusal(kms.decrypt, **ignoring)


def test_what_needs_grants_or_another_algorithm_is_refused(kms: Any, arn: str) -> None:
    tokens = refusal(kms.encrypt, KeyId=arn, Plaintext=b"x", GrantTokens=["token"])
    assert "InvalidGrantTokenException" == tokens[0]
    expected = (
        "InvalidKeyUsageException",
        "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.",
    )
    algorithm = "RSAES_OAEP_SHA_256"
    assert expected == refusal(kms.encrypt, KeyId=arn, Plaintext=b"x", EncryptionAlgorithm=algorithm)
