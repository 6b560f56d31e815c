"""The use of a key: what every cryptographic operation checks, and the two things that it then does."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.kernel.call import Call
from strongroom.kernel.sealing.envelope import (
    HeldMessage,
    canonical_context,
    open_message,
    read_header,
    seal_bound_message,
)
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, grants
from strongroom.services.kms.ciphertext import message_of, with_check
from strongroom.services.kms.keys import Key
from strongroom.services.kms.rules.specs import SYMMETRIC, usage_for
from strongroom.services.kms.rules.states import check_state


def check_use(call: Call, tx: Transaction, key: Key, algorithm: str | None) -> None:
    """Refuse a key in the wrong state, of another usage, or whose spec has not the algorithm; bad grant tokens;
    and what needs enclaves.
    """
    check_state(call.name, key.row.state, key.arn)
    usage = usage_for(call.name)
    if usage is not None and key.row.usage != usage:
        raise errors.InvalidKeyUsageException(
            f"{key.arn} key usage is {key.row.usage} which is not valid for {call.name}."
        )
    if algorithm is not None and algorithm not in key.algorithms:
        raise errors.InvalidKeyUsageException(f"Algorithm {algorithm} is incompatible with key spec {key.row.spec}.")
    check_tokens(call, tx, key)
    if call.get("Recipient"):
        raise errors.invalid(errors.NO_ENCLAVES)


def check_symmetric(call: Call, key: Key) -> None:
    """Data keys come under symmetric keys only. Source: KMS API reference, GenerateDataKey, KeyId."""
    if key.row.spec != SYMMETRIC:
        raise errors.InvalidKeyUsageException(
            f"{key.arn} key spec is {key.row.spec} which is not valid for {call.name}."  # our choice of text
        )


def check_tokens(call: Call, tx: Transaction, key: Key) -> None:
    """Refuse grant tokens that are not genuine, or whose grant on this key is gone."""
    given = call.get("GrantTokens")
    if given:
        grants.check_tokens(call.kernel.keyring, tx, given, key.row.pk)


def end_dry_run(call: Call) -> None:
    """Stop where everything was well and only that was asked."""
    if call.get("DryRun"):
        raise errors.DryRunOperationException(errors.DRY_RUN)


def sealed(call: Call, key: Key, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """One ciphertext under the key's current material."""
    return sealed_bound(call, key, plaintext, canonical_context(context))


def sealed_bound(call: Call, key: Key, plaintext: bytes, bound: bytes) -> bytes:
    """As ``sealed``, with the context in its canonical form."""
    current = key.materials[key.header.material_id]
    return with_check(seal_bound_message(current, key.header, plaintext, bound, call.kernel.entropy))


def held(key: Key, blob: bytes, context: Mapping[str, str]) -> tuple[HeldMessage, str]:
    """One ciphertext ready to be opened, and the id of the material that opens it.

    A ciphertext of a related key opens too: multi-Region keys have one id and one material.
    Raises IncorrectKeyException for another key's, InvalidCiphertextException for all else that is wrong.
    """
    message, material_id, salt_at = _message(key, blob)
    try:
        return HeldMessage(key.materials[material_id], message, context, salt_at), material_id
    except SealBroken:
        raise errors.InvalidCiphertextException from None


def opened_once(key: Key, blob: bytes, context: Mapping[str, str]) -> bytes:
    """The plaintext of a ciphertext that need not be opened again. Raises as ``held`` and ``opened``."""
    message, material_id, salt_at = _message(key, blob)
    try:
        return open_message(key.materials[material_id], message, context, salt_at)
    except SealBroken:
        raise errors.InvalidCiphertextException from None


def _message(key: Key, blob: bytes) -> tuple[bytes, str, int]:
    """The message of a ciphertext, the id of the material that it names, which the key has, and where its salt begins.

    Raises as ``held``.
    """
    message = message_of(blob)
    try:
        header, salt_at = read_header(message)
    except SealBroken:
        raise errors.InvalidCiphertextException from None
    row = key.row
    if (header.key_id, header.account) != (row.key_id, row.account) or (
        header.region != row.region and row.multi_region is None
    ):
        raise errors.IncorrectKeyException(errors.WRONG_KEY)
    if header.material_id not in key.materials:
        raise errors.InvalidCiphertextException
    return message, header.material_id, salt_at


def opened(message: HeldMessage) -> bytes:
    """The plaintext of a ciphertext. Raises InvalidCiphertextException where bytes or context differ."""
    try:
        return message.open()
    except SealBroken:
        raise errors.InvalidCiphertextException from None
