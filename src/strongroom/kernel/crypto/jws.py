"""Public keys of other people's tokens, and whether a signature is theirs: a fixed list of algorithms.

Source: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 sections 3.3, 3.4 and 6 (RSA and EC), RFC 8037 (Ed25519).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from strongroom.base.classes import dataclass

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signatures alone: no secret shared with the issuer (HS*) and no unsigned token (none) can ever be meant.

Source: facts, iam, section 14 (AWS's RS and ES); EdDSA is our choice, for issuers of one's own.
"""
RSA_BITS = range(2048, 8193)
"""Source: RFC 7518, section 3.3: 2048 bits or more; the upper end is our choice, against slow keys."""

_OTHER_BASE64 = frozenset("=+/")
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES: Mapping[str, tuple[str, ec.EllipticCurve, int]] = {
    "P-256": ("ES256", ec.SECP256R1(), 32),
    "P-384": ("ES384", ec.SECP384R1(), 48),
    "P-521": ("ES512", ec.SECP521R1(), 66),
}


class NotVerified(Exception):  # noqa: N818  a finding about the signature
    """The signature is not this key's over this message. Says no more on purpose."""


@dataclass(frozen=True, slots=True, eq=False)
class PublicKey:
    """One key of an issuer: its id ("" where it has none) and the algorithms that it may verify."""

    id: str
    algorithms: frozenset[str]
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

    def verify(self, algorithm: str, message: bytes, signature: bytes) -> None:
        """Nothing where the signature is good. Raises NotVerified, also for an algorithm that is not this key's."""
        if algorithm not in self.algorithms:
            raise NotVerified
        try:
            match self.key:
                case rsa.RSAPublicKey():
                    self.key.verify(signature, message, padding.PKCS1v15(), _HASHES[algorithm[2:]])
                case ec.EllipticCurvePublicKey():
                    self.key.verify(_der(signature, self.key), message, ec.ECDSA(_HASHES[algorithm[2:]]))
                case _:
                    self.key.verify(signature, message)
        except InvalidSignature:
            raise NotVerified from None


def _der(signature: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """Source: RFC 7518, section 3.4: both numbers, each as long as the curve's order."""
    half = (key.curve.key_size + 7) // 8
    if len(signature) != 2 * half:
        raise NotVerified
    return utils.encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))


def public_key(jwk: Mapping[str, Any]) -> PublicKey | None:
    """The key of a JWK; None where it is of another kind, for another use, too weak, or not well formed."""
    if jwk.get("use", "sig") != "sig" or "verify" not in _texts(jwk.get("key_ops", ["verify"])):
        return None
    try:
        made = _MAKERS[jwk["kty"]](jwk)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
    if made is None:
        return None
    key, algorithms = made
    named, key_id = jwk.get("alg"), jwk.get("kid", "")
    if named is not None:
        algorithms &= {str(named)}
    if not algorithms or not isinstance(key_id, str):
        return None
    return PublicKey(key_id, frozenset(algorithms), key)


def _texts(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _rsa(jwk: Mapping[str, Any]) -> tuple[rsa.RSAPublicKey, set[str]] | None:
    modulus, exponent = _number(jwk["n"]), _number(jwk["e"])
    if modulus.bit_length() not in RSA_BITS or not 2 < exponent < 1 << 33:
        return None
    return rsa.RSAPublicNumbers(exponent, modulus).public_key(), {"RS256", "RS384", "RS512"}


def _ec(jwk: Mapping[str, Any]) -> tuple[ec.EllipticCurvePublicKey, set[str]]:
    algorithm, curve, half = _CURVES[jwk["crv"]]
    x, y = decoded(jwk["x"]), decoded(jwk["y"])
    if (len(x), len(y)) != (half, half):
        raise ValueError("coordinates are as long as the curve's field")
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve)
    return numbers.public_key(), {algorithm}  # raises where the point is not on the curve


def _okp(jwk: Mapping[str, Any]) -> tuple[ed25519.Ed25519PublicKey, set[str]] | None:
    if jwk["crv"] != "Ed25519":
        return None
    return ed25519.Ed25519PublicKey.from_public_bytes(decoded(jwk["x"])), {"EdDSA"}


_MAKERS: Mapping[str, Any] = {"RSA": _rsa, "EC": _ec, "OKP": _okp}


def _number(text: object) -> int:
    return int.from_bytes(decoded(text), "big")


def decoded(text: object) -> bytes:
    """The bytes of unpadded base64url. Raises ValueError. Source: RFC 7515, section 2."""
    if not isinstance(text, str) or _OTHER_BASE64 & set(text) or not text.isascii():
        raise ValueError("not base64url")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
