"""Envelopes: a secret's value under its data key, and a message under a KMS key's material.

What an envelope is bound to goes into the associated data in canonical form: every part with its length
before it, so that no two different bindings ever give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from typing import NoReturn

from strongroom.base.classes import dataclass
from strongroom.base.entropy import Entropy, SystemEntropy
from strongroom.kernel.crypto import aead, derive, digests
from strongroom.kernel.sealing.keyring import SealBroken

MATERIAL_BYTES = 32
_SYSTEM_ENTROPY: Entropy = SystemEntropy()

_VALUE_VERSION = b"\x01"
_VALUE_LABEL = b"strongroom value v1"

_MESSAGE_MARK = b"\x01\x02\x02SR\x01"
"""Our choice: AWS's ciphertexts begin 01 02 02 (``AQIC`` in base64), and tools look for that."""
_MESSAGE_LABEL = b"strongroom message v1"
_MATERIAL_ID_BYTES = 32
_SALT_BYTES = 24
_NONCE = bytes(aead.NONCE_BYTES)
_FIELD_BYTES_AT_MOST = 64


def seal_value(
    data_key: bytes, plaintext: bytes, *, arn: str, version_id: str, entropy: Entropy = _SYSTEM_ENTROPY
) -> bytes:
    """One secret value sealed under its data key, bound to the secret's ARN and the version's id.

    Every written value has a data key of its own (kms:GenerateDataKey), so a random 96-bit nonce is never at
    risk: a key would have to seal 2^32 values first.
    Form: version (1) | nonce (12) | ciphertext | tag (16).
    """
    nonce = entropy.take(aead.NONCE_BYTES)
    return _VALUE_VERSION + nonce + aead.encrypt(data_key, nonce, plaintext, _value_bound(arn, version_id))


class HeldValue:
    """A sealed value and its data key, to be opened as often as it is asked for; what was opened is not kept."""

    __slots__ = ("_held",)

    def __init__(self, data_key: bytes, sealed: bytes, *, arn: str, version_id: str) -> None:
        """Raises SealBroken where the bytes have not the form of a value."""
        if sealed[:1] != _VALUE_VERSION or len(sealed) < 1 + aead.NONCE_BYTES + aead.TAG_BYTES:
            raise SealBroken
        self._held = aead.Held(data_key, sealed[1:13], sealed[13:], _value_bound(arn, version_id))

    def open(self) -> bytes:
        """The value again. Raises SealBroken where bytes, key, ARN or version id differ."""
        try:
            return self._held.open()
        except aead.NotAuthentic:
            raise SealBroken from None


def open_value(data_key: bytes, sealed: bytes, *, arn: str, version_id: str) -> bytes:
    """The value again. Raises SealBroken where bytes, key, ARN or version id differ."""
    return HeldValue(data_key, sealed, arn=arn, version_id=version_id).open()


