"""Data keys, for whoever encrypts outside KMS, and random bytes."""

from __future__ import annotations

from functools import partial

from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.crypto import keypairs
from strongroom.kernel.registry import Mode
from strongroom.kernel.sealing.envelope import canonical_context
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors
from strongroom.services.kms.keys import Key
from strongroom.services.kms.locate import key_at
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import check_context, cryptographic_keys
from strongroom.services.kms.rules.specs import DATA_KEY_PAIRS
from strongroom.services.kms.use import check_symmetric, check_use, end_dry_run, sealed, sealed_bound

SIZES = {"AES_256": 32, "AES_128": 16}


@operation(
    "GenerateDataKey",
    mode=Mode.READ,
    locate=key_at(aliases=True),
    keys=cryptographic_keys,
    steady=True,
    apart="EncryptionContext",
)
def generate_data_key(call: Call, key: Key, tx: Transaction) -> Answer:
    """A new data key, in the clear and under the key. Source: KMS API reference, GenerateDataKey."""
    plaintext, answer = _data_key(call, tx, key)
    if call.question is not None and not call.get("GrantTokens"):
        stays = {name: value for name, value in answer.items() if name != "CiphertextBlob"}
        call.repeats(stays, partial(_another, key, len(plaintext)))
    return {**answer, "Plaintext": plaintext}


def _another(key: Key, count: int, call: Call) -> Answer:
    """One more data key for the same question, of whatever context."""
    bound = canonical_context(check_context(call.get("EncryptionContext")))
    plaintext = call.kernel.entropy.take(count)
    return {"CiphertextBlob": sealed_bound(call, key, plaintext, bound), "Plaintext": plaintext}


@operation("GenerateDataKeyWithoutPlaintext", mode=Mode.READ, locate=key_at(aliases=True), keys=cryptographic_keys)
def generate_data_key_without_plaintext(call: Call, key: Key, tx: Transaction) -> Answer:
    """A new data key under the key only. Source: KMS API reference, GenerateDataKeyWithoutPlaintext."""
    return _data_key(call, tx, key)[1]


def pair_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of the operations on data key pairs."""
    return cryptographic_keys(call, target) | {"kms:datakeypairspec": call["KeyPairSpec"]}


@operation("GenerateDataKeyPair", mode=Mode.SLOW, locate=key_at(aliases=True), keys=pair_keys)
def generate_data_key_pair(call: Call, key: Key, tx: Transaction) -> Answer:
    """A new key pair, its private half in the clear and under the key.

    Source: KMS API reference, GenerateDataKeyPair.
    """
    private, answer = _data_key_pair(call, tx, key)
    return {**answer, "PrivateKeyPlaintext": private}


@operation("GenerateDataKeyPairWithoutPlaintext", mode=Mode.SLOW, locate=key_at(aliases=True), keys=pair_keys)
def generate_data_key_pair_without_plaintext(call: Call, key: Key, tx: Transaction) -> Answer:
    """A new key pair, its private half under the key only.

    Source: KMS API reference, GenerateDataKeyPairWithoutPlaintext.
    """
    return _data_key_pair(call, tx, key)[1]


@operation("GenerateRandom", mode=Mode.READ)
def generate_random(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Unpredictable bytes. Source: KMS API reference, GenerateRandom."""
    count = call.get("NumberOfBytes")
    if count is None:
        raise errors.invalid(errors.NO_COUNT)
    if call.get("Recipient"):
        raise errors.invalid(errors.NO_ENCLAVES)
    if call.get("CustomKeyStoreId"):
        raise errors.UnsupportedOperationException("Custom key stores are not offered.")  # our choice
    return {"Plaintext": call.kernel.entropy.take(count)}


def _data_key(call: Call, tx: Transaction, key: Key) -> tuple[bytes, dict[str, object]]:
    check_use(call, tx, key, None)
    check_symmetric(call, key)
    spec, count = call.get("KeySpec"), call.get("NumberOfBytes")
    if (spec is None) is (count is None):
        raise errors.invalid(errors.ONE_SIZE)
    context = check_context(call.get("EncryptionContext"))
    end_dry_run(call)
    plaintext = call.kernel.entropy.take(SIZES[spec] if spec is not None else count)
    blob = sealed(call, key, plaintext, context)
    return plaintext, {"CiphertextBlob": blob, "KeyId": key.arn, "KeyMaterialId": key.header.material_id}


def _data_key_pair(call: Call, tx: Transaction, key: Key) -> tuple[bytes, dict[str, object]]:
    """The private half as PKCS #8 DER, and what every answer has."""
    check_use(call, tx, key, None)
    check_symmetric(call, key)
    spec = call["KeyPairSpec"]
    if spec not in DATA_KEY_PAIRS:
        raise errors.UnsupportedOperationException(f"KeyPairSpec {spec} is not offered.")  # our choice
    context = check_context(call.get("EncryptionContext"))
    end_dry_run(call)
    private = keypairs.generate(spec)
    return private, {
        "PrivateKeyCiphertextBlob": sealed(call, key, private, context),
        "PublicKey": keypairs.KeyPair(private).public_der(),
        "KeyId": key.arn,
        "KeyPairSpec": spec,
        "KeyMaterialId": key.header.material_id,
    }
