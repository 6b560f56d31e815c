"""Keyed hashes with the hash functions that KMS's HMAC keys have. Source: RFC 2104; FIPS 198-1."""

from __future__ import annotations

import hmac
from typing import NoReturn

HASHES = {"HMAC_224": "sha224", "HMAC_256": "sha256", "HMAC_384": "sha384", "HMAC_512": "sha512"}
KEY_BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
"""Of a key made here: as long as its hash."""
KEY_BYTES_AT_MOST = {"HMAC_224": 64, "HMAC_256": 64, "HMAC_384": 128, "HMAC_512": 128}
"""Of an imported key: a block of its hash; longer ones would be hashed first (RFC 2104, section 2)."""


def mac(spec: str, key: bytes, message: bytes) -> bytes:
    """The HMAC of a message under a key of a spec."""
    return hmac.digest(key, message, HASHES[spec])


def is_mac(spec: str, key: bytes, message: bytes, claimed: bytes) -> bool:
    """Whether that is the message's HMAC, compared in constant time."""
    return hmac.compare_digest(mac(spec, key, message), claimed)


class MacKey:
    """One HMAC key at work. It shows nothing and is not pickled."""

    __slots__ = ("_key", "_spec")

    def __init__(self, spec: str, key: bytes) -> None:
        self._spec = spec
        self._key = key

    def mac(self, message: bytes) -> bytes:
        """The MAC of a message."""
        return mac(self._spec, self._key, message)

    def is_mac(self, message: bytes, claimed: bytes) -> bool:
        """Whether that is the message's MAC, compared in constant time."""
        return is_mac(self._spec, self._key, message, claimed)

    def __repr__(self) -> str:
        return "<MacKey>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("key material is not pickled")
