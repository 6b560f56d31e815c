"""Writes tests/vectors/envelopes: what sealed things look like, byte for byte.

It follows docs/decisions/0004-sealing.md with the crypto library's own HKDF, AES-GCM and Argon2id and imports
nothing of Strongroom, so that a mistake in our code cannot hide in its own vectors.
Run: ``python tools/make_envelope_vectors.py``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

DIRECTORY = Path(__file__).parent.parent / "tests" / "vectors" / "envelopes"
ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:app/db-AbCdEf"
VERSION_ID = "0f3b1c52-5a0e-4b7f-9d3e-2f6a7c1d8e90"
KEY_ID = "6d5f1c3a-2b4e-4f60-8a71-92b3c4d5e6f7"


def counted(first: int, count: int) -> bytes:
    """Bytes that are easy to recognise: first, first + 1, ..."""
    return bytes((first + step) % 256 for step in range(count))


def expand(pseudorandom_key: bytes, label: bytes, length: int = 32) -> bytes:
    """HKDF-Expand by the library."""
    return HKDFExpand(SHA256(), length, label).derive(pseudorandom_key)


def extract(salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract by its definition: HMAC(salt, secret)."""
    return hmac.new(salt, secret, hashlib.sha256).digest()


def sized(text: str, width: int) -> bytes:
    """A text after its length."""
    encoded = text.encode()
    return len(encoded).to_bytes(width, "big") + encoded


def keyring(root: bytes, salt: bytes, purpose: str, bound: bytes, plaintext: bytes) -> bytes:
    """The keyring's form."""
    prk = extract(b"strongroom root key v1", root)
    key = expand(expand(prk, b"purpose " + purpose.encode()), salt)
    header = b"\x01" + expand(prk, b"id")[:8] + salt
    return header + AESGCM(key).encrypt(bytes(12), plaintext, header + bound)


