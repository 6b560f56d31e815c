"""Signatures, MACs, public keys and shared secrets: what keys do that do not encrypt."""

from __future__ import annotations

from typing import Any

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.crypto.aead import NotAuthentic
from strongroom.kernel.crypto.keypairs import BadKey, KeyPair, WrongLength
from strongroom.kernel.crypto.macs import MacKey
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors
from strongroom.services.kms.keys import Key
from strongroom.services.kms.locate import key_at
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import caller_keys
from strongroom.services.kms.rules.specs import MEMBERS, is_pair
from strongroom.services.kms.use import check_use, end_dry_run

RAW, DIGEST, EXTERNAL_MU = "RAW", "DIGEST", "EXTERNAL_MU"
_FORMS = {"ML_DSA_SHAKE_256": (RAW, EXTERNAL_MU), "ED25519_SHA_512": (RAW,)}
_USUAL_FORMS = (RAW, DIGEST)
"""What a message may be, by algorithm. Source: KMS API reference, Sign, MessageType."""


def signing_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of Sign and Verify."""
    return caller_keys(call, target) | {
        "kms:signingalgorithm": call["SigningAlgorithm"],
        "kms:messagetype": call.get("MessageType") or RAW,
    }


def mac_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of GenerateMac and VerifyMac."""
    return caller_keys(call, target) | {"kms:macalgorithm": call["MacAlgorithm"]}


def agreement_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of DeriveSharedSecret."""
    return caller_keys(call, target) | {"kms:keyagreementalgorithm": call["KeyAgreementAlgorithm"]}


@operation("Sign", mode=Mode.SLOW, locate=key_at(aliases=True), keys=signing_keys)
def sign(call: Call, key: Key, tx: Transaction) -> Answer:
    """A signature of a message, its digest or its representative. Source: KMS API reference, Sign."""
    algorithm, form = _checked(call, tx, key)
    try:
        signature = _pair(key).sign(algorithm, call["Message"], form)
    except WrongLength:
        raise _wrong_length(algorithm) from None
    end_dry_run(call)
    return {"KeyId": key.arn, "Signature": signature, "SigningAlgorithm": algorithm}


@operation("Verify", mode=Mode.READ, locate=key_at(aliases=True), keys=signing_keys)
def verify(call: Call, key: Key, tx: Transaction) -> Answer:
    """Whether a signature is the message's. One that is not is an error, never a false answer.

    Source: KMS API reference, Verify.
    """
    algorithm, form = _checked(call, tx, key)
    try:
        _pair(key).verify(algorithm, call["Message"], form, call["Signature"])
    except WrongLength:
        raise _wrong_length(algorithm) from None
    except NotAuthentic:
        raise errors.KMSInvalidSignatureException from None
    end_dry_run(call)
    return {"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm}


@operation("GetPublicKey", mode=Mode.READ, locate=key_at(aliases=True))
def get_public_key(call: Call, key: Key, tx: Transaction) -> Answer:
    """The public half of a key pair. Source: KMS API reference, GetPublicKey."""
    row = key.row
    if not is_pair(row.spec):
        raise errors.UnsupportedOperationException(
            f"{key.arn} key spec is {row.spec} which is not valid for this operation."  # our choice of text
        )
    check_use(call, tx, key, None)
    told: dict[str, Any] = {
        "KeyId": key.arn,
        "PublicKey": _pair(key).public_der(),
        "KeySpec": row.spec,
        "CustomerMasterKeySpec": row.spec,
        "KeyUsage": row.usage,
        MEMBERS[row.usage]: list(key.algorithms),
    }
    return told


@operation("GenerateMac", mode=Mode.READ, locate=key_at(aliases=True), keys=mac_keys)
def generate_mac(call: Call, key: Key, tx: Transaction) -> Answer:
    """The MAC of a message. Source: KMS API reference, GenerateMac."""
    algorithm = call["MacAlgorithm"]
    check_use(call, tx, key, algorithm)
    end_dry_run(call)
    return {"KeyId": key.arn, "Mac": _mac(key).mac(call["Message"]), "MacAlgorithm": algorithm}


@operation("VerifyMac", mode=Mode.READ, locate=key_at(aliases=True), keys=mac_keys)
def verify_mac(call: Call, key: Key, tx: Transaction) -> Answer:
    """Whether a MAC is the message's. One that is not is an error, never a false answer.

    Source: KMS API reference, VerifyMac.
    """
    algorithm = call["MacAlgorithm"]
    check_use(call, tx, key, algorithm)
    if not _mac(key).is_mac(call["Message"], call["Mac"]):
        raise errors.KMSInvalidMacException
    end_dry_run(call)
    return {"KeyId": key.arn, "MacValid": True, "MacAlgorithm": algorithm}


@operation("DeriveSharedSecret", mode=Mode.SLOW, locate=key_at(aliases=True), keys=agreement_keys)
def derive_shared_secret(call: Call, key: Key, tx: Transaction) -> Answer:
    """The secret that this key shares with another party's public key: the raw x coordinate.

    Source: KMS API reference, DeriveSharedSecret; facts aws-observed for the refusal without a text.
    """
    algorithm = call["KeyAgreementAlgorithm"]
    check_use(call, tx, key, algorithm)
    try:
        secret = _pair(key).agree(call["PublicKey"])
    except BadKey:
        raise Refusal(Kind.VALIDATION) from None
    end_dry_run(call)
    return {
        "KeyId": key.arn,
        "SharedSecret": secret,
        "KeyAgreementAlgorithm": algorithm,
        "KeyOrigin": key.row.origin,
    }


def _checked(call: Call, tx: Transaction, key: Key) -> tuple[str, str]:
    algorithm, form = call["SigningAlgorithm"], call.get("MessageType") or RAW
    check_use(call, tx, key, algorithm)
    if form not in _FORMS.get(algorithm, _USUAL_FORMS):
        raise errors.invalid(f"MessageType {form} is not valid for algorithm {algorithm}.")  # our choice
    return algorithm, form


def _wrong_length(algorithm: str) -> Refusal:
    return errors.invalid(f"Digest is invalid length for algorithm {algorithm}.")


def _pair(key: Key) -> KeyPair:
    if key.pair is None:
        raise RuntimeError("a key pair in use without its material")
    return key.pair


def _mac(key: Key) -> MacKey:
    if key.mac is None:
        raise RuntimeError("an HMAC key in use without its material")
    return key.mac
