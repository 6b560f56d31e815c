"""Data keys, for whoever encrypts outside KMS, and random bytes."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors
from strongroom.services.kms.keys import Key
from strongroom.services.kms.locate import key_at
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import check_context, cryptographic_keys
from strongroom.services.kms.use import check_use, end_dry_run, sealed

SIZES = {"AES_256": 32, "AES_128": 16}


@operation("GenerateDataKey", mode=Mode.READ, locate=key_at(aliases=True), keys=cryptographic_keys)
def generate_data_key(call: Call, key: Key, tx: Transaction) -> Answer:  # noqa: ARG001
    """A new data key, in the clear and under the key. Source: KMS API reference, GenerateDataKey."""
    plaintext, answer = _data_key(call, key)
    return {**answer, "Plaintext": plaintext}


@operation(
    "GenerateDataKeyWithoutPlaintext", mode=Mode.READ, locate=key_at(aliases=True), keys=cryptographic_keys
)
def generate_data_key_without_plaintext(call: Call, key: Key, tx: Transaction) -> Answer:  # noqa: ARG001
    """A new data key under the key only. Source: KMS API reference, GenerateDataKeyWithoutPlaintext."""
    return _data_key(call, key)[1]


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


def _data_key(call: Call, key: Key) -> tuple[bytes, dict[str, object]]:
    check_use(call, key, None)
    spec, count = call.get("KeySpec"), call.get("NumberOfBytes")
    if (spec is None) is (count is None):
        raise errors.invalid(errors.ONE_SIZE)
    context = check_context(call.get("EncryptionContext"))
    end_dry_run(call)
    plaintext = call.kernel.entropy.take(SIZES[spec] if spec is not None else count)
    blob = sealed(call, key, plaintext, context)
    return plaintext, {"CiphertextBlob": blob, "KeyId": key.arn, "KeyMaterialId": key.header.material_id}
