"""Encrypt, Decrypt, ReEncrypt: small messages under a key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from strongroom.base.refusals import Answerable
from strongroom.kernel.authz.model import ContextValue, ResourceRule
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.crypto.aead import NotAuthentic
from strongroom.kernel.crypto.keypairs import KeyPair
from strongroom.kernel.registry import AlikeOnBehalf, Mode
from strongroom.kernel.sealing.envelope import HeldMessage, message_head, message_header
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, keys
from strongroom.services.kms.ciphertext import message_of
from strongroom.services.kms.keys import Key, NoSuchKey
from strongroom.services.kms.locate import THIS_CIPHERTEXT, UNSEEN, key_at, key_named
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import (
    caller_keys,
    check_context,
    cryptographic_keys,
    with_context,
)
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.rules.specs import ENCRYPT, RSA_PLAINTEXT_AT_MOST, SYMMETRIC
from strongroom.services.kms.rules.states import ENABLED
from strongroom.services.kms.use import check_use, end_dry_run, held, opened, opened_once, sealed

IGNORE_CIPHERTEXT = "IGNORE_CIPHERTEXT"


@operation("Encrypt", mode=Mode.READ, locate=key_at(aliases=True), keys=cryptographic_keys)
def encrypt(call: Call, key: Key, tx: Transaction) -> Answer:
    """One message under the key's current material, or under its public key. Source: KMS API reference, Encrypt."""
    algorithm = call.get("EncryptionAlgorithm", SYMMETRIC)
    check_use(call, tx, key, algorithm)
    context = _context(call, key, "EncryptionContext")
    _check_length(key, algorithm, call["Plaintext"])
    end_dry_run(call)
    blob = _encrypted(call, key, algorithm, call["Plaintext"], context)
    return {"CiphertextBlob": blob, "KeyId": key.arn, "EncryptionAlgorithm": algorithm}


def ciphertext_key(call: Call, tx: Transaction) -> Target:
    """The key to decrypt with: the one named, or else the one that the ciphertext itself names."""
    return _source(call, tx, "KeyId")


def _family(params: Mapping[str, Any]) -> bytes | None:
    """Plain messages of one key and material are alike; what they claim is looked at when they are opened."""
    if len(params) != 2 or "EncryptionContext" not in params or "CiphertextBlob" not in params:
        return None
    try:
        return message_head(params["CiphertextBlob"])
    except SealBroken:
        return None


def _answer(key: Key, params: Mapping[str, Any]) -> Answer | None:
    """What ``decrypt`` makes of a plain message under a symmetric key that is enabled; else None."""
    row = key.row
    if row.state != ENABLED or row.usage != ENCRYPT or row.spec != SYMMETRIC:
        return None
    try:
        return {"Plaintext": opened_once(key, params["CiphertextBlob"], check_context(params["EncryptionContext"]))}
    except Answerable:
        return None


@operation(
    "Decrypt",
    mode=Mode.READ,
    locate=ciphertext_key,
    keys=cryptographic_keys,
    steady=True,
    alike=AlikeOnBehalf(_family, _answer),
)
def decrypt(call: Call, key: Key, tx: Transaction) -> Answer:
    """The message again, for who may use the key and knows the context. Source: API reference, Decrypt."""
    algorithm = call.get("EncryptionAlgorithm", SYMMETRIC)
    check_use(call, tx, key, algorithm)
    context = _context(call, key, "EncryptionContext")
    _check_modifiers(call)
    blob = _blob(call)

    stays = {"KeyId": key.arn, "EncryptionAlgorithm": algorithm}
    if key.pair is not None:
        pair = key.pair

        def opening() -> Answer:
            plaintext = _privately(pair, algorithm, blob)
            end_dry_run(call)
            return {**stays, "Plaintext": plaintext}

        return _apart(call, tx, opening)
    message, stays["KeyMaterialId"] = held(key, blob, context)
    plaintext = opened(message)
    end_dry_run(call)
    if not call.get("GrantTokens"):
        call.repeats(stays, partial(_again, message))
    return {**stays, "Plaintext": plaintext}


def _again(message: HeldMessage, _call: Call) -> Answer:
    """The plaintext, decrypted anew: the ciphertext is part of the question."""
    return {"Plaintext": message.open()}


def source_key(call: Call, tx: Transaction) -> Target:
    """The key that ReEncrypt opens with, and whether it is the one that seals again, which both permissions may ask."""
    found = _source(call, tx, "SourceKeyId")
    return replace(found, facts={**found.facts, **_on_same_key(found.arn, _destination(call, tx).arn)})


def _destination(call: Call, tx: Transaction) -> Target:
    """The key that ReEncrypt seals with."""
    return key_named(call, tx, call["DestinationKeyId"], aliases=True)


