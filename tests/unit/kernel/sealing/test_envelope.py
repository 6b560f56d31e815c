"""Values and messages open with their own key and binding, and break on everything else."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.crypto import aead
from strongroom.kernel.sealing.envelope import (
    Material,
    MessageHeader,
    canonical_context,
    message_header,
    open_message,
    open_value,
    seal_message,
    seal_value,
)
from strongroom.kernel.sealing.keyring import SealBroken

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf"
DATA_KEY = bytes(range(32))
VALUE = seal_value(DATA_KEY, b"value", arn=ARN, version_id="one")
MATERIAL = Material(bytes(range(32)))
HEADER = MessageHeader("123456789012", "us-east-1", "6d5f1c3a-2b4e-4f60-8a71-92b3c4d5e6f7", "ab" * 32)
CONTEXT = {"SecretARN": ARN, "SecretVersionId": "one"}
MESSAGE = seal_message(MATERIAL, HEADER, b"data key", CONTEXT)
CONTEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)


def flipped(sealed: bytes, bit: int) -> bytes:
    changed = bytearray(sealed)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def value_opens(sealed: bytes) -> bool:
    """Whether the bytes open; any failure but SealBroken fails the test."""
    try:
        open_value(DATA_KEY, sealed, arn=ARN, version_id="one")
    except SealBroken:
        return False
    return True


def message_opens(blob: bytes) -> bool:
    """The same for a message."""
    try:
        open_message(MATERIAL, blob, CONTEXT)
    except SealBroken:
        return False
    return True


@settings(max_examples=100)
@given(st.binary(), st.text(), st.text())
def test_a_value_opens_again(plaintext: bytes, arn: str, version_id: str) -> None:
    sealed = seal_value(DATA_KEY, plaintext, arn=arn, version_id=version_id)
    assert plaintext == open_value(DATA_KEY, sealed, arn=arn, version_id=version_id)


def test_every_flipped_bit_of_a_value_breaks_it() -> None:
    assert value_opens(VALUE)
    assert [] == [bit for bit in range(len(VALUE) * 8) if value_opens(flipped(VALUE, bit))]


def test_a_value_cut_or_extended_breaks() -> None:
    assert [] == [length for length in range(len(VALUE)) if value_opens(VALUE[:length])]
    assert [] == [extra for extra in (b"\0", VALUE) if value_opens(VALUE + extra)]


@pytest.mark.parametrize(
    ("key", "arn", "version_id"),
    [
        (bytes(32), ARN, "one"),
        (DATA_KEY, ARN[:-1], "one"),
        (DATA_KEY, ARN, "two"),
        (DATA_KEY, ARN + "o", "ne"),
    ],
    ids=["key", "arn", "version", "moved"],
)
def test_a_value_opens_only_where_it_belongs(key: bytes, arn: str, version_id: str) -> None:
    with pytest.raises(SealBroken):
        open_value(key, VALUE, arn=arn, version_id=version_id)


@settings(max_examples=100)
@given(st.binary(max_size=4096), CONTEXTS)
def test_a_message_opens_again_and_names_its_key(plaintext: bytes, context: dict[str, str]) -> None:
    blob = seal_message(MATERIAL, HEADER, plaintext, context)
    assert plaintext == open_message(MATERIAL, blob, context)
    assert HEADER == message_header(blob)


def test_the_largest_message_stays_within_the_largest_ciphertext() -> None:
    """Source: KMS API reference, Encrypt (4096 bytes of plaintext) and Decrypt (6144 of ciphertext)."""
    widest = MessageHeader("1" * 64, "r" * 64, "k" * 64, "ff" * 32)
    assert len(seal_message(MATERIAL, widest, bytes(4096), CONTEXT)) <= 6144


def test_a_message_looks_like_awss_in_base64() -> None:
    assert b"\x01\x02\x02" == MESSAGE[:3]


def test_every_flipped_bit_of_a_message_breaks_it() -> None:
    assert message_opens(MESSAGE)
    assert [] == [bit for bit in range(len(MESSAGE) * 8) if message_opens(flipped(MESSAGE, bit))]


def test_a_message_cut_or_extended_breaks() -> None:
    assert [] == [length for length in range(len(MESSAGE)) if message_opens(MESSAGE[:length])]
    assert [] == [extra for extra in (b"\0", MESSAGE) if message_opens(MESSAGE + extra)]


def test_another_material_breaks_a_message() -> None:
    with pytest.raises(SealBroken):
        open_message(Material(bytes(32)), MESSAGE, CONTEXT)


def test_a_message_under_the_right_key_without_its_commitment_is_broken() -> None:
    """Whoever knows two materials could make one that opens under both."""
    salt = bytes(24)
    key, commitment = MATERIAL.message_keys(salt)
    head = MESSAGE[: len(MESSAGE) - len(open_message(MATERIAL, MESSAGE, CONTEXT)) - 16 - 32 - 24] + salt

    def message(committed: bytes) -> bytes:
        bound = head + committed + canonical_context(CONTEXT)
        return head + committed + aead.encrypt(key, bytes(12), b"plain", bound)

    assert b"plain" == open_message(MATERIAL, message(commitment), CONTEXT)
    with pytest.raises(SealBroken):
        open_message(MATERIAL, message(bytes(32)), CONTEXT)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes_are_a_broken_message_and_nothing_else(tail: bytes, marked: bool) -> None:
    blob = b"\x01\x02\x02SR\x01" + tail if marked else tail
    with pytest.raises(SealBroken):
        open_message(MATERIAL, blob, {})


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_a_header_is_read_or_the_message_is_broken(tail: bytes) -> None:
    try:
        header = message_header(b"\x01\x02\x02SR\x01" + tail)
    except SealBroken:
        return
    assert header.account and header.region and header.key_id
    assert 64 == len(header.material_id)


def test_the_order_of_a_context_does_not_matter() -> None:
    backwards = dict(reversed(CONTEXT.items()))
    assert b"data key" == open_message(MATERIAL, MESSAGE, backwards)


def test_an_empty_context_is_the_same_as_none() -> None:
    assert b"" == canonical_context({})


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"SecretARN": ARN},
        CONTEXT | {"more": ""},
        CONTEXT | {"SecretVersionId": "One"},
        {"secretarn": ARN, "SecretVersionId": "one"},
        {"SecretARN": "one", "SecretVersionId": ARN},
        {"SecretARN" + ARN[0]: ARN[1:], "SecretVersionId": "one"},
    ],
)
def test_any_other_context_breaks_a_message(context: dict[str, str]) -> None:
    with pytest.raises(SealBroken):
        open_message(MATERIAL, MESSAGE, context)


@settings(max_examples=200)
@given(CONTEXTS, CONTEXTS)
def test_contexts_are_the_same_bytes_exactly_when_they_are_equal(one: dict[str, str], two: dict[str, str]) -> None:
    assert (one == two) is (canonical_context(one) == canonical_context(two))


def test_text_that_only_looks_the_same_is_another_context() -> None:
    composed, decomposed = {"k": "\u00e9"}, {"k": "e\u0301"}
    assert canonical_context(composed) != canonical_context(decomposed)


@pytest.mark.parametrize("account", ["", "x" * 65])
def test_a_header_field_has_a_bounded_length(account: str) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        seal_message(MATERIAL, MessageHeader(account, "r", "k", "ab" * 32), b"", {})


def test_material_shows_nothing_and_cannot_be_pickled() -> None:
    assert "<Material>" == repr(MATERIAL)
    with pytest.raises(TypeError):
        pickle.dumps(MATERIAL)
    with pytest.raises(ValueError, match="32 bytes"):
        Material(bytes(16))
