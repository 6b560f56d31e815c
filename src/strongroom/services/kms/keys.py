"""A key as handlers see it: its row, its aliases and tags, its policy compiled, its material opened.

All of it is one entry of the cache, valid for as long as nothing of KMS changes in the key's account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from strongroom.base.clock import from_ms, to_ms
from strongroom.base.entropy import uuid4
from strongroom.kernel.authz.document import Document
from strongroom.kernel.authz.model import ContextValue, ResourceRule, by_name
from strongroom.kernel.call import Call, Target
from strongroom.kernel.sealing.envelope import MATERIAL_BYTES, Material, MessageHeader
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import store
from strongroom.services.kms.rules.context import SYMMETRIC
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.rules.policies import stored_policy
from strongroom.services.kms.rules.states import ENABLED
from strongroom.services.kms.store import KeyRow

PURPOSE = "kms-material"
_MATERIAL_ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """One key, ready for use. ``materials`` by id; ``header`` names the current one."""

    row: KeyRow
    arn: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    header: MessageHeader
    materials: Mapping[str, Material] = field(repr=False)

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
            "EncryptionAlgorithms": [SYMMETRIC],
            "MultiRegion": False,
            "CurrentKeyMaterialId": row.material_id,
        }
        if row.deletion_ms is not None:
            told["DeletionDate"] = from_ms(row.deletion_ms)
        return told


class NoSuchKey(LookupError):  # noqa: N818  a finding, not a failure
    """There is no such key or alias. Raised while a cache entry is made, so that absence is never kept."""


def key_target(call: Call, tx: Transaction, name: KeyName) -> Target:
    """The key as the target of a call, policy and facts included. Raises NoSuchKey."""
    keyring = call.kernel.keyring
    return tx.cached(
        name.account, store.GENERATION, ("key", name.region, name.id), lambda: _load(tx, keyring, name)
    )


def alias_target(tx: Transaction, account: str, region: str, alias: str) -> KeyName:
    """The key that an alias names. Raises NoSuchKey."""
    return tx.cached(
        account, store.GENERATION, ("alias", region, alias), lambda: _load_alias(tx, account, region, alias)
    )


def new_key(call: Call, tx: Transaction, account: str, *, description: str, manager: str, policy: str,
            name: KeyName) -> int:  # fmt: skip
    """Store a new symmetric key with new material, and answer its number."""
    entropy, keyring = call.kernel.entropy, call.kernel.keyring
    material_id = entropy.take(_MATERIAL_ID_BYTES).hex()
    now_ms = to_ms(call.now)
    row = KeyRow(0, account, name.region, name.id, now_ms, description, ENABLED, None, SYMMETRIC,
                 "ENCRYPT_DECRYPT", "AWS_KMS", manager, policy, material_id)  # fmt: skip
    pk = store.add_key(tx, row)
    secret = entropy.take(MATERIAL_BYTES)
    sealed = keyring.seal(PURPOSE, secret, bound_to(name, material_id))
    store.add_material(tx, pk, material_id, now_ms, sealed)
    return pk


def new_name(call: Call) -> KeyName:
    """A name for a new key in the caller's account and Region."""
    return KeyName(call.account, call.region, uuid4(call.kernel.entropy))


def _load(tx: Transaction, keyring: Keyring, name: KeyName) -> Target:
    row = store.key_row(tx, name.account, name.region, name.id)
    if row is None:
        raise NoSuchKey
    arn = name.arn
    tags, aliases = store.tags(tx, row.pk), tuple(store.alias_names(tx, row.pk))
    materials = {
        material_id: Material(keyring.open(PURPOSE, sealed, bound_to(name, material_id)))
        for material_id, sealed in store.materials(tx, row.pk)
    }
    header = MessageHeader(row.account, row.region, row.key_id, row.material_id or "")
    key = Key(row, arn, tags, aliases, header, materials)
    policy: Document = stored_policy(row.policy, arn)
    return Target(arn, row.account, key, policy=policy, rule=ResourceRule.KEY, facts=_facts(key))


def _load_alias(tx: Transaction, account: str, region: str, alias: str) -> KeyName:
    key_id = store.alias_target(tx, account, region, alias)
    if key_id is None:
        raise NoSuchKey
    return KeyName(account, region, key_id)


def _facts(key: Key) -> dict[str, ContextValue]:
    """The condition keys that a key brings. Source: facts, kms, section 15."""
    row = key.row
    facts: dict[str, ContextValue] = {
        "kms:keyspec": row.spec,
        "kms:keyusage": row.usage,
        "kms:keyorigin": row.origin,
        "kms:multiregion": "false",
        "kms:resourcealiases": key.aliases,
    }
    return facts | by_name("aws:resourcetag/", key.tags.items())


def bound_to(name: KeyName, material_id: str) -> bytes:
    """Material opens only as what it was sealed for: a row moved to another key's is a broken seal."""
    return f"{name.arn} {material_id}".encode()