class Material:
    """One version of a KMS key's material, opened and ready for use. Shows nothing, cannot be pickled."""

    __slots__ = ("_messages",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != MATERIAL_BYTES:
            raise ValueError("symmetric material is 32 bytes")
        self._messages = derive.extract(_MESSAGE_LABEL, secret)

    def message_keys(self, salt: bytes) -> tuple[bytes, bytes]:
        """The sealing key of one message, and its commitment: a value that no other material gives."""
        return self._messages.pair(salt)

    def __repr__(self) -> str:
        return "<Material>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("key material is not pickled")


@dataclass(frozen=True, slots=True)
class MessageHeader:
    """Which key made a message, and with which version of its material (64 hexadecimal digits)."""

    account: str
    region: str
    key_id: str
    material_id: str


def seal_message(
    material: Material,
    header: MessageHeader,
    plaintext: bytes,
    context: Mapping[str, str],
    entropy: Entropy = _SYSTEM_ENTROPY,
) -> bytes:
    """One message sealed under a KMS key, bound to its header and to the encryption context.

    Every message has a key of its own, derived from the material and a 192-bit random salt, so no nonce is
    ever at risk however many messages a key seals. A commitment lies beside it: GCM alone would let whoever
    knows two keys (imported material is known to its owner) make one ciphertext that opens under both.

    Form: 01 02 02 "SR" 01 | account, region, key id, each after its length (1) | material id (32) | salt (24)
    | commitment (32) | ciphertext | tag (16). About 170 bytes more than the plaintext, 290 at most.
    Source: RFC 5869; NIST SP 800-38D; KMS API reference, Encrypt (order of the context does not matter).
    """
    return seal_bound_message(material, header, plaintext, canonical_context(context), entropy)


def seal_bound_message(
    material: Material,
    header: MessageHeader,
    plaintext: bytes,
    bound: bytes,
    entropy: Entropy = _SYSTEM_ENTROPY,
) -> bytes:
    """As ``seal_message``; ``bound`` is its context as ``canonical_context`` writes it."""
    salt = entropy.take(_SALT_BYTES)
    key, commitment = material.message_keys(salt)
    head = _written_header(header) + salt + commitment
    return head + aead.encrypt(key, _NONCE, plaintext, head + bound)


def message_header(blob: bytes) -> MessageHeader:
    """Which key a ciphertext claims to be made by. Nothing is proven before ``open_message``.

    Raises SealBroken where the bytes are no message of ours.
    """
    return read_header(blob)[0]


def message_head(blob: bytes) -> bytes:
    """The bytes that a ciphertext has in common with all others of the key and material that it claims.

    Whether they are of a known form is for ``message_header``. Raises SealBroken where they are not all there.
    """
    return blob[: _salt_at(blob)]


def open_message(material: Material, blob: bytes, context: Mapping[str, str], salt_at: int | None = None) -> bytes:
    """The message again. Raises SealBroken where bytes, material or context differ. ``salt_at`` as for HeldMessage."""
    key, sealed, bound = _key_and_bound(material, blob, context, salt_at)
    try:
        return aead.decrypt(key, _NONCE, sealed, bound)
    except aead.NotAuthentic:
        raise SealBroken from None


class HeldMessage:
    """A message and the key derived for it, its commitment checked, to be opened as often as it is asked for."""

    __slots__ = ("_held",)

    def __init__(self, material: Material, blob: bytes, context: Mapping[str, str], salt_at: int | None = None) -> None:
        """Raises SealBroken where it is no message of this material's. ``salt_at`` as ``read_header`` told it."""
        key, sealed, bound = _key_and_bound(material, blob, context, salt_at)
        self._held = aead.Held(key, _NONCE, sealed, bound)

    def open(self) -> bytes:
        """The plaintext. Raises SealBroken where bytes or context differ."""
        try:
            return self._held.open()
        except aead.NotAuthentic:
            raise SealBroken from None


def _key_and_bound(
    material: Material, blob: bytes, context: Mapping[str, str], salt_at: int | None
) -> tuple[bytes, bytes, bytes]:
    """The key of a message, what is sealed, and what that is bound to. Raises SealBroken as HeldMessage."""
    if salt_at is None:
        salt_at = read_header(blob)[1]
    commitment_at = salt_at + _SALT_BYTES
    sealed_at = commitment_at + digests.DIGEST_BYTES
    if len(blob) < sealed_at + aead.TAG_BYTES:
        raise SealBroken
    key, commitment = material.message_keys(blob[salt_at:commitment_at])
    if not digests.same(commitment, blob[commitment_at:sealed_at]):
        raise SealBroken
    return key, blob[sealed_at:], blob[:sealed_at] + canonical_context(context)


def canonical_context(context: Mapping[str, str]) -> bytes:
    """An encryption context as bytes: sorted by key, every key and value after its length (4 bytes).

    Equal for equal contexts in any order, different for different ones. Text is not normalised: KMS matches
    case and code points exactly. An empty context is the same as none.
    """
    if not context:
        return b""
    parts: list[bytes] = []
    for key in context if len(context) == 1 else sorted(context):
        name, value = key.encode(), context[key].encode()
        parts += (_length(len(name)), name, _length(len(value)), value)
    return b"".join(parts)


def _value_bound(arn: str, version_id: str) -> bytes:
    name, version = arn.encode(), version_id.encode()
    return b"".join((_VALUE_LABEL, _length(len(name)), name, _length(len(version)), version))


_length = Struct(">I").pack
"""A length in 4 bytes."""


def _field(text: str) -> bytes:
    encoded = text.encode("ascii")
    if not 0 < len(encoded) <= _FIELD_BYTES_AT_MOST:
        raise ValueError("a header field has 1 to 64 characters")
    return bytes((len(encoded),)) + encoded


def read_header(blob: bytes) -> tuple[MessageHeader, int]:
    """The claimed header, and where the salt begins. Raises SealBroken as ``message_header``."""
    salt_at = _salt_at(blob)
    return _parsed_header(blob[:salt_at]), salt_at


def _salt_at(blob: bytes) -> int:
    try:
        region_at = 7 + blob[6]
        key_id_at = region_at + 1 + blob[region_at]
        salt_at = key_id_at + 1 + blob[key_id_at] + _MATERIAL_ID_BYTES
    except IndexError:
        raise SealBroken from None
    if salt_at > len(blob):
        raise SealBroken
    return salt_at


@lru_cache(maxsize=4096)
def _written_header(header: MessageHeader) -> bytes:
    """The bytes that all messages of one key and material begin with."""
    fields = map(_field, (header.account, header.region, header.key_id))
    return b"".join((_MESSAGE_MARK, *fields, bytes.fromhex(header.material_id)))


@lru_cache(maxsize=4096)
def _parsed_header(head: bytes) -> MessageHeader:
    """The header that all messages of one key and material share; whole by its lengths already."""
    if not head.startswith(_MESSAGE_MARK) or not head[:-_MATERIAL_ID_BYTES].isascii():
        raise SealBroken
    fields: list[str] = []
    at = len(_MESSAGE_MARK)
    for _ in range(3):
        end = at + 1 + head[at]
        if not 1 < end - at <= 1 + _FIELD_BYTES_AT_MOST:
            raise SealBroken
        fields.append(head[at + 1 : end].decode("ascii"))
        at = end
    account, region, key_id = fields
    return MessageHeader(account, region, key_id, head[at:].hex())
