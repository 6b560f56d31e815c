"""Signatures, MACs, key pairs and shared secrets with stock boto3; checked with the public keys given out."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa, utils
from tests.inprocess import Account
from tests.wire.test_kms_keys import refusal
from tests.wire.test_kms_permissions import User

MESSAGE = b"a message"
CURVE_KEYS = [
    ("ECC_NIST_P256", "ECDSA_SHA_256"),
    ("ECC_NIST_P384", "ECDSA_SHA_384"),
    ("ECC_NIST_P521", "ECDSA_SHA_512"),
    ("ECC_SECG_P256K1", "ECDSA_SHA_256"),
]
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


@pytest.fixture
def kms(account: Account) -> Any:
    return account.client("kms")


def made(kms: Any, spec: str, usage: str) -> str:
    arn: str = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
    return arn


def public(kms: Any, arn: str) -> Any:
    return serialization.load_der_public_key(kms.get_public_key(KeyId=arn)["PublicKey"])


def check_refusals(kms: Any, arn: str, algorithm: str, signature: bytes) -> None:
    """A good signature verifies; another message, another signature and a flipped bit do not, and tell nothing."""
    asked = {"KeyId": arn, "SigningAlgorithm": algorithm}
    told = kms.verify(**asked, Message=MESSAGE, Signature=signature)
    assert (True, arn, algorithm) == (told["SignatureValid"], told["KeyId"], told["SigningAlgorithm"])
    bad = ("KMSInvalidSignatureException", "")
    assert bad == refusal(kms.verify, **asked, Message=b"another", Signature=signature)
    for at in (0, len(signature) // 2, len(signature) - 1):
        flipped = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        assert bad == refusal(kms.verify, **asked, Message=MESSAGE, Signature=flipped)
    assert bad == refusal(kms.verify, **asked, Message=MESSAGE, Signature=b"x")


@pytest.mark.parametrize(("spec", "algorithm"), CURVE_KEYS)
def test_elliptic_curve_signatures_verify_by_the_public_key(kms: Any, spec: str, algorithm: str) -> None:
    arn = made(kms, spec, "SIGN_VERIFY")
    signature = kms.sign(KeyId=arn, Message=MESSAGE, SigningAlgorithm=algorithm)["Signature"]
    used = HASHES[algorithm[-3:]]
    public(kms, arn).verify(signature, MESSAGE, ec.ECDSA(used))
    check_refusals(kms, arn, algorithm, signature)
    digest = hashlib.new(used.name, MESSAGE).digest()
    asked = {"KeyId": arn, "MessageType": "DIGEST", "SigningAlgorithm": algorithm}
    signature = kms.sign(**asked, Message=digest)["Signature"]
    public(kms, arn).verify(signature, digest, ec.ECDSA(utils.Prehashed(used)))
    assert kms.verify(KeyId=arn, Message=MESSAGE, SigningAlgorithm=algorithm, Signature=signature)["SignatureValid"]
    expected = ("ValidationException", f"Digest is invalid length for algorithm {algorithm}.")
    assert expected == refusal(kms.sign, **asked, Message=digest[:-1])
    assert expected == refusal(kms.verify, **asked, Message=digest[:-1], Signature=signature)


@pytest.mark.parametrize("digest", ["256", "384", "512"])
def test_rsa_signatures_verify_by_the_public_key(kms: Any, digest: str) -> None:
    arn = made(kms, "RSA_2048", "SIGN_VERIFY")
    used = HASHES[digest]
    schemes: dict[str, Any] = {
        f"RSASSA_PKCS1_V1_5_SHA_{digest}": padding.PKCS1v15(),
        f"RSASSA_PSS_SHA_{digest}": padding.PSS(padding.MGF1(used), used.digest_size),
    }
    for algorithm, scheme in schemes.items():
        signature = kms.sign(KeyId=arn, Message=MESSAGE, SigningAlgorithm=algorithm)["Signature"]
        public(kms, arn).verify(signature, MESSAGE, scheme, used)
        check_refusals(kms, arn, algorithm, signature)
        hashed = hashlib.new(used.name, MESSAGE).digest()
        asked = {"KeyId": arn, "MessageType": "DIGEST", "SigningAlgorithm": algorithm}
        signature = kms.sign(**asked, Message=hashed)["Signature"]
        public(kms, arn).verify(signature, MESSAGE, scheme, used)


def test_edwards_signatures_verify_by_the_public_key(kms: Any) -> None:
    arn, algorithm = made(kms, "ECC_NIST_EDWARDS25519", "SIGN_VERIFY"), "ED25519_SHA_512"
    signature = kms.sign(KeyId=arn, Message=MESSAGE, SigningAlgorithm=algorithm)["Signature"]
    key = public(kms, arn)
    assert isinstance(key, ed25519.Ed25519PublicKey)
    key.verify(signature, MESSAGE)
    check_refusals(kms, arn, algorithm, signature)
    prehashed = {"KeyId": arn, "Message": b"x" * 64, "MessageType": "DIGEST", "SigningAlgorithm": "ED25519_PH_SHA_512"}
    assert "InvalidKeyUsageException" == refusal(kms.sign, **prehashed)[0]
    raw = {"KeyId": arn, "Message": b"x" * 64, "MessageType": "DIGEST", "SigningAlgorithm": algorithm}
    assert "ValidationException" == refusal(kms.sign, **raw)[0]


@pytest.mark.parametrize("spec", ["ML_DSA_44", "ML_DSA_65", "ML_DSA_87"])
def test_lattice_signatures_verify_by_the_public_key(kms: Any, spec: str) -> None:
    arn, algorithm = made(kms, spec, "SIGN_VERIFY"), "ML_DSA_SHAKE_256"
    signature = kms.sign(KeyId=arn, Message=MESSAGE, SigningAlgorithm=algorithm)["Signature"]
    key = public(kms, arn)
    key.verify(signature, MESSAGE)
    check_refusals(kms, arn, algorithm, signature)
    # FIPS 204, algorithm 7: mu = SHAKE256(SHAKE256(public key, 64) || 0 || 0 || message, 64) for an empty context.
    tr = hashlib.shake_256(key.public_bytes_raw()).digest(64)
    mu = hashlib.shake_256(tr + b"\0\0" + MESSAGE).digest(64)
    asked = {"KeyId": arn, "Message": mu, "MessageType": "EXTERNAL_MU", "SigningAlgorithm": algorithm}
    signature = kms.sign(**asked)["Signature"]
    key.verify(signature, MESSAGE)
    assert kms.verify(**asked, Signature=signature)["SignatureValid"]
    assert "ValidationException" == refusal(kms.sign, **{**asked, "Message": mu[:-1]})[0]
    assert "ValidationException" == refusal(kms.sign, **{**asked, "MessageType": "DIGEST"})[0]
    assert isinstance(key, mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey)


@pytest.mark.parametrize(
    ("spec", "algorithm", "digest"),
    [
        ("HMAC_224", "HMAC_SHA_224", "sha224"),
        ("HMAC_256", "HMAC_SHA_256", "sha256"),
        ("HMAC_384", "HMAC_SHA_384", "sha384"),
        ("HMAC_512", "HMAC_SHA_512", "sha512"),
    ],
)
def test_macs_are_made_and_verified(kms: Any, spec: str, algorithm: str, digest: str) -> None:
    arn = made(kms, spec, "GENERATE_VERIFY_MAC")
    told = kms.describe_key(KeyId=arn)["KeyMetadata"]
    assert [algorithm] == told["MacAlgorithms"]
    assert "EncryptionAlgorithms" not in told
    assert "CurrentKeyMaterialId" not in told
    asked = {"KeyId": arn, "Message": MESSAGE, "MacAlgorithm": algorithm}
    mac = kms.generate_mac(**asked)["Mac"]
    assert hashlib.new(digest).digest_size == len(mac)
    assert mac == kms.generate_mac(**asked)["Mac"]
    assert kms.verify_mac(**asked, Mac=mac)["MacValid"] is True
    bad = ("KMSInvalidMacException", "")
    for wrong in (mac[:-1], mac + b"\0", bytes([mac[0] ^ 1]) + mac[1:]):
        assert bad == refusal(kms.verify_mac, **asked, Mac=wrong)
    other = "HMAC_SHA_512" if spec != "HMAC_512" else "HMAC_SHA_256"
    expected = ("InvalidKeyUsageException", f"Algorithm {other} is incompatible with key spec {spec}.")
    assert expected == refusal(kms.generate_mac, **{**asked, "MacAlgorithm": other})


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"])
def test_two_parties_derive_one_secret(kms: Any, spec: str) -> None:
    arn = made(kms, spec, "KEY_AGREEMENT")
    ours = public(kms, arn)
    assert ["ECDH"] == kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyAgreementAlgorithms"]
    theirs = ec.generate_private_key(ours.curve)
    spki = theirs.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    asked = {"KeyId": arn, "KeyAgreementAlgorithm": "ECDH"}
    told = kms.derive_shared_secret(**asked, PublicKey=spki)
    assert theirs.exchange(ec.ECDH(), ours) == told["SharedSecret"]
    assert ("ECDH", "AWS_KMS", arn) == (told["KeyAgreementAlgorithm"], told["KeyOrigin"], told["KeyId"])
    assert ("ValidationException", "") == refusal(kms.derive_shared_secret, **asked, PublicKey=b"no key")
    foreign = (
        ec.generate_private_key(ec.SECP256K1())
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert ("ValidationException", "") == refusal(kms.derive_shared_secret, **asked, PublicKey=foreign)
    off_curve = bytearray(spki)
    off_curve[-1] ^= 1
    assert ("ValidationException", "") == refusal(kms.derive_shared_secret, **asked, PublicKey=bytes(off_curve))


@pytest.mark.parametrize(
    ("algorithm", "digest", "most"),
    [("RSAES_OAEP_SHA_1", hashes.SHA1(), 214), ("RSAES_OAEP_SHA_256", hashes.SHA256(), 190)],
    ids=["sha1", "sha256"],
)
def test_rsa_encrypts_and_decrypts(kms: Any, algorithm: str, digest: Any, most: int) -> None:
    arn = made(kms, "RSA_2048", "ENCRYPT_DECRYPT")
    asked = {"KeyId": arn, "EncryptionAlgorithm": algorithm}
    blob = kms.encrypt(**asked, Plaintext=b"y" * most)["CiphertextBlob"]
    told = kms.decrypt(**asked, CiphertextBlob=blob)
    assert (b"y" * most, arn, algorithm) == (told["Plaintext"], told["KeyId"], told["EncryptionAlgorithm"])
    assert "KeyMaterialId" not in told
    outside = public(kms, arn).encrypt(MESSAGE, padding.OAEP(padding.MGF1(digest), digest, None))
    assert MESSAGE == kms.decrypt(**asked, CiphertextBlob=outside)["Plaintext"]
    expected = (
        "ValidationException",
        f"Algorithm {algorithm} and key spec RSA_2048 cannot encrypt data larger than {most} bytes.",
    )
    assert expected == refusal(kms.encrypt, **asked, Plaintext=b"y" * (most + 1))
    for bad in (blob[:-1], b"\0" + blob[1:], b"x"):
        assert ("InvalidCiphertextException", "") == refusal(kms.decrypt, **asked, CiphertextBlob=bad)
    assert "InvalidCiphertextException" == refusal(kms.decrypt, CiphertextBlob=blob)[0]  # it names no key
    missing = ("InvalidKeyUsageException", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.")
    assert missing == refusal(kms.encrypt, KeyId=arn, Plaintext=b"y")
    assert "ValidationException" == refusal(kms.encrypt, **asked, Plaintext=b"y", EncryptionContext={"a": "b"})[0]
    symmetric = kms.create_key()["KeyMetadata"]["Arn"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob, SourceKeyId=arn, SourceEncryptionAlgorithm=algorithm, DestinationKeyId=symmetric
    )
    assert "SourceKeyMaterialId" not in moved
    assert b"y" * most == kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"]


@pytest.mark.parametrize(
    "spec", ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"]
)
def test_a_data_key_pair_comes_with_its_private_half_wrapped(kms: Any, spec: str) -> None:
    arn, context = kms.create_key()["KeyMetadata"]["Arn"], {"a": "b"}
    pair = kms.generate_data_key_pair(KeyId=arn, KeyPairSpec=spec, EncryptionContext=context)
    private = serialization.load_der_private_key(pair["PrivateKeyPlaintext"], None)
    assert pair["PublicKey"] == private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert (arn, spec) == (pair["KeyId"], pair["KeyPairSpec"])
    opened = kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"], EncryptionContext=context)
    assert pair["PrivateKeyPlaintext"] == opened["Plaintext"]
    assert pair["KeyMaterialId"] == opened["KeyMaterialId"]
    quiet = kms.generate_data_key_pair_without_plaintext(KeyId=arn, KeyPairSpec=spec)
    assert "PrivateKeyPlaintext" not in quiet
    opened = kms.decrypt(CiphertextBlob=quiet["PrivateKeyCiphertextBlob"])
    again = serialization.load_der_private_key(opened["Plaintext"], None)
    assert quiet["PublicKey"] == again.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_what_makes_no_data_key_pair_is_refused(kms: Any) -> None:
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    assert "UnsupportedOperationException" == refusal(kms.generate_data_key_pair, KeyId=arn, KeyPairSpec="SM2")[0]
    wrong = made(kms, "RSA_2048", "ENCRYPT_DECRYPT")
    asked = {"KeyId": wrong, "KeyPairSpec": "ECC_NIST_P256"}
    assert "InvalidKeyUsageException" == refusal(kms.generate_data_key_pair, **asked)[0]
    assert "InvalidKeyUsageException" == refusal(kms.generate_data_key, KeyId=wrong, KeySpec="AES_256")[0]
    dry = {"KeyId": arn, "KeyPairSpec": "RSA_4096", "DryRun": True}
    assert "DryRunOperationException" == refusal(kms.generate_data_key_pair, **dry)[0]


def test_a_key_does_only_what_its_usage_says(kms: Any) -> None:
    """Source: facts aws-observed, "KMS: error shape"."""
    symmetric = kms.create_key()["KeyMetadata"]["Arn"]
    mac = made(kms, "HMAC_256", "GENERATE_VERIFY_MAC")
    curve = made(kms, "ECC_NIST_P256", "SIGN_VERIFY")

    def expected(arn: str, usage: str, operation: str) -> tuple[str, str]:
        return "InvalidKeyUsageException", f"{arn} key usage is {usage} which is not valid for {operation}."

    signing = {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
    assert expected(symmetric, "ENCRYPT_DECRYPT", "Sign") == refusal(kms.sign, KeyId=symmetric, **signing)
    assert expected(mac, "GENERATE_VERIFY_MAC", "Verify") == refusal(kms.verify, KeyId=mac, Signature=b"x", **signing)
    assert expected(mac, "GENERATE_VERIFY_MAC", "Encrypt") == refusal(kms.encrypt, KeyId=mac, Plaintext=b"x")
    macing = {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
    assert expected(curve, "SIGN_VERIFY", "GenerateMac") == refusal(kms.generate_mac, KeyId=curve, **macing)
    deriving = {"KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x"}
    assert expected(curve, "SIGN_VERIFY", "DeriveSharedSecret") == refusal(
        kms.derive_shared_secret, KeyId=curve, **deriving
    )
    for arn in (symmetric, mac):
        assert "UnsupportedOperationException" == refusal(kms.get_public_key, KeyId=arn)[0]
    blob = kms.encrypt(KeyId=symmetric, Plaintext=b"x")["CiphertextBlob"]
    assert expected(mac, "GENERATE_VERIFY_MAC", "Decrypt") == refusal(kms.decrypt, KeyId=mac, CiphertextBlob=blob)


def test_a_public_key_is_told_with_what_it_is_for(kms: Any) -> None:
    arn = made(kms, "RSA_3072", "SIGN_VERIFY")
    kms.create_alias(AliasName="alias/sign", TargetKeyId=arn)
    told = kms.get_public_key(KeyId="alias/sign")
    assert (arn, "RSA_3072", "RSA_3072", "SIGN_VERIFY", 6) == (
        told["KeyId"], told["KeySpec"], told["CustomerMasterKeySpec"], told["KeyUsage"], len(told["SigningAlgorithms"])
    )  # fmt: skip
    key = serialization.load_der_public_key(told["PublicKey"])
    assert isinstance(key, rsa.RSAPublicKey)
    assert (3072, 65537) == (key.key_size, key.public_numbers().e)


def test_dry_runs_end_before_the_work(kms: Any) -> None:
    arn, mac = made(kms, "ECC_NIST_P256", "SIGN_VERIFY"), made(kms, "HMAC_256", "GENERATE_VERIFY_MAC")
    signing = {"KeyId": arn, "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(**signing)["Signature"]
    macing = {"KeyId": mac, "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
    value = kms.generate_mac(**macing)["Mac"]
    for call, asked in (
        (kms.sign, signing),
        (kms.verify, {**signing, "Signature": signature}),
        (kms.generate_mac, macing),
        (kms.verify_mac, {**macing, "Mac": value}),
    ):
        assert "DryRunOperationException" == refusal(call, **asked, DryRun=True)[0]
    assert hmac.compare_digest(value, kms.generate_mac(**macing)["Mac"])


def test_conditions_see_the_algorithm(account: Account, kms: Any) -> None:
    user, arn = User(account, "ann"), made(kms, "RSA_2048", "SIGN_VERIFY")
    condition = {"StringEquals": {"kms:SigningAlgorithm": "RSASSA_PSS_SHA_256", "kms:MessageType": "RAW"}}
    user.may("kms:Sign", resource=arn, Condition=condition)
    assert user.kms.sign(KeyId=arn, Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256")["Signature"]
    other = {"KeyId": arn, "Message": b"x", "SigningAlgorithm": "RSASSA_PSS_SHA_512"}
    assert "AccessDeniedException" == refusal(user.kms.sign, **other)[0]
