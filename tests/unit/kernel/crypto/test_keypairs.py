"""Key pairs: known answers of the standards, vectors that are almost right, and what is refused."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils, x25519

from strongroom.kernel.crypto.aead import NotAuthentic
from strongroom.kernel.crypto.keypairs import BadKey, KeyPair, WrongLength, generate, imported, is_offered
from strongroom.kernel.crypto.macs import MacKey, mac

VECTORS = Path(__file__).parents[3] / "vectors" / "kms"
FILES = {path.stem: json.loads(path.read_text()) for path in sorted(VECTORS.glob("*.json"))}
CASES = [(name, at, case["case"]) for name, told in FILES.items() for at, case in enumerate(told["cases"])]
SPECS = [
    "RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519",
    "ML_DSA_44", "ML_DSA_65", "ML_DSA_87",
]  # fmt: skip


def outcome(told: dict[str, Any], data: bytes) -> bool:
    """Whether a vector's data is taken."""
    key, message, algorithm = bytes.fromhex(told["key"]), bytes.fromhex(told["message"]), told["algorithm"]
    try:
        if algorithm.startswith("HMAC"):
            return MacKey(told["spec"], key).is_mac(message, data)
        if algorithm == "ECDH":
            return 32 == len(KeyPair(key).agree(data))
        if algorithm.startswith("RSAES"):
            return message == KeyPair(key).decrypt(algorithm, data)
        KeyPair(key).verify(algorithm, message, "RAW", data)
    except (NotAuthentic, BadKey):
        return False
    return True


@pytest.mark.parametrize(("name", "at", "case"), CASES, ids=[f"{name}: {case}" for name, _, case in CASES])
def test_what_is_almost_right_is_wrong(name: str, at: int, case: str) -> None:
    told = FILES[name]
    assert told["cases"][at]["good"] is outcome(told, bytes.fromhex(told["cases"][at]["data"]))


def test_there_are_good_and_bad_vectors_for_every_scheme() -> None:
    assert {"rsassa_pkcs1", "rsassa_pss", "rsaes_oaep", "ecdsa_p256", "ecdh_p256", "ed25519", "hmac_sha256"} == set(
        FILES
    )
    for told in FILES.values():
        assert {True, False} == {case["good"] for case in told["cases"]}


def der(key: Any) -> bytes:
    made: bytes = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made


def test_a_signature_of_rfc_6979_verifies() -> None:
    """Source: RFC 6979, appendix A.2.5, SHA-256, message "sample"."""
    secret = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    signature = utils.encode_dss_signature(
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    )
    pair = KeyPair(der(ec.derive_private_key(secret, ec.SECP256R1())))
    pair.verify("ECDSA_SHA_256", b"sample", "RAW", signature)
    with pytest.raises(NotAuthentic):
        pair.verify("ECDSA_SHA_256", b"Sample", "RAW", signature)


def test_a_signature_of_rfc_8032_is_made() -> None:
    """Source: RFC 8032, section 7.1, test 2."""
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    pair = KeyPair(der(ed25519.Ed25519PrivateKey.from_private_bytes(secret)))
    assert (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ) == pair.sign("ED25519_SHA_512", b"\x72", "RAW").hex()


def test_a_secret_of_rfc_5903_is_derived() -> None:
    """Source: RFC 5903, section 8.1."""
    secret = 0xC88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433
    peer = ec.EllipticCurvePublicNumbers(
        0xD12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63,
        0x56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB,
        ec.SECP256R1(),
    ).public_key()
    spki = peer.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    shared = KeyPair(der(ec.derive_private_key(secret, ec.SECP256R1()))).agree(spki)
    assert "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de" == shared.hex()


OF_512 = (
    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4"
    "be9d914eeb61f1702e696c203a126854"
)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("HMAC_224", "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22"),
        ("HMAC_256", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            "HMAC_384",
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
        ),
        ("HMAC_512", OF_512),
    ],
)
def test_macs_of_rfc_4231_are_made(spec: str, expected: str) -> None:
    """Source: RFC 4231, section 4.2."""
    assert expected == mac(spec, b"\x0b" * 20, b"Hi There").hex()


