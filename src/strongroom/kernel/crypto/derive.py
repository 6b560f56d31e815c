"""Keys from keys: HKDF with SHA-256, a label for every purpose.

An ``Expander`` keeps the inner and outer states of its HMAC and copies them: half the cost of starting anew.
Source: RFC 5869.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import NoReturn

_BLOCK_BYTES = 64
_HASH_BYTES = 32
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class Expander:
    """One pseudorandom key, ready to be expanded under many labels. Shows nothing and cannot be pickled."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, pseudorandom_key: bytes) -> None:
        if len(pseudorandom_key) != _HASH_BYTES:
            raise ValueError("pseudorandom keys are 32 bytes")
        # Source: RFC 2104, section 2: the key, padded to a block, is mixed with 0x36 and 0x5c.
        padded = pseudorandom_key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(padded.translate(_INNER))
        self._outer = hashlib.sha256(padded.translate(_OUTER))

    def key(self, label: bytes) -> bytes:
        """The 32-byte key of one label: the first block of HKDF-Expand.

        Source: RFC 5869, section 2.3, with L = 32.
        """
        return self._mac(label + b"\x01")

    def pair(self, label: bytes) -> tuple[bytes, bytes]:
        """Two independent 32-byte keys of one label: HKDF-Expand with L = 64, cut in the middle."""
        # As _mac, twice: each message has keys of its own.
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(label + b"\x01")
        outer.update(inner.digest())
        first = outer.digest()
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(first + label + b"\x02")
        outer.update(inner.digest())
        return first, outer.digest()

    def _mac(self, message: bytes) -> bytes:
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def __repr__(self) -> str:
        return "<Expander>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("key material is not pickled")


def extract(label: bytes, secret: bytes) -> Expander:
    """An Expander over a secret of full entropy, apart from every use of that secret under another label.

    Source: RFC 5869, section 2.2; the label is the salt, which section 3.1 allows to be public and fixed.
    """
    return Expander(hmac.digest(label, secret, "sha256"))
