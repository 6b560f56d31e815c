"""Key pairs: RSA, elliptic curves, Ed25519 and ML-DSA, by the names that KMS gives to specs and algorithms.

A private key shows nothing and is not pickled. There is one way to fail at opening and at verifying, and it tells
nothing. Which spec may do what is the room's affair; here an algorithm that does not fit a key is a KeyError.
Source: KMS Developer Guide, "Key spec reference" (facts: kms, section 4).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa, utils

from strongroom.kernel.crypto.aead import NotAuthentic

RSA_BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
CURVES: dict[str, type[ec.EllipticCurve]] = {
    "ECC_NIST_P256": ec.SECP256R1,
    "ECC_NIST_P384": ec.SECP384R1,
    "ECC_NIST_P521": ec.SECP521R1,
    "ECC_SECG_P256K1": ec.SECP256K1,
}
ED25519 = "ECC_NIST_EDWARDS25519"
_LATTICE: dict[str, tuple[type, Callable[[], object]]] = {
    "ML_DSA_44": (mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PrivateKey.generate),
    "ML_DSA_65": (mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PrivateKey.generate),
    "ML_DSA_87": (mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PrivateKey.generate),
}
MU_BYTES = 64
"""An ML-DSA message representative. Source: FIPS 204, algorithm 7, step 6."""

_PUBLIC_EXPONENT = 65537
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA_1": hashes.SHA1(),  # noqa: S303  KMS still offers OAEP with it; no collision matters there
    "SHA_256": hashes.SHA256(),
    "SHA_384": hashes.SHA384(),
    "SHA_512": hashes.SHA512(),
}
_MLDSAPrivate = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
_MLDSAPublic = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
_Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | _MLDSAPrivate


class BadKey(ValueError):  # noqa: N818  a finding about the bytes
    """The bytes are no key of the kind that is wanted. Says no more on purpose."""


class WrongLength(ValueError):  # noqa: N818  a finding about the bytes
    """A digest or message representative has not the length that its algorithm demands."""


@lru_cache(maxsize=32)
def is_offered(spec: str) -> bool:
    """Whether the crypto library at hand makes keys of a spec: older builds of OpenSSL lack ML-DSA."""
    if spec not in _LATTICE:
        return spec in RSA_BITS or spec in CURVES or spec == ED25519
    try:
        _LATTICE[spec][1]()
    except UnsupportedAlgorithm:
        return False
    return True


def generate(spec: str) -> bytes:
    """A new private key of a spec as PKCS #8 DER; seal it before it is stored. RSA takes up to seconds."""
    made: _Private
    if spec in RSA_BITS:
        made = rsa.generate_private_key(_PUBLIC_EXPONENT, RSA_BITS[spec])
    elif spec in CURVES:
        made = ec.generate_private_key(CURVES[spec]())
    elif spec == ED25519:
        made = ed25519.Ed25519PrivateKey.generate()
    else:
        made = _LATTICE[spec][1]()  # type: ignore[assignment]
    return _pkcs8(made)


def imported(der: bytes, spec: str) -> bytes:
    """A private key from outside, read, checked whole, and written again as ours.

    Raises BadKey for anything but an unencrypted PKCS #8 DER of exactly this spec.
    """
    try:
        # First what it is: to check an RSA key whole is to look for its primes, and takes the longer the larger it is.
        if not _is_of(serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True), spec):
            raise BadKey
        key = serialization.load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey from None
    return _pkcs8(key)  # type: ignore[arg-type]


def agree(der: bytes, peer: bytes) -> bytes:
    """The shared secret of elliptic-curve Diffie-Hellman: the raw x coordinate. Raises BadKey for a bad peer.

    Source: NIST SP 800-56A, section 5.7.1.2.
    """
    key = _loaded(der)
    try:
        other = serialization.load_der_public_key(peer)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyError("this key agrees on nothing")
    if not isinstance(other, ec.EllipticCurvePublicKey) or other.curve.name != key.curve.name:
        raise BadKey
    try:
        return key.exchange(ec.ECDH(), other)
    except ValueError:
        raise BadKey from None


