"""AWS managed keys: made when a service first needs one, in the transaction of the call that needs it.

Source: Secrets Manager User Guide, "Secret encryption and decryption"; facts, kms, section 9.
"""

from __future__ import annotations

from collections.abc import Callable

from strongroom.base.classes import dataclass
from strongroom.base.clock import to_ms
from strongroom.kernel.call import Call
from strongroom.kernel.storage.port import NeedsWrite, Transaction
from strongroom.services.kms import material, rotation, store
from strongroom.services.kms.rules.creation import Kind
from strongroom.services.kms.rules.identifiers import AliasName, KeyName
from strongroom.services.kms.rules.policies import secretsmanager_policy
from strongroom.services.kms.rules.specs import SYMMETRIC


@dataclass(frozen=True, slots=True)
class ManagedKey:
    """What is fixed about the key of a service. ``policy`` answers its text by account and Region."""

    service: str
    description: str
    policy: Callable[[str, str], str]


MANAGED = {
    "alias/aws/secretsmanager": ManagedKey(
        "secretsmanager.amazonaws.com",
        "Default key that protects my Secrets Manager data when no other key is defined",
        secretsmanager_policy,
    ),
}


def made_for(call: Call, alias: AliasName) -> bool:
    """Whether this call may bring the alias's key into being, in the caller's own account.

    Its service's calls do, and DescribeKey of the predefined alias does.
    Source: KMS API reference, DescribeKey ("a predefined AWS alias ... KMS creates an AWS managed key").
    """
    known = MANAGED.get(alias.name)
    if known is None or alias.account != call.account:
        return False
    return call.invoked_by == known.service or call.name == "DescribeKey"


def make(call: Call, tx: Transaction, alias: AliasName) -> KeyName:
    """Make the key behind a known alias, and the alias. Raises NeedsWrite in a reading transaction."""
    if not tx.writable:
        raise NeedsWrite
    known = MANAGED[alias.name]
    name = KeyName(alias.account, alias.region, material.new_name(call).id)
    pk = material.new_key(
        call,
        tx,
        Kind(),
        description=known.description,
        manager="AWS",
        policy=known.policy(alias.account, alias.region),
        name=name,
        secret=material.made_material(SYMMETRIC, call.kernel.entropy),
    )
    rotation.begin(tx, store.key_row_by_pk(tx, pk), rotation.USUAL_DAYS, call.now)
    store.add_alias(tx, alias.account, alias.region, alias.name, key_pk=pk, now_ms=to_ms(call.now))
    return name
