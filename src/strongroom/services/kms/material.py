"""Key material: made, sealed for its key, opened as nothing else, rotated.

What lies in the store is sealed under the root key by one purpose, and bound to the key's ARN and the material's id.
Where imported material is no longer held, its digest lies there instead, sealed alike: the same material can be
told when it comes again, and nothing else can be done with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from strongroom.base.clock import to_ms
from strongroom.base.entropy import Entropy, uuid4
from strongroom.kernel.call import Call
from strongroom.kernel.crypto import digests, keypairs, macs
from strongroom.kernel.sealing.envelope import MATERIAL_BYTES
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import store
from strongroom.services.kms.rules.creation import EXTERNAL, Kind
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.rules.specs import SYMMETRIC, is_pair
from strongroom.services.kms.rules.states import DISABLED, ENABLED, PENDING_IMPORT
from strongroom.services.kms.store import KeyRow, MaterialRow

PURPOSE = "kms-material"
_MATERIAL_ID_BYTES = 32
_MULTI_REGION = "mrk-"


def bound(name: KeyName, material_id: str) -> bytes:
    """Material opens only as what it was sealed for: a row moved to another key's is a broken seal."""
    return f"{name.arn} {material_id}".encode()


def opened_material(keyring: Keyring, name: KeyName, row: MaterialRow) -> bytes:
    """The material of a row, in the clear; of one that is not held, its digest. Raises SealBroken."""
    return keyring.open(PURPOSE, row.sealed, bound(name, row.material_id))


def sealed_material(keyring: Keyring, name: KeyName, material_id: str, secret: bytes) -> bytes:
    """As it lies in the store."""
    return keyring.seal(PURPOSE, secret, bound(name, material_id))


def is_same(keyring: Keyring, name: KeyName, row: MaterialRow, secret: bytes) -> bool:
    """Whether this is the material of that row, held or not, compared in constant time."""
    known = opened_material(keyring, name, row)
    return digests.same(known, secret if row.held else digests.sha256(secret))


def let_go(tx: Transaction, keyring: Keyring, key: KeyRow, row: MaterialRow) -> None:
    """Keep nothing of imported material but its digest; a key that needs it waits for it to come again."""
    name = KeyName(key.account, key.region, key.key_id)
    digest = digests.sha256(opened_material(keyring, name, row))
    store.change_material(
        tx,
        key.account,
        key.pk,
        row.material_id,
        held=0,
        valid_to_ms=None,
        sealed=sealed_material(keyring, name, row.material_id, digest),
    )
    if key.state in (ENABLED, DISABLED) and row.state != store.PENDING_ROTATION:
        store.change_key(tx, key.account, key.pk, state=PENDING_IMPORT)


def is_whole(rows: Iterable[MaterialRow]) -> bool:
    """Whether a key holds all that it needs: what it encrypts with, and everything that it encrypted with before."""
    used = [one for one in rows if one.state != store.PENDING_ROTATION]
    return all(one.held for one in used) and any(one.state == store.CURRENT for one in used)


def made_material(spec: str, entropy: Entropy) -> bytes:
    """New material for a spec. RSA takes up to seconds: not in the event loop, not in the write queue."""
    if spec == SYMMETRIC:
        return entropy.take(MATERIAL_BYTES)
    if is_pair(spec):
        return keypairs.generate(spec)
    return entropy.take(macs.KEY_BYTES[spec])


def new_id(entropy: Entropy) -> str:
    """An id for new material: 64 hexadecimal digits."""
    return entropy.take(_MATERIAL_ID_BYTES).hex()


def new_name(call: Call, *, multi_region: bool = False) -> KeyName:
    """A name for a new key in the caller's account and Region."""
    made = uuid4(call.kernel.entropy)
    if multi_region:
        made = _MULTI_REGION + made.replace("-", "")
    return KeyName(call.account, call.region, made)


def new_key(
    call: Call,
    tx: Transaction,
    kind: Kind,
    *,
    description: str,
    manager: str,
    policy: str,
    name: KeyName,
    secret: bytes | None,
) -> int:
    """Store a new key and answer its number; without material it waits for its import."""
    now_ms = to_ms(call.now)
    waits = kind.origin == EXTERNAL
    material_id = None if waits else new_id(call.kernel.entropy)
    row = KeyRow(0, name.account, name.region, name.id, now_ms, description, PENDING_IMPORT if waits else ENABLED,
                 None, kind.spec, kind.usage, kind.origin, manager, policy,
                 material_id if kind.spec == SYMMETRIC else None, kind.multi_region)  # fmt: skip
    pk = store.add_key(tx, row)
    if material_id is not None:
        if secret is None:
            raise RuntimeError("a key of ours without material")
        sealed = sealed_material(call.kernel.keyring, name, material_id, secret)
        store.add_material(tx, name.account, MaterialRow(pk, material_id, now_ms, sealed))
    return pk


def rotate(
    tx: Transaction, keyring: Keyring, entropy: Entropy, key: KeyRow, *, how: str, now: datetime
) -> tuple[str | None, str]:
    """Give a symmetric key, with all its related keys, new current material; the old goes on opening.

    Imported material is not made but taken: the one that waits. Answers the ids of the old and the new.
    """
    related = store.related_keys(tx, key.account, key.key_id) if key.multi_region else [key]
    waiting = [one for one in store.material_rows(tx, key.pk) if one.state == store.PENDING_ROTATION]
    material_id = waiting[0].material_id if waiting else new_id(entropy)
    secret = None if waiting else entropy.take(MATERIAL_BYTES)
    now_ms = to_ms(now)
    for one in related:
        name = KeyName(one.account, one.region, one.key_id)
        if one.material_id is not None:
            store.change_material(tx, one.account, one.pk, one.material_id, state=store.NON_CURRENT)
        if secret is None:
            store.change_material(tx, one.account, one.pk, material_id, state=store.CURRENT, rotated_ms=now_ms,
                                  rotation=how)  # fmt: skip
        else:
            place = len(store.material_rows(tx, one.pk))
            sealed = sealed_material(keyring, name, material_id, secret)
            store.add_material(
                tx,
                one.account,
                MaterialRow(one.pk, material_id, now_ms, sealed, place, rotated_ms=now_ms, rotation=how),
            )
        store.change_key(tx, one.account, one.pk, material_id=material_id)
    return key.material_id, material_id
