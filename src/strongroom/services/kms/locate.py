"""Locators: from a request's KeyId to the target of a decision.

A key of the caller's own account that is not there is decided by identity policies alone, so that who may
use keys is told that there is none. Another account's is decided as a key without a policy, that is, denied:
absence and lack of permission look the same. Source: facts, kms, section 2.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from strongroom.kernel.authz.model import ResourceRule
from strongroom.kernel.call import Call, Target
from strongroom.kernel.registry import Locator
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, keys, managed
from strongroom.services.kms.keys import NoSuchKey
from strongroom.services.kms.rules.identifiers import AliasName, KeyName, read_key_id

THIS, THIS_CIPHERTEXT = "on this resource", "on the resource associated with this ciphertext"
UNSEEN = (
    "because the resource does not exist in this Region, no resource-based policies allow access, "
    "or a resource-based policy explicitly denies access"
)
"""What a refusal says of a key that is another account's, or is not there. Source: facts, iam, section 9."""


def key_at(member: str = "KeyId", *, aliases: bool = False) -> Locator:
    """The key that a parameter names; cryptographic operations and DescribeKey take aliases too."""

    def locate(call: Call, tx: Transaction) -> Target:
        return key_named(call, tx, call[member], aliases=aliases)

    return locate


def key_named(call: Call, tx: Transaction, text: str, *, aliases: bool = False) -> Target:
    """The key that a text names, as the target of this call, whether there or not.

    A refusal prints the ARN where the caller gave one, else ``on this resource``. Source: facts, iam, section 9.
    """
    name = read_key_id(text, account=call.account, region=call.region, aliases=aliases)
    where = None if text.startswith("arn:") and isinstance(name, KeyName) else THIS
    if isinstance(name, KeyName):
        found = named(call, tx, name)
        return found if where is None or found.where is not None else replace(found, where=where)
    with suppress(NoSuchKey):
        return keys.aliased(tx, name, call.account, lambda: _aliased(call, tx, name))
    try:
        key_name = keys.alias_target(tx, name.account, name.region, name.name)
    except NoSuchKey:
        if not managed.made_for(call, name):
            return absent(call, name)
        key_name = managed.make(call, tx, name)
    return _by_alias(named(call, tx, key_name), name)


def _aliased(call: Call, tx: Transaction, name: AliasName) -> Target:
    """The key of an alias. Raises NoSuchKey where either is not there."""
    key_name = keys.alias_target(tx, name.account, name.region, name.name)
    keys.key_target(call, tx, key_name)
    return _by_alias(named(call, tx, key_name), name)


def _by_alias(found: Target, name: AliasName) -> Target:
    return replace(found, facts={**found.facts, "kms:requestalias": name.name}, where=THIS)


def named(call: Call, tx: Transaction, name: KeyName) -> Target:
    """The key of a name, whether there or not."""
    try:
        found = keys.key_target(call, tx, name)
    except NoSuchKey:
        return absent(call, name)
    # Another account's key and one that is not there are refused in the same words.
    return found if name.account == call.account else replace(found, where=THIS, unseen=UNSEEN)


def absent(call: Call, name: KeyName | AliasName) -> Target:
    """A key or alias that is not there."""
    missing = errors.missing_key(name.arn) if isinstance(name, KeyName) else errors.missing_alias(name.arn)
    rule = ResourceRule.NONE if name.account == call.account else ResourceRule.KEY
    return Target(name.arn, name.account, missing=missing, rule=rule, where=THIS, unseen=UNSEEN)
