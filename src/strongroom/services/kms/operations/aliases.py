"""Aliases: other names for keys, one key each.

Every change is allowed twice: on the alias by identity policies, and on the key by its policy.
Source: KMS Developer Guide, "Controlling access to aliases".
"""

from __future__ import annotations

from typing import Any

from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.authz.model import ResourceRule
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, keys, managed, store
from strongroom.services.kms.keys import Key, NoSuchKey
from strongroom.services.kms.locate import absent, key_named, named
from strongroom.services.kms.paging import Page
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import caller_keys
from strongroom.services.kms.rules.identifiers import (
    ALIAS_PREFIX,
    AliasName,
    KeyName,
    alias_name,
    read_key_id,
)
from strongroom.services.kms.rules.specs import SYMMETRIC
from strongroom.services.kms.rules.states import check_state

ALIASES_OF_A_KEY_AT_MOST = 50


def new_target(call: Call, tx: Transaction) -> Target:
    """The key that TargetKeyId names, in the caller's own account. An alias is no target."""
    text = call["TargetKeyId"]
    if text.startswith(ALIAS_PREFIX):
        raise errors.invalid(errors.ALIAS_OF_ALIAS)
    name = read_key_id(text, account=call.account, region=call.region, aliases=False)
    if isinstance(name, KeyName) and name.account == call.account:
        return named(call, tx, name)
    raise errors.missing_key(text)  # our choice: aliases name keys of their own account only


def present_target(call: Call, tx: Transaction) -> Target:
    """The key that the named alias names now."""
    alias = _alias(call)
    try:
        return named(call, tx, keys.alias_target(tx, alias.account, alias.region, alias.name))
    except NoSuchKey:
        return absent(call, alias)


def listed_target(call: Call, tx: Transaction) -> Target:
    """``*``: ListAliases is decided for the account. The key that it may be narrowed to is looked up too."""
    found = None
    text = call.get("KeyId")
    if text is not None:
        target = key_named(call, tx, text)
        found = target.found
        if found is None or target.account != call.account:
            return Target("*", call.account, missing=target.missing or errors.missing_key(target.arn))
    return Target("*", call.account, found)


@operation("CreateAlias", mode=Mode.WRITE, locate=new_target)
def create_alias(call: Call, key: Key, tx: Transaction) -> Answer:
    """Give a key another name. Source: KMS API reference, CreateAlias."""
    alias = _alias(call)
    _authorise_alias(call, tx, alias)
    check_state(call.name, key.row.state, key.arn)
    if store.alias_target(tx, alias.account, alias.region, alias.name) is not None:
        raise errors.AlreadyExistsException(f"An alias with the name {alias.arn} already exists")
    _check_quota(key)
    store.add_alias(tx, alias.account, alias.region, alias.name, key_pk=key.row.pk, now_ms=to_ms(call.now))
    return {}


@operation("UpdateAlias", mode=Mode.WRITE, locate=present_target)
def update_alias(call: Call, old: Key, tx: Transaction) -> Answer:
    """Let an alias name another key; allowed on the alias, the old key and the new one.

    Source: KMS API reference, UpdateAlias.
    """
    alias = _alias(call)
    _authorise_alias(call, tx, alias)
    target = new_target(call, tx)
    call.authorise(tx, "kms:UpdateAlias", target, caller_keys(call, target))
    if target.found is None:
        raise target.missing or errors.missing_key(target.arn)
    new: Key = target.found
    check_state(call.name, new.row.state, new.arn)
    if new.row.usage != old.row.usage or (new.row.spec == SYMMETRIC) != (old.row.spec == SYMMETRIC):
        raise errors.invalid(errors.OTHER_TYPE)
    if new.row.pk != old.row.pk:
        _check_quota(new)
    store.point_alias(tx, alias.account, alias.region, alias.name, key_pk=new.row.pk, now_ms=to_ms(call.now))
    return {}


@operation("DeleteAlias", mode=Mode.WRITE, locate=present_target)
def delete_alias(call: Call, key: Key, tx: Transaction) -> Answer:
    """Take a name away; the key stays. Source: KMS API reference, DeleteAlias."""
    alias = _alias(call)
    _authorise_alias(call, tx, alias)
    check_state(call.name, key.row.state, key.arn)
    store.drop_alias(tx, alias.account, alias.region, alias.name)
    return {}


@operation("ListAliases", mode=Mode.READ, locate=listed_target)
def list_aliases(call: Call, key: Key | None, tx: Transaction) -> Answer:
    """The aliases of the account in this Region by name, or of one key.

    The names of AWS managed keys are listed before their keys exist, without a target.
    Source: KMS API reference, ListAliases; facts, kms, section 9.
    """
    page = Page(call, usual=50, of=key.arn if key else "")
    of_key = key.row.pk if key else None
    rows = store.aliases(tx, call.account, call.region, of_key=of_key, after=page.after, limit=page.limit + 1)
    told: dict[str, dict[str, Any]] = {}
    if key is None:
        told = {name: _listed(call, name) for name in managed.MANAGED if name > page.after}
    for row in rows:
        told[row.name] = _listed(call, row.name) | {
            "TargetKeyId": row.key_id,
            "CreationDate": from_ms(row.created_ms),
            "LastUpdatedDate": from_ms(row.updated_ms),
        }
    names = sorted(told)
    return {"Aliases": [told[name] for name in names[: page.limit]], **page.rest(names)}


def _alias(call: Call) -> AliasName:
    return alias_name(call["AliasName"], account=call.account, region=call.region)


def _authorise_alias(call: Call, tx: Transaction, alias: AliasName) -> None:
    target = Target(alias.arn, alias.account, rule=ResourceRule.NONE)
    call.authorise(tx, f"kms:{call.name}", target, caller_keys(call, target))


def _check_quota(key: Key) -> None:
    if len(key.aliases) >= ALIASES_OF_A_KEY_AT_MOST:
        raise errors.LimitExceededException(errors.TOO_MANY_ALIASES)


def _listed(call: Call, name: str) -> dict[str, Any]:
    return {"AliasName": name, "AliasArn": AliasName(call.account, call.region, name).arn}