class KeyPair:
    """A private key at work. It is read from its DER when first used, without checking our own key again."""

    __slots__ = ("_der", "_key")

    def __init__(self, der: bytes) -> None:
        self._der = der
        self._key: _Private | None = None

    def _private(self) -> _Private:
        if self._key is None:
            self._key = _loaded(self._der)
        return self._key

    def public_der(self) -> bytes:
        """The public key as SubjectPublicKeyInfo DER."""
        return (
            self._private()
            .public_key()
            .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def public_pkcs1(self) -> bytes:
        """The public key of an RSA pair as PKCS #1 DER. Raises KeyError for another kind. Source: RFC 8017, A.1.1."""
        public = self._private().public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            raise KeyError("this key has no form of PKCS #1")
        return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)

    def sign(self, algorithm: str, message: bytes, form: str) -> bytes:
        """A signature; ``form`` says what ``message`` is: RAW, DIGEST or EXTERNAL_MU. Raises WrongLength.

        ECDSA signatures are DER, as X9.62 writes them.
        """
        key = self._private()
        if isinstance(key, rsa.RSAPrivateKey):
            scheme, hashed = _rsa_scheme(algorithm, message, form)
            return key.sign(message, scheme, hashed)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(message, ec.ECDSA(_hashed(algorithm, message, form)))
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(message)
        return key.sign_mu(_mu(message)) if form == "EXTERNAL_MU" else key.sign(message)

    def verify(self, algorithm: str, message: bytes, form: str, signature: bytes) -> None:
        """Raises NotAuthentic where the signature is not this key's of this message, WrongLength as ``sign``."""
        public = self._private().public_key()
        try:
            if isinstance(public, rsa.RSAPublicKey):
                scheme, hashed = _rsa_scheme(algorithm, message, form)
                public.verify(signature, message, scheme, hashed)
            elif isinstance(public, ec.EllipticCurvePublicKey):
                public.verify(signature, message, ec.ECDSA(_hashed(algorithm, message, form)))
            elif isinstance(public, ed25519.Ed25519PublicKey):
                public.verify(signature, message)
            elif form == "EXTERNAL_MU":
                public.verify_mu(signature, _mu(message))
            else:
                public.verify(signature, message)
        except InvalidSignature:
            raise NotAuthentic from None

    def encrypt(self, algorithm: str, plaintext: bytes) -> bytes:
        """One short message under the public key, RSAES-OAEP. Raises WrongLength where it is too long."""
        public = self._private().public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            raise KeyError(algorithm)
        try:
            return public.encrypt(plaintext, oaep(algorithm))
        except ValueError:
            raise WrongLength from None

    def decrypt(self, algorithm: str, ciphertext: bytes) -> bytes:
        """The message again. Raises NotAuthentic where it was not encrypted so."""
        key = self._private()
        if not isinstance(key, rsa.RSAPrivateKey):
            raise KeyError(algorithm)
        try:
            return key.decrypt(ciphertext, oaep(algorithm))
        except ValueError:
            raise NotAuthentic from None

    def agree(self, peer: bytes) -> bytes:
        """As the function ``agree``."""
        return agree(self._der, peer)

    def __repr__(self) -> str:
        return "<KeyPair>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("key material is not pickled")


def is_signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 key (SubjectPublicKeyInfo DER) signed a message. Raises BadKey for another kind of key.

    Source: RFC 8032, section 5.1.7.
    """
    try:
        key = serialization.load_der_public_key(public)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey from None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise BadKey
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def oaep(algorithm: str) -> padding.OAEP:
    """RSAES_OAEP_SHA_1 or RSAES_OAEP_SHA_256, with the same hash in MGF1 and no label. Source: RFC 8017, 7.1."""
    hashed = _HASHES[algorithm.removeprefix("RSAES_OAEP_")]
    return padding.OAEP(padding.MGF1(hashed), hashed, None)


def _is_of(key: object, spec: str) -> bool:
    if spec in RSA_BITS:
        return isinstance(key, rsa.RSAPrivateKey) and key.key_size == RSA_BITS[spec]
    if spec in CURVES:
        return isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == CURVES[spec]().name
    return isinstance(key, ed25519.Ed25519PrivateKey if spec == ED25519 else _LATTICE[spec][0])


def _pkcs8(key: _Private) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _loaded(der: bytes) -> _Private:
    """Our own key: it was checked when it was made or imported, and its seal says that it has not changed."""
    key = serialization.load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(
        key,
        rsa.RSAPrivateKey
        | ec.EllipticCurvePrivateKey
        | ed25519.Ed25519PrivateKey
        | mldsa.MLDSA44PrivateKey
        | mldsa.MLDSA65PrivateKey
        | mldsa.MLDSA87PrivateKey,
    ):
        raise BadKey
    return key


def _hashed(algorithm: str, message: bytes, form: str) -> hashes.HashAlgorithm | utils.Prehashed:
    """The hash that an algorithm's name ends with, as it must be told to the library."""
    used = _HASHES[algorithm[-len("SHA_256") :]]
    if form != "DIGEST":
        return used
    if len(message) != used.digest_size:
        raise WrongLength
    return utils.Prehashed(used)


def _rsa_scheme(
    algorithm: str, message: bytes, form: str
) -> tuple[padding.AsymmetricPadding, hashes.HashAlgorithm | utils.Prehashed]:
    """PKCS #1 v1.5, or PSS with MGF1 of the same hash and a salt as long as the digest."""
    hashed = _hashed(algorithm, message, form)
    if algorithm.startswith("RSASSA_PKCS1_V1_5_"):
        return padding.PKCS1v15(), hashed
    if algorithm.startswith("RSASSA_PSS_"):
        used = _HASHES[algorithm[-len("SHA_256") :]]
        return padding.PSS(padding.MGF1(used), padding.PSS.DIGEST_LENGTH), hashed
    raise KeyError(algorithm)


def _mu(message: bytes) -> bytes:
    if len(message) != MU_BYTES:
        raise WrongLength
    return message
