"""A ciphertext opens as it was made, or not at all; and what is wrong with it is not told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.kms.kernel import ACCOUNT, REGION, run

from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing.envelope import Material, message_header, open_message, seal_message
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services.kms import errors
from strongroom.services.kms.ciphertext import message_of, with_check

CONTEXT = {"SecretARN": "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf"}


@pytest.fixture
def made(store: SQLiteStore) -> tuple[str, bytes]:
    """A key's id, and a ciphertext under it."""
    with store.write() as tx:
        key_id = run(tx, "CreateKey")["KeyMetadata"]["KeyId"]
    with store.read() as tx:
        blob = run(tx, "Encrypt", KeyId=key_id, Plaintext=b"message", EncryptionContext=CONTEXT)["CiphertextBlob"]
    return key_id, blob


def test_a_flipped_bit_anywhere_is_an_invalid_ciphertext_and_nothing_more(
    store: SQLiteStore, made: tuple[str, bytes]
) -> None:
    key_id, blob = made
    for named in ({}, {"KeyId": key_id}):
        with store.read() as tx:
            for place in range(len(blob) * 8):
                damaged = bytearray(blob)
                damaged[place // 8] ^= 1 << place % 8
                with pytest.raises(errors.InvalidCiphertextException) as caught:
                    run(tx, "Decrypt", CiphertextBlob=bytes(damaged), EncryptionContext=CONTEXT, **named)
                assert caught.value.message is None, place


def test_a_flipped_bit_under_a_new_check_never_opens(store: SQLiteStore, made: tuple[str, bytes]) -> None:
    """Who makes the check again, as he can, is told of another key at most."""
    key_id, blob = made
    message = message_of(blob)
    with store.read() as tx:
        for place in range(len(message) * 8):
            damaged = bytearray(message)
            damaged[place // 8] ^= 1 << place % 8
            with pytest.raises((errors.InvalidCiphertextException, errors.IncorrectKeyException)):
                run(tx, "Decrypt", KeyId=key_id, CiphertextBlob=with_check(bytes(damaged)), EncryptionContext=CONTEXT)


def test_what_is_cut_or_longer_is_an_invalid_ciphertext(store: SQLiteStore, made: tuple[str, bytes]) -> None:
    key_id, blob = made
    with store.read() as tx:
        for whole, again in ((blob, bytes), (message_of(blob), with_check)):
            cut = [whole[:length] for length in range(1, len(whole))]
            for damaged in [*cut, whole + b"\0", b"\0" + whole, whole * 2]:
                with pytest.raises(errors.InvalidCiphertextException):
                    run(tx, "Decrypt", KeyId=key_id, CiphertextBlob=again(damaged), EncryptionContext=CONTEXT)


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_bytes_from_anywhere_are_an_invalid_ciphertext(blob: bytes) -> None:
    with pytest.raises(errors.InvalidCiphertextException):
        message_of(blob)
    with pytest.raises(SealBroken):
        open_message(Material(bytes(32)), message_of(with_check(blob)), {})


def test_a_message_of_one_material_opens_under_no_other_with_the_same_name(
    store: SQLiteStore, made: tuple[str, bytes]
) -> None:
    """The commitment: imported material is known to its owner, who could else make one ciphertext for two keys."""
    key_id, blob = made
    header = message_header(message_of(blob))
    assert (ACCOUNT, REGION, key_id) == (header.account, header.region, header.key_id)
    forged = with_check(seal_message(Material(b"f" * 32), header, b"forged", CONTEXT, SystemEntropy()))
    with store.read() as tx, pytest.raises(errors.InvalidCiphertextException):
        run(tx, "Decrypt", KeyId=key_id, CiphertextBlob=forged, EncryptionContext=CONTEXT)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"secretarn": CONTEXT["SecretARN"]},
        {"SecretARN": CONTEXT["SecretARN"].upper()},
        {**CONTEXT, "": ""},
        {"SecretARN" + CONTEXT["SecretARN"][:1]: CONTEXT["SecretARN"][1:]},
        {CONTEXT["SecretARN"]: "SecretARN"},
    ],
    ids=["none", "case of key", "case of value", "one more", "cut elsewhere", "swapped"],
)
def test_another_context_is_an_invalid_ciphertext(
    store: SQLiteStore, made: tuple[str, bytes], context: dict[str, Any]
) -> None:
    with store.read() as tx, pytest.raises(errors.InvalidCiphertextException):
        run(tx, "Decrypt", CiphertextBlob=made[1], EncryptionContext=context)


def test_ciphertexts_of_the_largest_message_fit(store: SQLiteStore) -> None:
    """Source: KMS API reference: 4096 bytes in, at most 6144 out."""
    with store.write() as tx:
        key_id = run(tx, "CreateKey", MultiRegion=True)["KeyMetadata"]["KeyId"]
        blob = run(tx, "Encrypt", KeyId=key_id, Plaintext=b"x" * 4096)["CiphertextBlob"]
    assert len(blob) < 4096 + 300
    assert blob.startswith(b"\x01\x02")  # AQI in base64, as AWS's begin
