"""Values under data keys: asks KMS on behalf of the caller, seals and opens.

Each written value has a data key of its own, from kms:GenerateDataKey with the context SecretARN and
SecretVersionId; reading asks kms:Decrypt with the same context. What KMS decides about the caller stands.

Source: facts secretsmanager section 7. DESIGN, "Sealing".
"""

from __future__ import annotations

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.call import Call, Remembered
from strongroom.kernel.model.errors import ServiceError
from strongroom.kernel.sealing.envelope import HeldValue, seal_value
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import errors, store
from strongroom.services.secretsmanager.rules import keys
from strongroom.services.secretsmanager.store import Secret, Version


def seal(call: Call, tx: Transaction, secret: Secret, version_id: str, value: bytes) -> tuple[bytes, bytes]:
    """The value sealed under a new data key, and that key wrapped under the secret's KMS key."""
    made = _data_key(call, tx, secret, version_id)
    return seal_value(made[0], value, arn=secret.arn, version_id=version_id), made[1]


def seal_new(call: Call, tx: Transaction, arn: str, version_id: str, value: bytes) -> tuple[bytes, bytes]:
    """As ``seal``, for a secret of the caller's account and Region, under the default key, that has no row yet."""
    made = _data_key_by(call, tx, keys.DEFAULT_KEY, _context(arn, version_id))
    return seal_value(made[0], value, arn=arn, version_id=version_id), made[1]


def unseal(call: Call, tx: Transaction, secret: Secret, version: Version) -> bytes:
    """The value of a version. Raises as ``held`` and ``opened`` do."""
    return opened(held(call, tx, secret, version), version)


def held(call: Call, tx: Transaction, secret: Secret, version: Version) -> HeldValue:
    """A version's value with its data key, ready to be opened.

    Where the newest key refuses, the keys set before are tried, as AWS documents.
    """
    if version.sealed is None or version.wrapped is None:
        raise errors.no_such_version(version.version_id)
    arn = secret.arn
    data_key = _opened_key(call, tx, version, arn)
    try:
        return HeldValue(data_key, version.sealed, arn=arn, version_id=version.version_id)
    except SealBroken:
        raise _does_not_open(version) from None


def held_alike(
    call: Call, tx: Transaction, arn: str, version_id: str, sealed: bytes, wrapped: bytes
) -> tuple[Remembered, HeldValue] | None:
    """As ``held``, with what KMS has decided about others under the same key; None where that says nothing of it."""
    params = {"CiphertextBlob": wrapped, "EncryptionContext": _context(arn, version_id)}
    known = call.alike(tx, "kms", "Decrypt", params)
    if known is None:
        return None
    asked, made = known
    try:
        return asked, HeldValue(made["Plaintext"], sealed, arn=arn, version_id=version_id)
    except (SealBroken, ValueError):
        return None


def opened(value: HeldValue, version: Version) -> bytes:
    """The value itself, decrypted now."""
    try:
        return value.open()
    except SealBroken:
        raise _does_not_open(version) from None


def _does_not_open(version: Version) -> Answerable:
    """A fault of the store, not of the caller: the version is named in our log, never the bytes."""
    return errors.InternalServiceError(
        "An error occurred on the server side.", detail=f"version {version.version_id} does not open"
    )


def prove_access(call: Call, tx: Transaction, secret: Secret) -> str:
    """Prove that the caller may use the key that is being set; answers its ARN.

    The results are thrown away.
    """
    context = {"SecretARN": secret.arn, "SecretVersionId": keys.PROBE}
    reference = keys.key_reference(secret.kms_key_id, account=secret.account, region=secret.region)
    try:
        made = call.ask(tx, "kms", "GenerateDataKey", KeyId=reference, KeySpec="AES_256", EncryptionContext=context)
        call.ask(tx, "kms", "Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
    except (ServiceError, Refusal) as error:
        raise _told(error, encrypting=True) from None
    return str(made["KeyId"])


def wrap_again(call: Call, tx: Transaction, secret: Secret, version: Version) -> None:
    """Wrap a version's data key under the secret's newly set key too.

    A caller who may not kms:Encrypt under the new key, or open the old one, leaves the version as it was,
    silently.
    """
    if version.wrapped is None:
        return
    context = _context(secret.arn, version.version_id)
    reference = keys.key_reference(secret.kms_key_id, account=secret.account, region=secret.region)
    try:
        opened = call.ask(tx, "kms", "Decrypt", CiphertextBlob=version.wrapped, EncryptionContext=context)
        wrapped = call.ask(
            tx, "kms", "Encrypt", KeyId=reference, Plaintext=opened["Plaintext"], EncryptionContext=context
        )
    except (ServiceError, Refusal) as error:
        if _is_about_the_key(error):
            return
        raise
    store.versions.add_wrapped(tx, version, kms_key_id=secret.kms_key_id, wrapped=wrapped["CiphertextBlob"])


def refuse_foreign_default(call: Call, secret: Secret) -> None:
    """Raise what a caller from another account is told where the secret is under the default key."""
    if secret.kms_key_id is None and call.account != secret.account:
        raise errors.InvalidRequestException(errors.DEFAULT_KEY_ELSEWHERE)


def _context(arn: str, version_id: str) -> dict[str, str]:
    return {"SecretARN": arn, "SecretVersionId": version_id}


def _data_key(call: Call, tx: Transaction, secret: Secret, version_id: str) -> tuple[bytes, bytes]:
    reference = keys.key_reference(secret.kms_key_id, account=secret.account, region=secret.region)
    return _data_key_by(call, tx, reference, _context(secret.arn, version_id))


def _data_key_by(call: Call, tx: Transaction, reference: str, context: dict[str, str]) -> tuple[bytes, bytes]:
    try:
        made = call.ask(tx, "kms", "GenerateDataKey", KeyId=reference, KeySpec="AES_256", EncryptionContext=context)
    except (ServiceError, Refusal) as error:
        raise _told(error, encrypting=True) from None
    return made["Plaintext"], made["CiphertextBlob"]


def _opened_key(call: Call, tx: Transaction, version: Version, arn: str) -> bytes:
    context = _context(arn, version.version_id)
    try:
        newest: bytes = call.ask(tx, "kms", "Decrypt", CiphertextBlob=version.wrapped, EncryptionContext=context)[
            "Plaintext"
        ]
    except (ServiceError, Refusal) as error:
        refused = error
    else:
        return newest
    if _is_about_the_key(refused):
        for _key_id, wrapped in store.versions.earlier_wrapped(tx, version.pk):
            try:
                earlier: bytes = call.ask(tx, "kms", "Decrypt", CiphertextBlob=wrapped, EncryptionContext=context)[
                    "Plaintext"
                ]
            except (ServiceError, Refusal) as error:
                if not _is_about_the_key(error):
                    raise
            else:
                return earlier
    raise _told(refused, encrypting=False) from None


def _is_about_the_key(error: ServiceError | Refusal) -> bool:
    if isinstance(error, ServiceError):
        return error.code in keys.KEY_STATE_CODES
    return error.kind is Kind.ACCESS_DENIED


def _told(error: ServiceError | Refusal, *, encrypting: bool) -> Answerable:
    """What our caller is told where KMS refused; the reason is in the record of the KMS call."""
    if isinstance(error, ServiceError):
        refusal = keys.encryption_refusal(error.code) if encrypting else keys.decryption_refusal(error.code)
        return refusal or error
    return errors.kms_denied() if error.kind is Kind.ACCESS_DENIED else error
