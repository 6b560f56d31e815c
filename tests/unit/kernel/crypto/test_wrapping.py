"""Material wrapped outside is unwrapped, or nothing is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from strongroom.kernel.crypto.aead import NotAuthentic
from strongroom.kernel.crypto.keypairs import KeyPair
from strongroom.kernel.crypto.wrapping import ALGORITHMS, unwrap

VECTORS = Path(__file__).parents[3] / "vectors" / "kms"
DER = bytes.fromhex(json.loads((VECTORS / "rsaes_oaep.json").read_text())["key"])  # making one takes long
PAIR = KeyPair(DER)
SECRET = os.urandom(32)
HASH = {"1": hashes.SHA1(), "6": hashes.SHA256()}


def wrapped(algorithm: str, secret: bytes, *, aes: bytes = b"a" * 32) -> bytes:
    """As a client wraps it."""
    public = serialization.load_der_public_key(PAIR.public_der())
    assert isinstance(public, rsa.RSAPublicKey)
    used = HASH[algorithm[-1]]
    oaep = padding.OAEP(padding.MGF1(used), used, None)
    if algorithm.startswith("RSAES"):
        return public.encrypt(secret, oaep)
    used_aes = aes if len(aes) in (16, 24, 32) else b"a" * 16
    return public.encrypt(aes, oaep) + keywrap.aes_key_wrap_with_padding(used_aes, secret)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_was_wrapped_is_unwrapped_and_nothing_else(algorithm: str) -> None:
    good = wrapped(algorithm, SECRET)
    assert SECRET == unwrap(PAIR, "RSA_2048", algorithm, good)
    flipped = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(0, len(good), 7)]
    for bad in (b"", b"x", good[:-1], good + b"\0", good[8:], *flipped):
        with pytest.raises(NotAuthentic):
            unwrap(PAIR, "RSA_2048", algorithm, bad)
    for other in ALGORITHMS:
        if other != algorithm:
            with pytest.raises(NotAuthentic):
                unwrap(PAIR, "RSA_2048", other, good)


def test_a_whole_private_key_fits_under_aes_key_wrap() -> None:
    assert DER == unwrap(PAIR, "RSA_2048", "RSA_AES_KEY_WRAP_SHA_256", wrapped("RSA_AES_KEY_WRAP_SHA_256", DER))


@pytest.mark.parametrize("length", [1, 15, 17, 31, 33])
def test_an_aes_key_of_another_length_wraps_nothing(length: int) -> None:
    bad = wrapped("RSA_AES_KEY_WRAP_SHA_256", SECRET, aes=b"a" * length)
    with pytest.raises(NotAuthentic):
        unwrap(PAIR, "RSA_2048", "RSA_AES_KEY_WRAP_SHA_256", bad)


def test_the_wrapping_of_rfc_5649_is_unwrapped() -> None:
    """Source: RFC 5649, section 6."""
    aes = bytes.fromhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
    public = serialization.load_der_public_key(PAIR.public_der())
    assert isinstance(public, rsa.RSAPublicKey)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    known = bytes.fromhex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a")
    opened = unwrap(PAIR, "RSA_2048", "RSA_AES_KEY_WRAP_SHA_256", public.encrypt(aes, oaep) + known)
    assert "c37b7e6492584340bed12207808941155068f738" == opened.hex()
