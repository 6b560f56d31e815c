"""Key material that comes from outside: the RSA pair that it is wrapped for, and its unwrapping.

Source: KMS Developer Guide, "Encrypting key material" (facts: kms, section 12); RFC 8017, section 7.1 (OAEP);
RFC 5649 (AES key wrap with padding).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

from strongroom.kernel.crypto.aead import NotAuthentic
from strongroom.kernel.crypto.keypairs import RSA_BITS, KeyPair

ALGORITHMS = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256")
_AES_BYTES = (16, 24, 32)


def unwrap(pair: KeyPair, spec: str, algorithm: str, wrapped: bytes) -> bytes:
    """The material again. Raises NotAuthentic where it was not wrapped so for this pair.

    With RSA_AES_KEY_WRAP an AES key under RSAES-OAEP comes first, then the material under the AES key.
    """
    if algorithm.startswith("RSAES_OAEP_"):
        return pair.decrypt(algorithm, wrapped)
    cut = RSA_BITS[spec] // 8
    aes = pair.decrypt(algorithm.replace("RSA_AES_KEY_WRAP_", "RSAES_OAEP_"), wrapped[:cut])
    if len(aes) not in _AES_BYTES:
        raise NotAuthentic
    try:
        material: bytes = aes_key_unwrap_with_padding(aes, wrapped[cut:])
    except (InvalidUnwrap, ValueError):
        raise NotAuthentic from None
    return material
