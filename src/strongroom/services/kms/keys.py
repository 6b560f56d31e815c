"""A key as handlers see it: its row, its aliases and tags, its policy compiled, its material opened.

All of it is one entry of the cache, valid for as long as nothing of KMS changes in the key's account. Grants are
apart: who is granted what changes more often, and is looked up by caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from strongroom.base.classes import dataclass, field
from strongroom.base.clock import from_ms
from strongroom.kernel.authz.model import ContextValue, ResourceRule, by_name
from strongroom.kernel.call import Call, Target
from strongroom.kernel.crypto.keypairs import KeyPair
from strongroom.kernel.crypto.macs import MacKey
from strongroom.kernel.sealing.envelope import Material, MessageHeader
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import grants, store
from strongroom.services.kms.material import opened_material
from strongroom.services.kms.rules.creation import EXTERNAL, PRIMARY, REPLICA, Kind
from strongroom.services.kms.rules.identifiers import AliasName, KeyName
from strongroom.services.kms.rules.policies import stored_policy
from strongroom.services.kms.rules.specs import MEMBERS, SPECS, SYMMETRIC, is_pair
from strongroom.services.kms.rules.states import ENABLED, PENDING_DELETION, PENDING_REPLICA_DELETION
from strongroom.services.kms.store import KeyRow


@dataclass(frozen=True, slots=True)
class Key:
    """One key, ready for use.

    Of a symmetric key ``materials`` hold every version by id, and ``header`` names the current one; ``pair`` or
    ``mac`` is the material of another. ``regions`` are those of a multi-Region key with their kinds of key.
    """

    row: KeyRow
    arn: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    header: MessageHeader
    materials: Mapping[str, Material] = field(default_factory=dict, repr=False)
    pair: KeyPair | None = field(default=None, repr=False)
    mac: MacKey | None = field(default=None, repr=False)
    valid_to_ms: int | None = None
    has_material: bool = True
    regions: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> KeyName:
        """Its name, taken apart."""
        return KeyName(self.row.account, self.row.region, self.row.key_id)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What it can be used with."""
        return SPECS[self.row.spec][self.row.usage]

    def metadata(self) -> dict[str, Any]:
        """KeyMetadata. Source: facts aws-observed, "KMS: answers"."""
        row = self.row
        told: dict[str, Any] = {
            "AWSAccountId": row.account,
            "KeyId": row.key_id,
            "Arn": self.arn,
            "CreationDate": from_ms(row.created_ms),
            "Enabled": row.state == ENABLED,
            "Description": row.description,
            "KeyUsage": row.usage,
            "KeyState": row.state,
            "Origin": row.origin,
            "KeyManager": row.manager,
            "CustomerMasterKeySpec": row.spec,
            "KeySpec": row.spec,
            MEMBERS[row.usage]: list(self.algorithms),
            "MultiRegion": row.multi_region is not None,
        }
        if row.material_id is not None:
            told["CurrentKeyMaterialId"] = row.material_id
        if row.state == PENDING_DELETION and row.deletion_ms is not None:
            told["DeletionDate"] = from_ms(row.deletion_ms)
        if row.state == PENDING_REPLICA_DELETION:
            told["PendingDeletionWindowInDays"] = row.window_days
        if row.origin == EXTERNAL and self.has_material:
            told |= expiration(self.valid_to_ms)
        if row.multi_region is not None:
            told["MultiRegionConfiguration"] = self._regions()
        return told

    def _regions(self) -> dict[str, Any]:
        def one(region: str) -> dict[str, str]:
            return {"Arn": KeyName(self.row.account, region, self.row.key_id).arn, "Region": region}

        return {
            "MultiRegionKeyType": self.row.multi_region,
            "PrimaryKey": next((one(region) for region, kind in self.regions if kind == PRIMARY), None),
            "ReplicaKeys": [one(region) for region, kind in self.regions if kind == REPLICA],
        }


class NoSuchKey(LookupError):  # noqa: N818  a finding, not a failure
    """There is no such key or alias. Raised while a cache entry is made, so that absence is never kept."""


