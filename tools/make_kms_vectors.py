"""Write tests/vectors/kms: signatures, ciphertexts, public keys that are almost right, and what is to come of each.

    python tools/make_kms_vectors.py

In the manner of Wycheproof: one file a scheme, one key, cases of which a few are good and most are damaged in a way
that implementations were known to overlook. The damage is done on plain integers with the standard library; the
crypto library only makes the keys, so what is tested does not test itself. Keys are new each time: run it when a
scheme or a case is added, and read the difference.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256

WHERE = Path(__file__).parents[1] / "tests" / "vectors" / "kms"
MESSAGE = b"Strongroom, a message"
DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
Case = tuple[str, bool, bytes]


def main() -> None:
    """Write every file."""
    WHERE.mkdir(parents=True, exist_ok=True)
    rsa_key = rsa.generate_private_key(65537, 2048)
    curve_key = ec.generate_private_key(ec.SECP256R1())
    edwards = ed25519.Ed25519PrivateKey.generate()
    write("rsassa_pkcs1", "RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256", rsa_key, pkcs1_cases(rsa_key))
    write("rsassa_pss", "RSA_2048", "RSASSA_PSS_SHA_256", rsa_key, pss_cases(rsa_key))
    write("rsaes_oaep", "RSA_2048", "RSAES_OAEP_SHA_256", rsa_key, oaep_cases(rsa_key))
    write("ecdsa_p256", "ECC_NIST_P256", "ECDSA_SHA_256", curve_key, ecdsa_cases(curve_key))
    write("ecdh_p256", "ECC_NIST_P256", "ECDH", curve_key, ecdh_cases())
    write("ed25519", "ECC_NIST_EDWARDS25519", "ED25519_SHA_512", edwards, edwards_cases(edwards))
    write("hmac_sha256", "HMAC_256", "HMAC_SHA_256", None, hmac_cases())


def write(name: str, spec: str, algorithm: str, key: Any, cases: Iterator[Case]) -> None:
    """One file. ``data`` is the signature, MAC, ciphertext or public key; ``good`` says what must come of it."""
    der = b"k" * 32
    if key is not None:
        der = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    told = {
        "spec": spec,
        "algorithm": algorithm,
        "key": der.hex(),
        "message": MESSAGE.hex(),
        "cases": [{"case": case, "good": good, "data": data.hex()} for case, good, data in cases],
    }
    (WHERE / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n")


# ---- RSA, on integers


def _private(key: rsa.RSAPrivateKey) -> tuple[int, int, int]:
    numbers = key.private_numbers()
    return numbers.public_numbers.n, numbers.d, (key.key_size + 7) // 8


def _power(key: rsa.RSAPrivateKey, encoded: bytes) -> bytes:
    n, d, size = _private(key)
    return pow(int.from_bytes(encoded, "big"), d, n).to_bytes(size, "big")


def _pkcs1(size: int, hashed: bytes, *, fill: bytes = b"\xff", kind: bytes = b"\x00\x01", end: bytes = b"\0") -> bytes:
    return kind + fill * (size - len(kind) - len(end) - len(hashed)) + end + hashed


def pkcs1_cases(key: rsa.RSAPrivateKey) -> Iterator[Case]:
    """RFC 8017, section 8.2: the encoded message is compared whole, nothing in it is parsed leniently."""
    n, _, size = _private(key)
    digest = hashlib.sha256(MESSAGE).digest()
    info = DIGEST_INFO["sha256"] + digest
    good = _power(key, _pkcs1(size, info))
    number = int.from_bytes(good, "big")
    yield "as it should be", True, good
    yield "of no message", False, _power(key, _pkcs1(size, DIGEST_INFO["sha256"] + hashlib.sha256(b"").digest()))
    yield (
        "algorithm without its NULL",
        False,
        _power(key, _pkcs1(size, bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + digest)),
    )
    yield (
        "named as SHA-512, hashed with SHA-256",
        False,
        _power(key, _pkcs1(size, DIGEST_INFO["sha512"][:-1] + b"\x20" + digest)),
    )
    yield "SHA-512", False, _power(key, _pkcs1(size, DIGEST_INFO["sha512"] + hashlib.sha512(MESSAGE).digest()))
    yield "digest without DigestInfo", False, _power(key, _pkcs1(size, digest))
    yield "padding of zeros", False, _power(key, _pkcs1(size, info, fill=b"\0"))
    yield "padding for encryption", False, _power(key, _pkcs1(size, info, kind=b"\x00\x02"))
    yield "first byte 01", False, _power(key, _pkcs1(size, info, kind=b"\x01\x01"))
    yield "no end of padding", False, _power(key, _pkcs1(size, info, end=b""))
    garbage = b"\0\x01" + b"\xff" * 8 + b"\0" + info
    yield "short padding, then garbage", False, _power(key, garbage + b"\0" * (size - len(garbage)))
    garbage = info + b"\0\0"
    yield "bytes after DigestInfo", False, _power(key, _pkcs1(size, garbage))
    yield "number plus modulus", False, (number + n).to_bytes(size + 1, "big")
    yield "one zero before", False, b"\0" + good
    yield "one byte less", False, good[:-1]
    yield "one byte more", False, good + b"\0"
    yield "zero", False, bytes(size)
    yield "one", False, (1).to_bytes(size, "big")
    yield "modulus minus the number", False, (n - number).to_bytes(size, "big")


def _mgf1(seed: bytes, length: int, name: str = "sha256") -> bytes:
    made = b""
    for counter in range(-(-length // hashlib.new(name).digest_size)):
        made += hashlib.new(name, seed + counter.to_bytes(4, "big")).digest()
    return made[:length]


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _pss(size: int, digest: bytes, salt: bytes, *, mask: str = "sha256", trailer: bytes = b"\xbc",
         start: bytes = b"\x01", top: int = 0x7F) -> bytes:  # fmt: skip
    """EMSA-PSS, with places to damage it. Source: RFC 8017, section 9.1.1."""
    hashed = hashlib.sha256(bytes(8) + digest + salt).digest()
    block = bytes(size - len(hashed) - len(salt) - 2) + start + salt
    masked = bytearray(_mixed(block, _mgf1(hashed, len(block), mask)))
    masked[0] &= top
    return bytes(masked) + hashed + trailer


def pss_cases(key: rsa.RSAPrivateKey) -> Iterator[Case]:
    """RFC 8017, section 9.1.2, with a salt of exactly 32 bytes."""
    n, _, size = _private(key)
    digest, salt = hashlib.sha256(MESSAGE).digest(), secrets.token_bytes(32)
    good = _power(key, _pss(size, digest, salt))
    yield "as it should be", True, good
    yield "another salt", True, _power(key, _pss(size, digest, secrets.token_bytes(32)))
    for length in (0, 20, 31, 33, 64):
        yield f"salt of {length} bytes", False, _power(key, _pss(size, digest, secrets.token_bytes(length)))
    yield "mask of SHA-1", False, _power(key, _pss(size, digest, salt, mask="sha1"))
    yield "mask of SHA-512", False, _power(key, _pss(size, digest, salt, mask="sha512"))
    yield "trailer cc", False, _power(key, _pss(size, digest, salt, trailer=b"\xcc"))
    yield "salt begun with 02", False, _power(key, _pss(size, digest, salt, start=b"\x02"))
    yield "another message", False, _power(key, _pss(size, hashlib.sha256(b"x").digest(), salt))
    yield "one byte less", False, good[:-1]
    yield "one zero before", False, b"\0" + good
    yield "number plus modulus", False, (int.from_bytes(good, "big") + n).to_bytes(size + 1, "big")
    yield "zero", False, bytes(size)


def _oaep(size: int, message: bytes, *, label: bytes = b"", mask: str = "sha256", first: bytes = b"\0",
          end: bytes = b"\x01", fill: bytes = b"\0") -> bytes:  # fmt: skip
    """EME-OAEP, with places to damage it. Source: RFC 8017, section 7.1.1."""
    hashed, seed = hashlib.sha256(label).digest(), secrets.token_bytes(32)
    block = hashed + fill * (size - len(message) - 2 * 32 - 2) + end + message
    masked = _mixed(block, _mgf1(seed, len(block), mask))
    return first + _mixed(seed, _mgf1(masked, 32, mask)) + masked


def oaep_cases(key: rsa.RSAPrivateKey) -> Iterator[Case]:
    """RFC 8017, section 7.1.2: every fault is one fault."""
    n, _, size = _private(key)

    def public(encoded: bytes) -> bytes:
        return pow(int.from_bytes(encoded, "big") % n, 65537, n).to_bytes(size, "big")

    good = public(_oaep(size, MESSAGE))
    yield "as it should be", True, good
    yield "another label", False, public(_oaep(size, MESSAGE, label=b"label"))
    yield "mask of SHA-1", False, public(_oaep(size, MESSAGE, mask="sha1"))
    yield "first byte 01", False, public(_oaep(size, MESSAGE, first=b"\x01"))
    yield "end of padding 02", False, public(_oaep(size, MESSAGE, end=b"\x02"))
    yield "no end of padding", False, public(_oaep(size, b"", end=b"\0", fill=b"\0"))
    yield "padding of ones", False, public(_oaep(size, MESSAGE, fill=b"\xff"))
    yield "PKCS 1 v1.5", False, public(b"\0\x02" + b"\x11" * (size - 3 - len(MESSAGE)) + b"\0" + MESSAGE)
    yield "one byte less", False, good[:-1]
    yield "one zero before", False, b"\0" + good
    yield "number plus modulus", False, (int.from_bytes(good, "big") + n).to_bytes(size + 1, "big")
    yield "zero", False, bytes(size)
    yield "modulus", False, n.to_bytes(size, "big")


# ---- elliptic curves, with DER by hand

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


def _der(tag: int, body: bytes, *, form: str = "short") -> bytes:
    length = {
        "short": bytes([len(body)]) if len(body) < 128 else b"\x81" + bytes([len(body)]),
        "long": b"\x81" + bytes([len(body)]),
        "longer": b"\x82\x00" + bytes([len(body)]),
        "indefinite": b"\x80",
    }[form]
    return bytes([tag]) + length + body + (b"\0\0" if form == "indefinite" else b"")


def _integer(number: int, *, zeros: int = 0) -> bytes:
    return _der(2, bytes(zeros) + number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def ecdsa_cases(key: ec.EllipticCurvePrivateKey) -> Iterator[Case]:
    """FIPS 186-5, section 6.4; X9.62 signatures are DER, and DER only."""
    r, s = utils.decode_dss_signature(key.sign(MESSAGE, ec.ECDSA(SHA256())))
    whole = _integer(r) + _integer(s)
    good = _der(0x30, whole)
    yield "as it should be", True, good
    yield "n minus s is the same signature", True, _der(0x30, _integer(r) + _integer(ORDER - s))
    for word, first, second in (
        ("r and s swapped", s, r), ("r zero", 0, s), ("s zero", r, 0), ("both zero", 0, 0), ("r one", 1, s),
        ("r plus n", r + ORDER, s), ("s plus n", r, s + ORDER), ("r minus n", r - ORDER, s), ("negative s", r, -s),
        ("r of n", ORDER, s), ("s of n", r, ORDER), ("r of p", PRIME, s), ("both of one", 1, 1),
    ):  # fmt: skip
        yield word, False, _der(0x30, _integer(first) + _integer(second))
    for form in ("long", "longer", "indefinite"):
        yield f"length in {form} form", False, _der(0x30, whole, form=form)
    yield "a zero before r", False, _der(0x30, _integer(r, zeros=1) + _integer(s))
    yield "a zero before s", False, _der(0x30, _integer(r) + _integer(s, zeros=1))
    yield "a third number", False, _der(0x30, whole + _integer(1))
    yield "one number", False, _der(0x30, _integer(r))
    yield "bytes after it", False, good + b"\0"
    yield "one byte less", False, good[:-1]
    yield "a set", False, _der(0x31, whole)
    yield "octet strings", False, _der(0x30, _der(4, r.to_bytes(32, "big")) + _der(4, s.to_bytes(32, "big")))
    yield "r and s without DER", False, r.to_bytes(32, "big") + s.to_bytes(32, "big")
    yield "no content", False, _der(0x30, b"")
    r, s = utils.decode_dss_signature(key.sign(b"x", ec.ECDSA(SHA256())))
    yield "another message", False, _der(0x30, _integer(r) + _integer(s))


def _spki(point: bytes, curve: str = "06082a8648ce3d030107") -> bytes:
    algorithm = _der(0x30, bytes.fromhex("06072a8648ce3d0201") + bytes.fromhex(curve))
    return _der(0x30, algorithm + _der(3, b"\0" + point))


def ecdh_cases() -> Iterator[Case]:
    """SP 800-56A, section 5.6.2.3: a peer's point is on the curve, and not at infinity."""
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    yield "as it should be", True, _spki(b"\x04" + x + y)
    yield "negative of the point", True, _spki(b"\x04" + x + (PRIME - numbers.y).to_bytes(32, "big"))
    yield "compressed", True, _spki(bytes([2 + numbers.y % 2]) + x)
    yield "off the curve", False, _spki(b"\x04" + x + ((numbers.y + 1) % PRIME).to_bytes(32, "big"))
    yield "on the twist", False, _spki(b"\x04" + x + x)
    yield "at infinity", False, _spki(b"\0")
    yield "origin", False, _spki(b"\x04" + bytes(64))
    yield "x of p", False, _spki(b"\x04" + PRIME.to_bytes(32, "big") + y)
    yield "named another curve", False, _spki(b"\x04" + x + y, "06052b8104000a")
    other = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    larger = b"\x04" + other.x.to_bytes(48, "big") + other.y.to_bytes(48, "big")
    yield "of another curve", False, _spki(larger, "06052b81040022")
    yield "of another curve, named this one", False, _spki(larger)
    yield "point alone", False, b"\x04" + x + y
    yield "one byte less", False, _spki(b"\x04" + x + y)[:-1]
    yield "bytes after it", False, _spki(b"\x04" + x + y) + b"\0"
    yield "x alone", False, _spki(b"\x04" + x)


