"""Rotation of key material: switched on and off, done at once, told.

Source: KMS Developer Guide, "Rotate AWS KMS keys" (facts: kms, section 8).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from strongroom.base.clock import from_ms
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, material, rotation, store
from strongroom.services.kms.keys import Key, expiration
from strongroom.services.kms.locate import key_at
from strongroom.services.kms.paging import Page
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import caller_keys
from strongroom.services.kms.rules.creation import EXTERNAL
from strongroom.services.kms.rules.specs import SYMMETRIC
from strongroom.services.kms.rules.states import PENDING_DELETION, PENDING_REPLICA_DELETION, check_state
from strongroom.services.kms.store import MaterialRow

ON_DEMAND_AT_MOST = 25
"""In the life of a key. Source: KMS API reference, RotateKeyOnDemand."""
_NEAR = timedelta(minutes=20)
_PENDING = (PENDING_DELETION, PENDING_REPLICA_DELETION)


def period_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of EnableKeyRotation."""
    days = str(call.get("RotationPeriodInDays", rotation.USUAL_DAYS))
    return caller_keys(call, target) | {"kms:rotationperiodindays": days}


@operation("EnableKeyRotation", mode=Mode.WRITE, locate=key_at(), keys=period_keys)
def enable_key_rotation(call: Call, key: Key, tx: Transaction) -> Answer:
    """Rotate the material every so many days, from now. Asked again, it changes the period.

    Source: KMS API reference, EnableKeyRotation.
    """
    _check_automatic(key)
    check_state(call.name, key.row.state, key.arn)
    rotation.begin(tx, key.row, call.get("RotationPeriodInDays", rotation.USUAL_DAYS), call.now)
    _synchronise(call, tx, key)
    return {}


@operation("DisableKeyRotation", mode=Mode.WRITE, locate=key_at())
def disable_key_rotation(call: Call, key: Key, tx: Transaction) -> Answer:
    """Rotate the material no more by itself. Source: KMS API reference, DisableKeyRotation."""
    _check_automatic(key)
    check_state(call.name, key.row.state, key.arn)
    rotation.end(tx, key.row)
    _synchronise(call, tx, key)
    return {}


@operation("GetKeyRotationStatus", mode=Mode.READ, locate=key_at())
def get_key_rotation_status(call: Call, key: Key, tx: Transaction) -> Answer:  # noqa: ARG001
    """Whether, how often, and when next. A key pending deletion is not rotated, and says so.

    Source: KMS API reference, GetKeyRotationStatus.
    """
    _check_symmetric(key)
    check_state(call.name, key.row.state, key.arn)
    row = key.row
    if row.rotation_days is None or row.rotation_ms is None or row.state in _PENDING:
        return {"KeyId": row.key_id, "KeyRotationEnabled": False}
    return {
        "KeyId": row.key_id,
        "KeyRotationEnabled": True,
        "RotationPeriodInDays": row.rotation_days,
        "NextRotationDate": from_ms(row.rotation_ms),
    }


@operation("RotateKeyOnDemand", mode=Mode.WRITE, locate=key_at(), shown=("KeyId",))
def rotate_key_on_demand(call: Call, key: Key, tx: Transaction) -> Answer:
    """New material now, or, of a key with imported material, the one that waits. The schedule stays as it is.

    Source: KMS API reference, RotateKeyOnDemand.
    """
    if key.row.spec != SYMMETRIC:
        raise errors.UnsupportedOperationException
    _check_leads(key)
    check_state(call.name, key.row.state, key.arn)
    if key.row.on_demand >= ON_DEMAND_AT_MOST:
        raise errors.LimitExceededException(errors.ROTATED_ENOUGH.format(key.arn))
    if key.row.rotation_ms is not None and from_ms(key.row.rotation_ms) - call.now <= _NEAR:
        raise errors.ConflictException(errors.ROTATION_NEAR.format(key.arn))
    if key.row.origin == EXTERNAL and not _all_wait(tx, key):
        raise errors.KMSInvalidStateException(f"No available key material pending rotation for the key: {key.arn}.")
    keyring, entropy = call.kernel.keyring, call.kernel.entropy
    old, new = material.rotate(tx, keyring, entropy, key.row, how="ON_DEMAND", now=call.now)
    store.change_key(tx, key.row.account, key.row.pk, on_demand=key.row.on_demand + 1)
    details = rotation.told(key.row, how="ON_DEMAND", old=old, new=new)
    call.tell("RotateKey", account=key.row.account, details={"keyId": key.arn, **details})
    _synchronise(call, tx, key)
    return {"KeyId": key.arn}


@operation("ListKeyRotations", mode=Mode.READ, locate=key_at())
def list_key_rotations(call: Call, key: Key, tx: Transaction) -> Answer:
    """The rotations that were done, oldest first; or every material that the key has or had.

    Source: KMS API reference, ListKeyRotations.
    """
    _check_symmetric(key)
    check_state(call.name, key.row.state, key.arn)
    which = call.get("IncludeKeyMaterial") or "ROTATIONS_ONLY"
    page = Page(call, usual=100, of=f"{key.arn} {which}")
    rows = [
        one
        for one in store.material_rows(tx, key.row.pk)
        if (which == "ALL_KEY_MATERIAL" or one.rotated_ms is not None) and _place(one) > page.after
    ]
    listed = [_told(key, one) for one in rows[: page.limit]]
    return {"Rotations": listed, **page.rest([_place(one) for one in rows])}


def _place(one: MaterialRow) -> str:
    return f"{one.place:06d}"


def _told(key: Key, one: MaterialRow) -> dict[str, Any]:
    told: dict[str, Any] = {
        "KeyId": key.row.key_id,
        "KeyMaterialId": one.material_id,
        "KeyMaterialState": one.state,
    }
    if one.rotated_ms is not None:
        told |= {"RotationDate": from_ms(one.rotated_ms), "RotationType": one.rotation}
    if key.row.origin == EXTERNAL:
        told["ImportState"] = "IMPORTED" if one.held else "PENDING_IMPORT"
        if one.description:
            told["KeyMaterialDescription"] = one.description
        if one.held:
            told |= expiration(one.valid_to_ms)
    return told


def _synchronise(call: Call, tx: Transaction, key: Key) -> None:
    """Tell that the related keys have it too: material and rotation are shared properties."""
    if rotation.is_spread(tx, key.row):
        call.tell(rotation.SYNCHRONISED, account=key.row.account, details={"keyId": key.arn})


def _check_symmetric(key: Key) -> None:
    if key.row.spec != SYMMETRIC:
        raise errors.UnsupportedOperationException(
            f"{key.arn} key spec is {key.row.spec} which is not valid for this operation."  # our choice of text
        )


def _check_automatic(key: Key) -> None:
    _check_symmetric(key)
    if key.row.origin == EXTERNAL:
        raise errors.UnsupportedOperationException(errors.WRONG_ORIGIN.format(key.arn, key.row.origin))
    _check_leads(key)


def _check_leads(key: Key) -> None:
    if not rotation.leads(key.row):
        raise errors.UnsupportedOperationException(errors.NOT_PRIMARY.format(key.arn))


def _all_wait(tx: Transaction, key: Key) -> bool:
    """Whether one new material waits, held, in every Region of the key."""
    related = store.related_keys(tx, key.row.account, key.row.key_id) if key.row.multi_region else [key.row]
    waiting = [
        {one.material_id for one in store.material_rows(tx, row.pk) if one.held and one.state == store.PENDING_ROTATION}
        for row in related
    ]
    return bool(set.intersection(*waiting))
