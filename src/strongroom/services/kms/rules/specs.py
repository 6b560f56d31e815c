"""What keys there are: each spec with its usages, and the algorithms of each.

Source: KMS Developer Guide, "Key spec reference", "Key type reference" (facts: kms, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping

SYMMETRIC = "SYMMETRIC_DEFAULT"
ENCRYPT, SIGN, MAC, AGREE = "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"

MEMBERS = {
    ENCRYPT: "EncryptionAlgorithms",
    SIGN: "SigningAlgorithms",
    MAC: "MacAlgorithms",
    AGREE: "KeyAgreementAlgorithms",
}
"""Under which member of KeyMetadata a usage's algorithms stand."""

Usages = Mapping[str, tuple[str, ...]]

_RSA: Usages = {
    ENCRYPT: ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"),
    SIGN: (
        "RSASSA_PKCS1_V1_5_SHA_256",
        "RSASSA_PKCS1_V1_5_SHA_384",
        "RSASSA_PKCS1_V1_5_SHA_512",
        "RSASSA_PSS_SHA_256",
        "RSASSA_PSS_SHA_384",
        "RSASSA_PSS_SHA_512",
    ),
}
_LATTICE: Usages = {SIGN: ("ML_DSA_SHAKE_256",)}

SPECS: Mapping[str, Usages] = {
    SYMMETRIC: {ENCRYPT: (SYMMETRIC,)},
    "RSA_2048": _RSA,
    "RSA_3072": _RSA,
    "RSA_4096": _RSA,
    "ECC_NIST_P256": {SIGN: ("ECDSA_SHA_256",), AGREE: ("ECDH",)},
    "ECC_NIST_P384": {SIGN: ("ECDSA_SHA_384",), AGREE: ("ECDH",)},
    "ECC_NIST_P521": {SIGN: ("ECDSA_SHA_512",), AGREE: ("ECDH",)},
    "ECC_SECG_P256K1": {SIGN: ("ECDSA_SHA_256",)},
    # Our choice: without ED25519_PH_SHA_512, which no library at hand offers.
    "ECC_NIST_EDWARDS25519": {SIGN: ("ED25519_SHA_512",)},
    "ML_DSA_44": _LATTICE,
    "ML_DSA_65": _LATTICE,
    "ML_DSA_87": _LATTICE,
    "HMAC_224": {MAC: ("HMAC_SHA_224",)},
    "HMAC_256": {MAC: ("HMAC_SHA_256",)},
    "HMAC_384": {MAC: ("HMAC_SHA_384",)},
    "HMAC_512": {MAC: ("HMAC_SHA_512",)},
}

DATA_KEY_PAIRS = frozenset(spec for spec in SPECS if spec.startswith(("RSA_", "ECC_")))
"""What GenerateDataKeyPair makes."""

RSA_PLAINTEXT_AT_MOST = {
    ("RSA_2048", "RSAES_OAEP_SHA_1"): 214,
    ("RSA_2048", "RSAES_OAEP_SHA_256"): 190,
    ("RSA_3072", "RSAES_OAEP_SHA_1"): 342,
    ("RSA_3072", "RSAES_OAEP_SHA_256"): 318,
    ("RSA_4096", "RSAES_OAEP_SHA_1"): 470,
    ("RSA_4096", "RSAES_OAEP_SHA_256"): 446,
}
"""In bytes. Source: facts aws-observed, "KMS: error shape"; RFC 8017, section 7.1.1."""

_USAGE_OF = {
    "Encrypt": ENCRYPT,
    "Decrypt": ENCRYPT,
    "ReEncrypt": ENCRYPT,
    "GenerateDataKey": ENCRYPT,
    "GenerateDataKeyWithoutPlaintext": ENCRYPT,
    "GenerateDataKeyPair": ENCRYPT,
    "GenerateDataKeyPairWithoutPlaintext": ENCRYPT,
    "ReEncryptFrom": ENCRYPT,
    "ReEncryptTo": ENCRYPT,
    "Sign": SIGN,
    "Verify": SIGN,
    "GenerateMac": MAC,
    "VerifyMac": MAC,
    "DeriveSharedSecret": AGREE,
}
_SYMMETRIC_ONLY = frozenset(name for name in _USAGE_OF if name.startswith("GenerateDataKey"))
_PAIRS_ONLY = frozenset({"GetPublicKey"})


def usage_for(operation: str) -> str | None:
    """The usage that an operation demands of its key; None where any will do."""
    return _USAGE_OF.get(operation)


def is_pair(spec: str) -> bool:
    """Whether keys of a spec have a public half."""
    return spec != SYMMETRIC and not spec.startswith("HMAC_")


def suits(operation: str, spec: str, usage: str) -> bool:
    """Whether a grant may speak of an operation on such a key.

    Source: KMS Developer Guide, "Grant operations"; CreateGrant, Operations.
    """
    if operation in _SYMMETRIC_ONLY:
        return spec == SYMMETRIC
    if operation in _PAIRS_ONLY:
        return is_pair(spec)
    wanted = _USAGE_OF.get(operation)
    return wanted is None or wanted == usage