def edwards_cases(key: ed25519.Ed25519PrivateKey) -> Iterator[Case]:
    """RFC 8032, section 5.1.7: S is below the order of the group."""
    order = 2**252 + 27742317777372353535851937790883648493
    good = key.sign(MESSAGE)
    s = int.from_bytes(good[32:], "little")
    yield "as it should be", True, good
    yield "s plus the order", False, good[:32] + (s + order).to_bytes(32, "little")
    yield "s zero", False, good[:32] + bytes(32)
    yield "R zero", False, bytes(32) + good[32:]
    yield "all zero", False, bytes(64)
    yield "sign of R flipped", False, good[:31] + bytes([good[31] ^ 0x80]) + good[32:]
    yield "one byte less", False, good[:-1]
    yield "one byte more", False, good + b"\0"
    yield "another message", False, key.sign(b"x")


def hmac_cases() -> Iterator[Case]:
    """RFC 2104: a MAC is compared whole."""
    good = hmac.digest(b"k" * 32, MESSAGE, "sha256")
    yield "as it should be", True, good
    for length in (1, 16, 31):
        yield f"cut to {length} bytes", False, good[:length]
    yield "one byte more", False, good + b"\0"
    yield "first bit flipped", False, bytes([good[0] ^ 0x80]) + good[1:]
    yield "last bit flipped", False, good[:-1] + bytes([good[-1] ^ 1])
    yield "of SHA-512, cut", False, hmac.digest(b"k" * 32, MESSAGE, "sha512")[:32]
    yield "plain hash", False, hashlib.sha256(MESSAGE).digest()
    yield "zero", False, bytes(32)


if __name__ == "__main__":
    main()
