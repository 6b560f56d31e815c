"""Encrypt, Decrypt, ReEncrypt: small messages under a key."""

from __future__ import annotations

from strongroom.kernel.authz.model import ContextValue, ResourceRule
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.sealing.envelope import message_header
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, keys
from strongroom.services.kms.keys import Key, NoSuchKey
from strongroom.services.kms.locate import key_at, key_named
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import (
    SYMMETRIC,
    caller_keys,
    check_context,
    cryptographic_keys,
    with_context,
)
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.use import check_use, end_dry_run, opened, sealed

IGNORE_CIPHERTEXT = "IGNORE_CIPHERTEXT"


@operation("Encrypt", mode=Mode.READ, locate=key_at(aliases=True), keys=cryptographic_keys)
def encrypt(call: Call, key: Key, tx: Transaction) -> Answer:  # noqa: ARG001
    """One message under the key's current material. Source: KMS API reference, Encrypt."""
    check_use(call, key, call.get("EncryptionAlgorithm"))
    context = check_context(call.get("EncryptionContext"))
    end_dry_run(call)
    blob = sealed(call, key, call["Plaintext"], context)
    return {"CiphertextBlob": blob, "KeyId": key.arn, "EncryptionAlgorithm": SYMMETRIC}


def ciphertext_key(call: Call, tx: Transaction) -> Target:
    """The key to decrypt with: the one named, or else the one that the ciphertext itself names."""
    return _source(call, tx, "KeyId")


@operation("Decrypt", mode=Mode.READ, locate=ciphertext_key, keys=cryptographic_keys, steady=True)
def decrypt(call: Call, key: Key, tx: Transaction) -> Answer:  # noqa: ARG001
    """The message again, for who may use the key and knows the context. Source: API reference, Decrypt."""
    check_use(call, key, call.get("EncryptionAlgorithm"))
    context = check_context(call.get("EncryptionContext"))
    if call.get("DryRunModifiers"):
        end_dry_run(call)
    plaintext, material_id = opened(key, _blob(call), context)
    end_dry_run(call)
    return {
        "KeyId": key.arn,
        "Plaintext": plaintext,
        "EncryptionAlgorithm": SYMMETRIC,
        "KeyMaterialId": material_id,
    }


def source_key(call: Call, tx: Transaction) -> Target:
    """The key that ReEncrypt opens with."""
    return _source(call, tx, "SourceKeyId")


def source_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of kms:ReEncryptFrom."""
    keys = caller_keys(call, target)
    keys["kms:encryptionalgorithm"] = call.get("SourceEncryptionAlgorithm", SYMMETRIC)
    return with_context(keys, call.get("SourceEncryptionContext"))


@operation("ReEncrypt", mode=Mode.READ, action="kms:ReEncryptFrom", locate=source_key, keys=source_keys)
def re_encrypt(call: Call, key: Key, tx: Transaction) -> Answer:
    """A message from under one key to under another, its plaintext never leaving.

    Demands kms:ReEncryptFrom on the source and kms:ReEncryptTo on the destination.
    Source: KMS API reference, ReEncrypt.
    """
    target = key_named(call, tx, call["DestinationKeyId"], aliases=True)
    there = caller_keys(call, target)
    there["kms:encryptionalgorithm"] = call.get("DestinationEncryptionAlgorithm", SYMMETRIC)
    there["kms:reencryptonsamekey"] = "true" if target.arn == key.arn else "false"
    call.authorise(
        tx, "kms:ReEncryptTo", target, with_context(there, call.get("DestinationEncryptionContext"))
    )
    if target.found is None:
        raise target.missing or errors.missing_key(target.arn)
    destination: Key = target.found
    check_use(call, key, call.get("SourceEncryptionAlgorithm"))
    check_use(call, destination, call.get("DestinationEncryptionAlgorithm"))
    context = check_context(call.get("SourceEncryptionContext"))
    new_context = check_context(call.get("DestinationEncryptionContext"))
    if call.get("DryRunModifiers"):
        end_dry_run(call)
    plaintext, material_id = opened(key, _blob(call), context)
    end_dry_run(call)
    return {
        "CiphertextBlob": sealed(call, destination, plaintext, new_context),
        "SourceKeyId": key.arn,
        "KeyId": destination.arn,
        "SourceEncryptionAlgorithm": SYMMETRIC,
        "DestinationEncryptionAlgorithm": SYMMETRIC,
        "SourceKeyMaterialId": material_id,
        "DestinationKeyMaterialId": destination.header.material_id,
    }


def _source(call: Call, tx: Transaction, member: str) -> Target:
    """The key that opens a ciphertext. One that does not exist is decided as a key without a policy: denied.

    Source: facts, kms, section 5, Decrypt: a ciphertext of an unknown or deleted key is answered with
    AccessDeniedException, in the caller's own account too.
    """
    named = call.get(member)
    if named is not None:
        return key_named(call, tx, named, aliases=True)
    try:
        header = message_header(_blob(call))
    except SealBroken:
        raise errors.InvalidCiphertextException from None
    name = KeyName(header.account, call.region, header.key_id)
    try:
        return keys.key_target(call, tx, name)
    except NoSuchKey:
        return Target(name.arn, name.account, missing=errors.missing_key(name.arn), rule=ResourceRule.KEY)


def _blob(call: Call) -> bytes:
    """The ciphertext. Only a dry run that ignores it may leave it out, and then must name the key."""
    blob: bytes | None = call.get("CiphertextBlob")
    if blob is None:
        raise errors.invalid(errors.NO_CIPHERTEXT)
    return blob
