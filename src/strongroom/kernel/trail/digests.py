"""Digest files: what vouches for exported log files, in the form that CloudTrail's validation expects.

A digest names the log files of its time with their hashes, and the digest before it with its signature. What is
signed is four lines: the digest's end, its path, the hash of its bytes, the signature of the one before it.
Source: CloudTrail User Guide, "CloudTrail digest file structure", "Custom implementations of CloudTrail log file
integrity validation"; "CloudTrail log file name format". Our choice: docs/decisions/0051-export-of-the-trail.md.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import bindparam, insert, select

from strongroom.base.classes import dataclass
from strongroom.base.clock import from_ms, iso_seconds
from strongroom.kernel import roots
from strongroom.kernel.crypto import keypairs
from strongroom.kernel.crypto.aead import NotAuthentic
from strongroom.kernel.crypto.keypairs import KeyPair
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import kernel_key

KEY_NAME = "audit-digests"
KEY_SPEC = "RSA_2048"
TRAIL = "strongroom"
"""What stands in the place of a trail's name."""
ALGORITHM = "SHA256withRSA"
_SCHEME = "RSASSA_PKCS1_V1_5_SHA_256"
_FIRST = "null"
"""In the place of a signature before the first."""
_KEY = Statement(lambda: select(kernel_key.c.sealed).where(kernel_key.c.name == bindparam("which")))
_ADD_KEY = Statement(lambda: insert(kernel_key).values(name=bindparam("v_name"), sealed=bindparam("v_sealed")))


@dataclass(frozen=True, slots=True)
class LogFile:
    """One log file: its path, the SHA-256 of its bytes before they are packed, and the times of its records."""

    path: str
    hash: str
    newest_ms: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class Previous:
    """A digest as the next one names it. ``before``: the signature of the one before it; empty where there is none."""

    bucket: str
    path: str
    hash: str
    end: str
    signature: str
    before: str


@dataclass(frozen=True, slots=True)
class Digest:
    """A signed digest: where it belongs, its bytes, its signature in hexadecimal."""

    path: str
    document: bytes
    signature: str


def key_of(tx: Transaction, keyring: Keyring) -> KeyPair | None:
    """The key that signs digests; None where there is none yet."""
    row = tx.row(_KEY, which=KEY_NAME)
    return None if row is None else KeyPair(keyring.open(roots.KEYS_PURPOSE, row[0], KEY_NAME.encode()))


def keep_key(tx: Transaction, keyring: Keyring, made: bytes) -> KeyPair:
    """Take a new private key (``new_key``) for the one that signs digests."""
    tx.run(_ADD_KEY, v_name=KEY_NAME, v_sealed=keyring.seal(roots.KEYS_PURPOSE, made, KEY_NAME.encode()))
    return KeyPair(made)


def new_key() -> bytes:
    """A private key to sign digests with. Takes a part of a second."""
    return keypairs.generate(KEY_SPEC)


def fingerprint(key: KeyPair) -> str:
    """32 hexadecimal digits that name a key. Our choice: of the SHA-256 of its public half as PKCS #1 DER."""
    return sha256(key.public_pkcs1()).hexdigest()[:32]


def log_path(account: str, region: str, end: datetime, hashed: str) -> str:
    """Where a log file belongs. The last part, which is unique, is made from its hash: the same file, the same name."""
    name = f"{account}_CloudTrail_{region}_{end:%Y%m%dT%H%MZ}_{hashed[:16]}.json.gz"
    return f"AWSLogs/{account}/CloudTrail/{region}/{end:%Y/%m/%d}/{name}"


def digest_path(account: str, region: str, end: datetime) -> str:
    """Where a digest belongs."""
    name = f"{account}_CloudTrail-Digest_{region}_{TRAIL}_{region}_{end:%Y%m%dT%H%M%SZ}.json.gz"
    return f"AWSLogs/{account}/CloudTrail-Digest/{region}/{end:%Y/%m/%d}/{name}"


def signed(
    key: KeyPair,
    *,
    account: str,
    region: str,
    bucket: str,
    start_ms: int,
    end_ms: int,
    logs: Sequence[LogFile],
    previous: Previous | None,
) -> Digest:
    """The digest of a span of time. Signing the same twice gives the same bytes."""
    end = from_ms(end_ms)
    path = digest_path(account, region, end)
    document = orjson.dumps(
        {
            "awsAccountId": account,
            "digestStartTime": iso_seconds(from_ms(start_ms)),
            "digestEndTime": iso_seconds(end),
            "digestS3Bucket": bucket,
            "digestS3Object": path,
            "digestPublicKeyFingerprint": fingerprint(key),
            "digestSignatureAlgorithm": ALGORITHM,
            "newestEventTime": _moment(max((one.newest_ms for one in logs), default=None)),
            "oldestEventTime": _moment(min((one.oldest_ms for one in logs), default=None)),
            "previousDigestS3Bucket": previous and previous.bucket,
            "previousDigestS3Object": previous and previous.path,
            "previousDigestHashValue": previous and previous.hash,
            "previousDigestHashAlgorithm": previous and "SHA-256",
            "previousDigestSignature": previous and previous.signature,
            "logFiles": [_named(bucket, one) for one in logs],
        }
    )
    before = _FIRST if previous is None else previous.signature
    text = _to_sign(iso_seconds(end), bucket, path, sha256(document).hexdigest(), before)
    return Digest(path, document, key.sign(_SCHEME, text, "RAW").hex())


def is_ours(key: KeyPair, told: Previous) -> bool:
    """Whether this key signed a digest that is said to be the one before."""
    text = _to_sign(told.end, told.bucket, told.path, told.hash, told.before or _FIRST)
    try:
        key.verify(_SCHEME, text, "RAW", binascii.unhexlify(told.signature))
    except (NotAuthentic, binascii.Error):
        return False
    return True


def _to_sign(end: str, bucket: str, path: str, hashed: str, before: str) -> bytes:
    return f"{end}\n{bucket}/{path}\n{hashed}\n{before}".encode()


def _named(bucket: str, one: LogFile) -> dict[str, Any]:
    return {
        "s3Bucket": bucket,
        "s3Object": one.path,
        "hashValue": one.hash,
        "hashAlgorithm": "SHA-256",
        "newestEventTime": _moment(one.newest_ms),
        "oldestEventTime": _moment(one.oldest_ms),
    }


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso_seconds(from_ms(at_ms))