def _on_same_key(source: str, destination: str) -> dict[str, ContextValue]:
    """kms:ReEncryptOnSameKey. Source: KMS Developer Guide, "AWS KMS condition keys"."""
    return {"kms:reencryptonsamekey": "true" if source == destination else "false"}


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
    target = _destination(call, tx)
    there = caller_keys(call, target) | _on_same_key(key.arn, target.arn)
    there["kms:encryptionalgorithm"] = call.get("DestinationEncryptionAlgorithm", SYMMETRIC)
    call.authorise(tx, "kms:ReEncryptTo", target, with_context(there, call.get("DestinationEncryptionContext")))
    if target.found is None:
        raise target.missing or errors.missing_key(target.arn)
    destination: Key = target.found
    algorithms = (
        call.get("SourceEncryptionAlgorithm", SYMMETRIC),
        call.get("DestinationEncryptionAlgorithm", SYMMETRIC),
    )
    check_use(call, tx, key, algorithms[0])
    check_use(call, tx, destination, algorithms[1])
    context = _context(call, key, "SourceEncryptionContext")
    new_context = _context(call, destination, "DestinationEncryptionContext")
    _check_modifiers(call)
    blob = _blob(call)

    def moving() -> Answer:
        plaintext, material_id = _decrypted(key, algorithms[0], blob, context)
        _check_length(destination, algorithms[1], plaintext)
        end_dry_run(call)
        answer = {
            "CiphertextBlob": _encrypted(call, destination, algorithms[1], plaintext, new_context),
            "SourceKeyId": key.arn,
            "KeyId": destination.arn,
            "SourceEncryptionAlgorithm": algorithms[0],
            "DestinationEncryptionAlgorithm": algorithms[1],
        }
        if material_id is not None:
            answer["SourceKeyMaterialId"] = material_id
        if destination.row.spec == SYMMETRIC:
            answer["DestinationKeyMaterialId"] = destination.header.material_id
        return answer

    return moving() if key.pair is None else _apart(call, tx, moving)


def _apart(call: Call, tx: Transaction, work: Callable[[], Answer]) -> Answer:
    """Have RSA's private half work in a thread, after the transaction: it takes up to ten milliseconds.

    Not where another room asks, whose own work goes on in this transaction.
    """
    if call.depth or tx.writable:
        return work()
    call.afterwards = work
    return {}


def _source(call: Call, tx: Transaction, member: str) -> Target:
    """The key that opens a ciphertext. One that does not exist is decided as a key without a policy: denied.

    Source: facts, kms, section 5, Decrypt: a ciphertext of an unknown or deleted key is answered with
    AccessDeniedException, in the caller's own account too.
    """
    named = call.get(member)
    if named is not None:
        return key_named(call, tx, named, aliases=True)
    try:
        header = message_header(message_of(_blob(call)))
    except SealBroken:
        raise errors.InvalidCiphertextException from None
    name = KeyName(header.account, call.region, header.key_id)
    unseen = None if name.account == call.account else UNSEEN
    try:
        return keys.opening_target(call, tx, name, lambda found: replace(found, where=THIS_CIPHERTEXT, unseen=unseen))
    except NoSuchKey:
        missing = errors.missing_key(name.arn)
        return Target(name.arn, name.account, missing=missing, rule=ResourceRule.KEY,
                      where=THIS_CIPHERTEXT, unseen=UNSEEN)  # fmt: skip


def _blob(call: Call) -> bytes:
    """The ciphertext. Only a dry run that ignores it may leave it out, and then must name the key."""
    blob: bytes | None = call.get("CiphertextBlob")
    if blob is None:
        raise errors.invalid(errors.NO_CIPHERTEXT)
    return blob


def _context(call: Call, key: Key, member: str) -> Mapping[str, str]:
    """The encryption context, within bounds; only symmetric keys bind one. Our choice: elsewhere it is refused."""
    context = check_context(call.get(member))
    if context and key.row.spec != SYMMETRIC:
        raise errors.invalid("An encryption context goes with symmetric encryption keys only.")  # our choice
    return context


def _check_modifiers(call: Call) -> None:
    """A dry run that ignores the ciphertext ends where all but that is well. Source: API reference, Decrypt."""
    if not call.get("DryRunModifiers"):
        return
    if not call.get("DryRun"):
        raise errors.invalid("DryRunModifiers goes with DryRun only.")  # our choice
    end_dry_run(call)


def _check_length(key: Key, algorithm: str, plaintext: bytes) -> None:
    most = RSA_PLAINTEXT_AT_MOST.get((key.row.spec, algorithm))
    if most is not None and len(plaintext) > most:
        raise errors.invalid(
            f"Algorithm {algorithm} and key spec {key.row.spec} cannot encrypt data larger than {most} bytes."
        )


def _encrypted(call: Call, key: Key, algorithm: str, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    if key.pair is None:
        return sealed(call, key, plaintext, context)
    return key.pair.encrypt(algorithm, plaintext)


def _decrypted(key: Key, algorithm: str, blob: bytes, context: Mapping[str, str]) -> tuple[bytes, str | None]:
    """The plaintext, and the id of the material where the key has several."""
    if key.pair is not None:
        return _privately(key.pair, algorithm, blob), None
    message, material_id = held(key, blob, context)
    return opened(message), material_id


def _privately(pair: KeyPair, algorithm: str, blob: bytes) -> bytes:
    try:
        return pair.decrypt(algorithm, blob)
    except NotAuthentic:
        raise errors.InvalidCiphertextException from None