def value(data_key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    """A secret value's form."""
    bound = b"strongroom value v1" + sized(ARN, 4) + sized(VERSION_ID, 4)
    return b"\x01" + nonce + AESGCM(data_key).encrypt(nonce, plaintext, bound)


def message(material: bytes, salt: bytes, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """A KMS message's form."""
    keys = expand(extract(b"strongroom message v1", material), salt, 64)
    head = (
        b"\x01\x02\x02SR\x01"
        + sized("111122223333", 1)
        + sized("eu-west-1", 1)
        + sized(KEY_ID, 1)
        + counted(0xC0, 32)
        + salt
        + keys[32:]
    )
    pairs = b"".join(sized(key, 4) + sized(context[key], 4) for key in sorted(context))
    return head + AESGCM(keys[:32]).encrypt(bytes(12), plaintext, head + pairs)


def wrapped(passphrase: bytes, salt: bytes, root: bytes) -> dict[str, Any]:
    """The passphrase seal's file, at the least cost that is accepted."""
    key = Argon2id(salt=salt, length=32, iterations=1, lanes=1, memory_cost=8192).derive(passphrase)
    sealed = AESGCM(key).encrypt(bytes(12), root, b"strongroom wrapped root key v1 8192 1 1")
    return {
        "version": 1,
        "kdf": "argon2id",
        "memory_kib": 8192,
        "iterations": 1,
        "lanes": 1,
        "salt": salt.hex(),
        "wrapped": sealed.hex(),
    }


def scenarios() -> dict[str, dict[str, Any]]:
    """Every scenario by its name."""
    root, salt = counted(0x10, 32), counted(0x40, 24)
    sealed = keyring(root, salt, "kms-material", b"row 7", b"material")
    ring: dict[str, Any] = {
        "form": "keyring",
        "expect": "opens",
        "root": root.hex(),
        "entropy": salt.hex(),
        "purpose": "kms-material",
        "bound": b"row 7".hex(),
        "plaintext": b"material".hex(),
        "sealed": sealed.hex(),
        "check_value": "v1:" + expand(extract(b"strongroom root key v1", root), b"check value").hex(),
    }
    data_key, nonce, text = counted(0x60, 32), counted(0x80, 12), "correct horse é".encode()
    box: dict[str, Any] = {
        "form": "value",
        "expect": "opens",
        "data_key": data_key.hex(),
        "entropy": nonce.hex(),
        "arn": ARN,
        "version_id": VERSION_ID,
        "plaintext": text.hex(),
        "sealed": value(data_key, nonce, text).hex(),
    }
    material, context = counted(0xA0, 32), {"SecretVersionId": VERSION_ID, "SecretARN": ARN}
    note: dict[str, Any] = {
        "form": "message",
        "expect": "opens",
        "material": material.hex(),
        "entropy": salt.hex(),
        "account": "111122223333",
        "region": "eu-west-1",
        "key_id": KEY_ID,
        "material_id": counted(0xC0, 32).hex(),
        "context": context,
        "plaintext": counted(0, 32).hex(),
        "sealed": message(material, salt, counted(0, 32), context).hex(),
    }
    lock: dict[str, Any] = {
        "form": "passphrase",
        "expect": "opens",
        "passphrase": b"correct horse".hex(),
        "root": root.hex(),
        "file": wrapped(b"correct horse", counted(1, 16), root),
    }
    odd = {"é": "ß", "e": "", "a": "b=c"}
    no = {"expect": "broken"}
    ascii_sealed, other_mark = bytes.fromhex(note["sealed"]), b"\x01\x02\x02SR\x02"
    return {
        "keyring": ring,
        "keyring_empty": ring
        | {"plaintext": "", "bound": "", "sealed": keyring(root, salt, "kms-material", b"", b"").hex()},
        "keyring_other_root": ring | no | {"root": counted(0x11, 32).hex()},
        "keyring_other_purpose": ring | no | {"purpose": "page-token"},
        "keyring_other_bound": ring | no | {"bound": b"row 8".hex()},
        "keyring_bound_moved_into_plaintext": ring | no | {"bound": "", "plaintext": b"row 7material".hex()},
        "keyring_version_2": ring | no | {"sealed": "02" + ring["sealed"][2:]},
        "value": box,
        "value_empty": box | {"plaintext": "", "sealed": value(data_key, nonce, b"").hex()},
        "value_other_version_id": box | no | {"version_id": VERSION_ID[:-1] + "1"},
        "value_arn_and_version_id_cut_elsewhere": box | no | {"arn": ARN + VERSION_ID[0], "version_id": VERSION_ID[1:]},
        "value_version_2": box | no | {"sealed": "02" + box["sealed"][2:]},
        "message": note,
        "message_empty_context": note | {"context": {}, "sealed": message(material, salt, counted(0, 32), {}).hex()},
        "message_odd_context": note | {"context": odd, "sealed": message(material, salt, counted(0, 32), odd).hex()},
        "message_context_key_and_value_cut_elsewhere": note
        | no
        | {"context": {"SecretARN" + ARN[0]: ARN[1:], "SecretVersionId": VERSION_ID}},
        "message_context_case": note | no | {"context": {"secretarn": ARN, "SecretVersionId": VERSION_ID}},
        "message_context_missing": note | no | {"context": {}},
        "message_other_material": note | no | {"material": counted(0xA1, 32).hex()},
        "message_version_2": note | no | {"sealed": (other_mark + ascii_sealed[6:]).hex()},
        "passphrase": lock,
        "passphrase_wrong": lock | no | {"passphrase": b"incorrect horse".hex()},
        "passphrase_cost_changed": lock | no | {"file": lock["file"] | {"iterations": 2}},
    }


if __name__ == "__main__":
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name, scenario in scenarios().items():
        (DIRECTORY / f"{name}.json").write_text(json.dumps(scenario, indent=1, ensure_ascii=False) + "\n")
