"""Imported key material: the pair to wrap it for, its import, its end.

An import token holds its own wrapping key, sealed and bound to the key's ARN, so nothing is stored for it: a token
is good for a day, as often as one likes, and for its key only (decision 0024).
Source: KMS Developer Guide, "Importing key material" (facts: kms, section 12).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.crypto import keypairs, macs, wrapping
from strongroom.kernel.crypto.aead import NotAuthentic
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Mode
from strongroom.kernel.sealing.envelope import MATERIAL_BYTES
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, material, store
from strongroom.services.kms.jobs import EXPIRE_MATERIAL, expiry_key
from strongroom.services.kms.keys import Key
from strongroom.services.kms.locate import key_at
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import caller_keys
from strongroom.services.kms.rules.creation import EXTERNAL, REPLICA
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.rules.specs import SYMMETRIC, is_pair
from strongroom.services.kms.rules.states import ENABLED, PENDING_IMPORT, check_state
from strongroom.services.kms.store import KeyRow, MaterialRow

TOKEN_LIFE = timedelta(hours=24)
EXPIRY_AT_MOST = timedelta(days=365)
_TOKEN = "kms-import-token"  # noqa: S105  a purpose
_EXPIRES, _STAYS = "KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"
_NEW, _EXISTING = "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"


class _Wrapping(NamedTuple):
    valid_to: datetime
    spec: str
    algorithm: str
    pair: keypairs.KeyPair


def parameter_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of GetParametersForImport."""
    return caller_keys(call, target) | {
        "kms:wrappingalgorithm": call["WrappingAlgorithm"],
        "kms:wrappingkeyspec": call["WrappingKeySpec"],
    }


def import_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of ImportKeyMaterial."""
    keys = caller_keys(call, target) | {"kms:expirationmodel": call.get("ExpirationModel") or _EXPIRES}
    if call.get("ValidTo") is not None:
        keys["kms:validto"] = str(int(call["ValidTo"].timestamp()))
    return keys


@operation("GetParametersForImport", mode=Mode.SLOW, locate=key_at(), keys=parameter_keys)
def get_parameters_for_import(call: Call, key: Key, tx: Transaction) -> Answer:  # noqa: ARG001
    """A public key to wrap material for, and the token that goes with it.

    Source: KMS API reference, GetParametersForImport.
    """
    _check_origin(key)
    check_state(call.name, key.row.state, key.arn)
    algorithm, spec = call["WrappingAlgorithm"], call["WrappingKeySpec"]
    if algorithm not in wrapping.ALGORITHMS or spec not in keypairs.RSA_BITS:
        raise errors.UnsupportedOperationException(f"{algorithm} with {spec} is not offered.")  # our choice
    made = keypairs.generate(spec)
    valid_to = from_ms(to_ms(call.now + TOKEN_LIFE))
    told = "\n".join((str(to_ms(valid_to)), spec, algorithm, "")).encode() + made
    return {
        "KeyId": key.arn,
        "ImportToken": call.kernel.keyring.tokens.seal(_TOKEN, told, key.arn.encode()),
        "PublicKey": keypairs.KeyPair(made).public_der(),
        "ParametersValidTo": valid_to,
    }


@operation(
    "ImportKeyMaterial", mode=Mode.SLOW_WRITE, locate=key_at(), keys=import_keys, shown=("KeyId", "KeyMaterialId")
)
def import_key_material(call: Call, key: Key, tx: Transaction) -> Answer:
    """Take in material from outside: the first of a key, the same again, or one that waits for rotation.

    Source: KMS API reference, ImportKeyMaterial.
    """
    _check_origin(key)
    check_state(call.name, key.row.state, key.arn)
    valid_to_ms = _valid_to_ms(call)
    # RSA unwraps, and checks whole RSA keys, in the first attempt, before the write queue.
    secret = call.once("material", lambda: _unwrapped(call, key))
    row = _taken(call, tx, key, secret)
    stored = {
        "sealed": material.sealed_material(call.kernel.keyring, key.name, row.material_id, secret),
        "held": 1,
        "valid_to_ms": valid_to_ms,
        "description": call.get("KeyMaterialDescription", row.description),
    }
    store.change_material(tx, key.row.account, key.row.pk, row.material_id, **stored)
    _keep_job(tx, key.row.pk, row.material_id, valid_to_ms)
    if key.row.state == PENDING_IMPORT and material.is_whole(store.material_rows(tx, key.row.pk)):
        store.change_key(tx, key.row.account, key.row.pk, state=ENABLED)
    if key.row.spec == SYMMETRIC and row.state == store.CURRENT:
        store.change_key(tx, key.row.account, key.row.pk, material_id=row.material_id)
    return {"KeyId": key.arn} | ({"KeyMaterialId": row.material_id} if key.row.spec == SYMMETRIC else {})


@operation("DeleteImportedKeyMaterial", mode=Mode.WRITE, locate=key_at(), shown=("KeyId", "KeyMaterialId"))
def delete_imported_key_material(call: Call, key: Key, tx: Transaction) -> Answer:
    """Forget material at once; the key waits for it to be imported again. Of what is gone already, nothing changes.

    Source: KMS API reference, DeleteImportedKeyMaterial.
    """
    _check_origin(key)
    check_state(call.name, key.row.state, key.arn)
    wanted = call.get("KeyMaterialId")
    rows = store.material_rows(tx, key.row.pk)
    if wanted is not None and wanted not in [one.material_id for one in rows]:
        raise errors.NotFoundException(f"{key.arn} has no key material {wanted}.")  # our choice
    answer: dict[str, Any] = {"KeyId": key.arn}
    for one in rows:
        if one.material_id == wanted or (wanted is None and one.state == store.CURRENT):
            if one.held:
                material.let_go(tx, call.kernel.keyring, key.row, one)
                due.cancel(tx, EXPIRE_MATERIAL, expiry_key(key.row.pk, one.material_id))
            if key.row.spec == SYMMETRIC:
                answer["KeyMaterialId"] = one.material_id
    return answer


def _check_origin(key: Key) -> None:
    if key.row.origin != EXTERNAL:
        raise errors.UnsupportedOperationException(errors.WRONG_ORIGIN.format(key.arn, key.row.origin))


def _valid_to_ms(call: Call) -> int | None:
    model, moment = call.get("ExpirationModel") or _EXPIRES, call.get("ValidTo")
    if model == _STAYS:
        if moment is not None:
            raise errors.invalid(
                "A validTo date goes with the ExpirationModel KEY_MATERIAL_EXPIRES only."
            )  # our choice
        return None
    if moment is None:
        raise errors.invalid(errors.NO_VALID_TO)
    if not call.now < moment <= call.now + EXPIRY_AT_MOST:
        raise errors.invalid("The validTo date must lie within the next 365 days.")  # our choice
    return to_ms(moment)


def _wrapping(call: Call, key: Key) -> _Wrapping:
    try:
        told = call.kernel.keyring.tokens.open(_TOKEN, call["ImportToken"], key.arn.encode())
        valid_to_ms, spec, algorithm, der = told.split(b"\n", 3)
    except (SealBroken, ValueError):
        raise errors.InvalidImportTokenException(errors.BAD_IMPORT_TOKEN) from None
    valid_to = from_ms(int(valid_to_ms))
    if call.now > valid_to:
        raise errors.ExpiredImportTokenException(errors.OLD_IMPORT_TOKEN)
    return _Wrapping(valid_to, spec.decode(), algorithm.decode(), keypairs.KeyPair(der))


def _unwrapped(call: Call, key: Key) -> bytes:
    """The material in the clear, of the form that the key's spec demands."""
    token = _wrapping(call, key)
    try:
        secret = wrapping.unwrap(token.pair, token.spec, token.algorithm, call["EncryptedKeyMaterial"])
    except NotAuthentic:
        raise errors.InvalidCiphertextException from None
    spec = key.row.spec
    if is_pair(spec):
        try:
            return keypairs.imported(secret, spec)
        except keypairs.BadKey:
            raise errors.IncorrectKeyMaterialException(f"The key material is no key of {spec}.") from None
    least = MATERIAL_BYTES if spec == SYMMETRIC else macs.KEY_BYTES[spec]
    most = MATERIAL_BYTES if spec == SYMMETRIC else macs.KEY_BYTES_AT_MOST[spec]
    if not least <= len(secret) <= most:
        raise errors.IncorrectKeyMaterialException(f"The key material has not the length of {spec}.")  # our choice
    return secret


