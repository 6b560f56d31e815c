"""The AWS Encryption SDK for Python, unmodified: a file encrypted and decrypted under our key."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import aws_encryption_sdk
import pytest
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
from aws_encryption_sdk.identifiers import CommitmentPolicy
from aws_encryption_sdk.key_providers.kms import KMSMasterKey
from tests.inprocess import Account

CLIENT = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
CONTEXT = {"project": "brainybee", "stage": "test"}


def master_key(account: Account, arn: str, region: str = "us-east-1") -> KMSMasterKey:
    return KMSMasterKey(key_id=arn, client=account.client("kms", region))


def encrypt(source: Path, target: Path, key: KMSMasterKey) -> None:
    """As the SDK's documentation streams files."""
    with (
        source.open("rb") as plain,
        target.open("wb") as sealed,
        CLIENT.stream(mode="e", source=plain, key_provider=key, encryption_context=CONTEXT) as encryptor,
    ):
        for chunk in encryptor:
            sealed.write(chunk)


def decrypt(source: Path, key: KMSMasterKey) -> tuple[bytes, dict[str, Any]]:
    """The content, and the context that the file says."""
    with (
        source.open("rb") as sealed,
        CLIENT.stream(mode="d", source=sealed, key_provider=key) as decryptor,
    ):
        content = b"".join(decryptor)
        return content, dict(decryptor.header.encryption_context)


def test_a_file_is_encrypted_and_decrypted_under_our_key(account: Account, tmp_path: Path) -> None:
    arn = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    content = secrets.token_bytes(300_000)
    plain.write_bytes(content)
    encrypt(plain, sealed, master_key(account, arn))
    assert content[:64] not in sealed.read_bytes()
    opened, context = decrypt(sealed, master_key(account, arn))
    assert content == opened
    assert CONTEXT.items() <= context.items()


def test_what_was_encrypted_before_a_rotation_is_decrypted_after_it(account: Account, tmp_path: Path) -> None:
    kms = account.client("kms")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(b"content")
    encrypt(plain, sealed, master_key(account, arn))
    kms.rotate_key_on_demand(KeyId=arn)
    assert b"content" == decrypt(sealed, master_key(account, arn))[0]


def test_another_key_does_not_decrypt_it(account: Account, tmp_path: Path) -> None:
    kms = account.client("kms")
    arn, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(b"content")
    encrypt(plain, sealed, master_key(account, arn))
    with pytest.raises(AWSEncryptionSDKClientError):
        CLIENT.decrypt(source=sealed.read_bytes(), key_provider=master_key(account, other))
    kms.disable_key(KeyId=arn)
    with pytest.raises(AWSEncryptionSDKClientError):
        CLIENT.decrypt(source=sealed.read_bytes(), key_provider=master_key(account, arn))