@pytest.mark.parametrize("spec", SPECS)
def test_a_new_key_is_of_its_spec_and_can_be_read_again(spec: str) -> None:
    assert is_offered(spec)
    made = bytes.fromhex(FILES["rsaes_oaep"]["key"]) if spec == "RSA_2048" else generate(spec)  # RSA takes long
    assert made == imported(made, spec)
    assert len(made) <= 4096
    assert made not in (KeyPair(made).public_der(), repr(KeyPair(made)).encode())
    for other in SPECS:
        if other != spec:
            with pytest.raises(BadKey):
                imported(made, other)


def test_what_is_no_key_is_not_imported() -> None:
    made = generate("ECC_NIST_P256")
    sealed = serialization.load_der_private_key(made, None).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    for bad in (
        b"",
        b"x",
        made[:-1],
        made + b"\0",
        sealed,
        KeyPair(made).public_der(),
        der(x25519.X25519PrivateKey.generate()),
    ):
        with pytest.raises(BadKey):
            imported(bad, "ECC_NIST_P256")


def test_an_rsa_key_that_does_not_fit_itself_is_not_imported() -> None:
    made = bytearray(bytes.fromhex(FILES["rsassa_pkcs1"]["key"]))
    made[200] ^= 1  # in the modulus
    with pytest.raises(BadKey):
        imported(bytes(made), "RSA_2048")


def test_a_key_of_another_size_is_turned_away_before_it_is_checked() -> None:
    """8192 bits with factors that are none: to check it would take seconds."""
    modulus = (1 << 8191) + 1
    numbers = b"".join(map(_integer, (0, modulus, 65537, 3, 5, 7, 11, 13, 17)))
    key = _tagged(
        0x30, _integer(0) + bytes.fromhex("300d06092a864886f70d0101010500") + _tagged(4, _tagged(0x30, numbers))
    )
    begun = time.perf_counter()
    with pytest.raises(BadKey):
        imported(key, "RSA_2048")
    assert time.perf_counter() - begun < 1


def _tagged(tag: int, body: bytes) -> bytes:
    size = len(body)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + body


def _integer(number: int) -> bytes:
    return _tagged(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def test_digests_and_representatives_have_their_length() -> None:
    curve, lattice = KeyPair(generate("ECC_NIST_P384")), KeyPair(generate("ML_DSA_44"))
    for length in (1, 32, 47, 49, 64):
        with pytest.raises(WrongLength):
            curve.sign("ECDSA_SHA_384", bytes(length), "DIGEST")
        with pytest.raises(WrongLength):
            curve.verify("ECDSA_SHA_384", bytes(length), "DIGEST", b"x")
    for length in (1, 32, 63, 65):
        with pytest.raises(WrongLength):
            lattice.sign("ML_DSA_SHAKE_256", bytes(length), "EXTERNAL_MU")


def test_a_message_too_long_for_a_key_is_told() -> None:
    pair = KeyPair(bytes.fromhex(FILES["rsaes_oaep"]["key"]))
    with pytest.raises(WrongLength):
        pair.encrypt("RSAES_OAEP_SHA_256", bytes(191))


def test_keys_do_only_what_they_can() -> None:
    curve = KeyPair(generate("ECC_NIST_P256"))
    rsa = KeyPair(bytes.fromhex(FILES["rsaes_oaep"]["key"]))
    with pytest.raises(KeyError):
        curve.encrypt("RSAES_OAEP_SHA_256", b"x")
    with pytest.raises(KeyError):
        curve.decrypt("RSAES_OAEP_SHA_256", b"x")
    with pytest.raises(KeyError):
        rsa.agree(curve.public_der())
    with pytest.raises(KeyError):
        rsa.sign("ECDSA_SHA_256", b"x", "RAW")
    assert not is_offered("SM2")


@pytest.mark.parametrize("key", [KeyPair(b"der"), MacKey("HMAC_256", b"key")], ids=["pair", "mac"])
def test_keys_show_nothing_and_are_not_pickled(key: Any) -> None:
    assert repr(key) in ("<KeyPair>", "<MacKey>")
    with pytest.raises(TypeError):
        pickle.dumps(key)