def expiration(valid_to_ms: int | None) -> dict[str, Any]:
    """ExpirationModel, and ValidTo where imported material expires."""
    if valid_to_ms is None:
        return {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    return {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": from_ms(valid_to_ms)}


def key_target(call: Call, tx: Transaction, name: KeyName) -> Target:
    """The key as the target of a call, policy and facts included. Raises NoSuchKey."""
    keyring = call.kernel.keyring
    return tx.cached(name.account, store.GENERATION, ("key", name.region, name.id), lambda: _load(tx, keyring, name))


def opening_target(call: Call, tx: Transaction, name: KeyName, worded: Callable[[Target], Target]) -> Target:
    """As ``key_target``, in the words of whoever was led to it by a ciphertext, kept as the key is."""
    own = call.account == name.account  # all that the words depend on of the caller
    return tx.cached(
        name.account,
        store.GENERATION,
        ("opening", name.region, name.id, own),
        lambda: worded(key_target(call, tx, name)),
    )


def alias_target(tx: Transaction, account: str, region: str, alias: str) -> KeyName:
    """The key that an alias names. Raises NoSuchKey."""
    return tx.cached(
        account, store.GENERATION, ("alias", region, alias), lambda: _load_alias(tx, account, region, alias)
    )


def aliased(tx: Transaction, name: AliasName, asker: str, load: Callable[[], Target]) -> Target:
    """What ``load`` makes of an alias for a caller of the account ``asker``, kept as a key is. Raises as ``load``."""
    own = asker == name.account  # all that it may depend on of the caller
    return tx.cached(name.account, store.GENERATION, ("aliased", name.region, name.name, own), load)


def _load(tx: Transaction, keyring: Keyring, name: KeyName) -> Target:
    row = store.key_row(tx, name.account, name.region, name.id)
    if row is None:
        raise NoSuchKey
    arn = name.arn
    header = MessageHeader(row.account, row.region, row.key_id, row.material_id or "")
    listed = store.material_rows(tx, row.pk)
    key = Key(
        row,
        arn,
        store.tags(tx, row.pk),
        tuple(store.alias_names(tx, row.pk)),
        header,
        valid_to_ms=_first_end(listed),
        has_material=any(one.held for one in listed),
        regions=_regions(tx, row),
        **_opened(keyring, name, row.spec, listed),
    )
    return Target(
        arn,
        row.account,
        key,
        policy=stored_policy(row.policy, arn),
        rule=ResourceRule.KEY,
        facts=_facts(key),
        grants=partial(grants.grants_for, row.account, row.pk, arn),
    )


def _opened(keyring: Keyring, name: KeyName, spec: str, listed: list[store.MaterialRow]) -> dict[str, Any]:
    """The materials that are held, as what they are used as. One that waits for its rotation opens nothing yet."""
    held = [
        (one.material_id, opened_material(keyring, name, one))
        for one in listed
        if one.held and one.state != store.PENDING_ROTATION
    ]
    if spec == SYMMETRIC:
        return {"materials": {material_id: Material(secret) for material_id, secret in held}}
    if not held:
        return {}
    secret = held[-1][1]
    return {"pair": KeyPair(secret)} if is_pair(spec) else {"mac": MacKey(spec, secret)}


def _first_end(listed: list[store.MaterialRow]) -> int | None:
    """When the first of the materials in use expires. Source: KMS API reference, KeyMetadata, ValidTo."""
    ends = [
        one.valid_to_ms
        for one in listed
        if one.held and one.valid_to_ms is not None and one.state != store.PENDING_ROTATION
    ]
    return min(ends, default=None)


def _regions(tx: Transaction, row: KeyRow) -> tuple[tuple[str, str], ...]:
    if row.multi_region is None:
        return ()
    related = store.related_keys(tx, row.account, row.key_id)
    return tuple((one.region, one.multi_region or "") for one in related)


def _load_alias(tx: Transaction, account: str, region: str, alias: str) -> KeyName:
    key_id = store.alias_target(tx, account, region, alias)
    if key_id is None:
        raise NoSuchKey
    return KeyName(account, region, key_id)


def _facts(key: Key) -> dict[str, ContextValue]:
    """The condition keys that a key brings. Source: facts, kms, section 15."""
    row = key.row
    facts = Kind(row.spec, row.usage, row.origin, row.multi_region).facts()
    facts["kms:resourcealiases"] = key.aliases
    return facts | by_name("aws:resourcetag/", key.tags.items())
