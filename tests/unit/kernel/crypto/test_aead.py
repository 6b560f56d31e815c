"""AES-256-GCM opens what it sealed and nothing else."""

import pytest

from strongroom.kernel.crypto import aead

KEY, NONCE = bytes(range(32)), bytes(range(12))


def test_what_was_encrypted_is_decrypted() -> None:
    sealed = aead.encrypt(KEY, NONCE, b"value", b"where")
    assert b"value" == aead.decrypt(KEY, NONCE, sealed, b"where")
    assert len(b"value") + aead.TAG_BYTES == len(sealed)


def test_a_published_answer_is_met() -> None:
    """Source: the GCM specification (McGrew and Viega), test case 14: AES-256, all zero."""
    sealed = aead.encrypt(bytes(32), bytes(12), bytes(16), b"")
    assert "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919" == sealed.hex()


@pytest.mark.parametrize(
    ("key", "nonce", "associated"),
    [(bytes(32), NONCE, b"where"), (KEY, bytes(12), b"where"), (KEY, NONCE, b"elsewhere")],
    ids=["key", "nonce", "associated"],
)
def test_any_other_input_fails_without_a_reason(key: bytes, nonce: bytes, associated: bytes) -> None:
    sealed = aead.encrypt(KEY, NONCE, b"value", b"where")
    with pytest.raises(aead.NotAuthentic) as caught:
        aead.decrypt(key, nonce, sealed, associated)
    assert "" == str(caught.value)


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_only_256_bit_keys_are_taken(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        aead.encrypt(bytes(length), NONCE, b"value", b"")
