"""The use of a key: what every cryptographic operation checks, and the two things that it then does."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.kernel.call import Call
from strongroom.kernel.sealing.envelope import message_header, open_message, seal_message
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.services.kms import errors
from strongroom.services.kms.keys import Key
from strongroom.services.kms.rules.states import check_state


def check_use(call: Call, key: Key, algorithm: str | None) -> None:
    """Refuse a key in the wrong state, another kind of key's algorithm, and what needs grants or enclaves."""
    check_state(call.name, key.row.state, key.arn)
    if algorithm is not None and algorithm != key.row.spec:
        raise errors.InvalidKeyUsageException(
            f"Algorithm {algorithm} is incompatible with key spec {key.row.spec}."
        )
    refuse_grants(call)
    if call.get("Recipient"):
        raise errors.invalid(errors.NO_ENCLAVES)


def refuse_grants(call: Call) -> None:
    """Refuse grant tokens: no grant exists, so none can be genuine. Our choice: better told than ignored."""
    if call.get("GrantTokens"):
        raise errors.InvalidGrantTokenException(errors.NO_GRANTS)


def end_dry_run(call: Call) -> None:
    """Stop where everything was well and only that was asked."""
    if call.get("DryRun"):
        raise errors.DryRunOperationException(errors.DRY_RUN)


def sealed(call: Call, key: Key, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """One ciphertext under the key's current material."""
    current = key.materials[key.header.material_id]
    return seal_message(current, key.header, plaintext, context, call.kernel.entropy)


def opened(key: Key, blob: bytes, context: Mapping[str, str]) -> tuple[bytes, str]:
    """The plaintext of one ciphertext, and the id of the material that opened it.

    Raises IncorrectKeyException for another key's, InvalidCiphertextException for all else that is wrong.
    """
    try:
        header = message_header(blob)
        if (header.key_id, header.account, header.region) != (
            key.row.key_id,
            key.row.account,
            key.row.region,
        ):
            raise errors.IncorrectKeyException(errors.WRONG_KEY)
        return open_message(key.materials[header.material_id], blob, context), header.material_id
    except (SealBroken, KeyError):
        raise errors.InvalidCiphertextException from None
