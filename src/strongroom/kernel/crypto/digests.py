"""Hashes and keyed hashes: SHA-256 and HMAC-SHA-256, and comparison in constant time."""

from __future__ import annotations

import hashlib
import hmac

DIGEST_BYTES = 32


def sha256(message: bytes) -> bytes:
    """The 32-byte SHA-256 digest. Source: FIPS 180-4."""
    return hashlib.sha256(message).digest()


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """The 32-byte HMAC with SHA-256. Source: RFC 2104."""
    return hmac.digest(key, message, "sha256")


def same(one: bytes, other: bytes) -> bool:
    """Whether two byte strings are equal, in time that depends only on their lengths."""
    return hmac.compare_digest(one, other)