def _taken(call: Call, tx: Transaction, key: Key, secret: bytes) -> MaterialRow:
    """The row that the material belongs to: known before, or made now. Raises what does not fit."""
    keyring = call.kernel.keyring
    rows = store.material_rows(tx, key.row.pk)
    kind = call.get("ImportType") or (_EXISTING if rows else _NEW)
    named = call.get("KeyMaterialId")
    same = next((one for one in rows if material.is_same(keyring, key.name, one, secret)), None)
    if same is not None and named in (None, same.material_id):
        return same
    if key.row.multi_region == REPLICA and same is None:
        return _following(call, tx, key, secret, len(rows), named)
    if (rows and kind == _EXISTING) or named is not None or same is not None:
        raise errors.IncorrectKeyMaterialException("The key material is not the one that was imported.")  # our choice
    if rows and key.row.spec != SYMMETRIC:
        raise errors.IncorrectKeyMaterialException("The key material of this key cannot be changed.")  # our choice
    waiting = next((one for one in rows if one.state == store.PENDING_ROTATION), None)
    made = material.new_id(call.kernel.entropy)
    if waiting is not None:
        raise errors.KMSInvalidStateException(
            f"New key material (id: {made}) cannot be imported into KMS key {key.arn}, "
            f"because another key material (id: {waiting.material_id}) is pending rotation."
        )
    state = store.PENDING_ROTATION if rows else store.CURRENT
    return _added(tx, key.row, MaterialRow(key.row.pk, made, to_ms(call.now), b"", len(rows), state))


def _following(call: Call, tx: Transaction, key: Key, secret: bytes, place: int, named: str | None) -> MaterialRow:
    """The row of a replica for material that its primary has: under the same id, so that ciphertexts open in both."""
    for other in store.related_keys(tx, key.row.account, key.row.key_id):
        if other.multi_region == REPLICA:
            continue
        name = KeyName(other.account, other.region, other.key_id)
        for one in store.material_rows(tx, other.pk):
            if named in (None, one.material_id) and material.is_same(call.kernel.keyring, name, one, secret):
                fresh = one._replace(key_pk=key.row.pk, created_ms=to_ms(call.now), sealed=b"", place=place)
                return _added(tx, key.row, fresh)
    raise errors.IncorrectKeyMaterialException("The key material is not that of the primary key.")  # our choice


def _added(tx: Transaction, key: KeyRow, row: MaterialRow) -> MaterialRow:
    store.add_material(tx, key.account, row)
    return row


def _keep_job(tx: Transaction, pk: int, material_id: str, valid_to_ms: int | None) -> None:
    name = expiry_key(pk, material_id)
    if valid_to_ms is None:
        due.cancel(tx, EXPIRE_MATERIAL, name)
    else:
        due.schedule(tx, kind=EXPIRE_MATERIAL, key=name, due=from_ms(valid_to_ms))
