"""A key that takes long to make holds up nobody: neither readers nor writers of the same worker."""

from __future__ import annotations

import threading
import time

import pytest
from tests.inprocess import Account

from strongroom.kernel.crypto import keypairs

SECONDS = 1.5


def test_nobody_waits_for_a_slow_key(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The making is slowed down, not replaced, so that the claim does not hang on the machine's speed."""
    begun, real = threading.Event(), keypairs.generate

    def slow(spec: str) -> bytes:
        begun.set()
        time.sleep(SECONDS)
        return real(spec)

    monkeypatch.setattr(keypairs, "generate", slow)
    kms, secrets = account.client("kms"), account.client("secretsmanager")
    found: list[str] = []
    making = threading.Thread(
        target=lambda: found.append(
            account.client("kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        )
    )
    at = time.monotonic()
    making.start()
    assert begun.wait(10)
    secrets.create_secret(Name="db", SecretString="value")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    assert b"x" == kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"])["Plaintext"]
    assert [] == found, "the writes above were answered while the slow key was being made"
    making.join(20)
    assert time.monotonic() - at >= SECONDS
    assert "Enabled" == kms.describe_key(KeyId=found[0])["KeyMetadata"]["KeyState"]


def test_nobody_waits_for_a_slow_decryption(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    kms = account.client("kms")
    arn = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"]
    asked = {"KeyId": arn, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    blob = kms.encrypt(**asked, Plaintext=b"x")["CiphertextBlob"]
    symmetric = kms.create_key()["KeyMetadata"]["Arn"]
    begun, real = threading.Event(), keypairs.KeyPair.decrypt

    def slow(pair: keypairs.KeyPair, algorithm: str, ciphertext: bytes) -> bytes:
        begun.set()
        time.sleep(SECONDS)
        return real(pair, algorithm, ciphertext)

    monkeypatch.setattr(keypairs.KeyPair, "decrypt", slow)
    found: list[bytes] = []
    opening = threading.Thread(
        target=lambda: found.append(account.client("kms").decrypt(**asked, CiphertextBlob=blob)["Plaintext"])
    )
    opening.start()
    assert begun.wait(10)
    assert kms.encrypt(KeyId=symmetric, Plaintext=b"y")["CiphertextBlob"]
    assert kms.generate_data_key(KeyId=symmetric, KeySpec="AES_256")["Plaintext"]
    assert [] == found, "the reads above were answered while the slow one was being opened"
    opening.join(20)
    assert [b"x"] == found
