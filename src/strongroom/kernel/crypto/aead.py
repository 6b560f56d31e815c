"""Authenticated encryption: AES-256-GCM, whole messages only.

What is returned is ciphertext with its 16-byte tag at the end.
There is one way to fail at opening, and it tells nothing.
"""

from __future__ import annotations

from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


class NotAuthentic(Exception):  # noqa: N818  a finding about the bytes
    """The bytes were not made with this key, nonce and associated data. Says no more on purpose."""


def encrypt(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Ciphertext and tag of one message. The caller answers for never using a key with the same nonce twice.

    Source: NIST SP 800-38D; 256-bit keys, 96-bit nonces, 128-bit tags.
    """
    return _cipher(key).encrypt(nonce, plaintext, associated)


def decrypt(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    """The plaintext of one message. Raises NotAuthentic where any input differs from what was encrypted.

    Source: NIST SP 800-38D.
    """
    try:
        return _cipher(key).decrypt(nonce, sealed, associated)
    except InvalidTag:
        raise NotAuthentic from None


class Held:
    """One sealed message with its cipher, to be opened again and again. Shows nothing and cannot be pickled.

    Making the cipher costs more than opening does. What was opened is not kept.
    """

    __slots__ = ("_associated", "_cipher", "_nonce", "_sealed")

    def __init__(self, key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> None:
        self._cipher = _cipher(key)
        self._nonce = nonce
        self._sealed = sealed
        self._associated = associated

    def open(self) -> bytes:
        """The plaintext, decrypted now. Raises NotAuthentic as ``decrypt`` does."""
        try:
            return self._cipher.decrypt(self._nonce, self._sealed, self._associated)
        except InvalidTag:
            raise NotAuthentic from None

    def __repr__(self) -> str:
        return "<Held>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("ciphers are not pickled")


def _cipher(key: bytes) -> AESGCM:
    """The library takes 128-bit keys too; nothing of ours is ever that short."""
    if len(key) != KEY_BYTES:
        raise ValueError("keys are 32 bytes")
    return AESGCM(key)
