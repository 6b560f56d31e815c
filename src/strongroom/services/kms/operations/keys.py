"""Keys as such: made, described, listed, switched off and on."""

from __future__ import annotations

from typing import Any

from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode, everything
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, keys, material, rotation, store
from strongroom.services.kms.keys import Key
from strongroom.services.kms.locate import key_at
from strongroom.services.kms.lockout import bound_policy, check_lockout
from strongroom.services.kms.paging import Page
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules import creation
from strongroom.services.kms.rules.context import tag_keys
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.rules.policies import default_policy, read_policy
from strongroom.services.kms.rules.states import DISABLED, ENABLED, check_state
from strongroom.services.kms.rules.tags import read_tags
from strongroom.services.kms.use import check_tokens

KEYS_AT_MOST = 100_000
"""Customer managed keys of an account in a Region. Source: KMS Developer Guide, "Resource quotas"."""


def creation_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of CreateKey."""
    bypass = "true" if call.get("BypassPolicyLockoutSafetyCheck") else "false"
    asked = {"kms:bypasspolicylockoutsafetycheck": bypass}
    return {**tag_keys(call, target), **creation.asked(call.params).facts(), **asked}


@operation("CreateKey", mode=Mode.SLOW_WRITE, locate=everything, keys=creation_keys, shown=("KeyMetadata",))
def create_key(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Make a key, with new material or waiting for its import.

    Source: KMS API reference, CreateKey; it also demands kms:TagResource where tags are given.
    """
    kind = creation.wanted(call.params)
    tags = read_tags(call.get("Tags") or ())
    if store.count_customer_keys(tx, call.account, call.region) >= KEYS_AT_MOST:
        raise errors.LimitExceededException(errors.TOO_MANY_KEYS)
    name = material.new_name(call, multi_region=kind.multi_region is not None)
    if tags:
        new = Target(name.arn, name.account, facts=kind.facts())
        call.authorise(tx, "kms:TagResource", new, tag_keys(call, new))
    text = call.get("Policy")
    if text is None:
        text = default_policy(call.account)
    else:
        check_lockout(call, tx, read_policy(text, name.arn), Target(name.arn, name.account))
        text = bound_policy(call, tx, text)
    # Making an RSA key takes up to seconds: in the first attempt, before the write queue.
    secret = None
    if kind.origin != creation.EXTERNAL:
        secret = call.once("material", lambda: material.made_material(kind.spec, call.kernel.entropy))
    pk = material.new_key(
        call,
        tx,
        kind,
        description=call.get("Description") or "",
        manager="CUSTOMER",
        policy=text,
        name=name,
        secret=secret,
    )
    if tags:
        store.write_tags(tx, call.account, pk, tags)
    made: Key = keys.key_target(call, tx, name).found
    return {"KeyMetadata": made.metadata()}


@operation("DescribeKey", mode=Mode.READ, locate=key_at(aliases=True))
def describe_key(call: Call, key: Key, tx: Transaction) -> Answer:
    """Everything about a key but its policy, tags and material. Source: KMS API reference, DescribeKey."""
    check_tokens(call, tx, key)
    return {"KeyMetadata": key.metadata()}


@operation("ListKeys", mode=Mode.READ)
def list_keys(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """The keys of the account in this Region, by id; no other account shares any here.

    Source: KMS API reference, ListKeys.
    """
    page = Page(call, usual=100)
    if "SELF" not in (call.get("ResourceOwners") or ("SELF",)):
        return {"Keys": [], "Truncated": False}
    ids = store.key_ids(tx, call.account, call.region, after=page.after, limit=page.limit + 1)
    listed = [
        {"KeyId": key_id, "KeyArn": KeyName(call.account, call.region, key_id).arn} for key_id in ids[: page.limit]
    ]
    return {"Keys": listed, **page.rest(ids)}


@operation("UpdateKeyDescription", mode=Mode.WRITE, locate=key_at())
def update_key_description(call: Call, key: Key, tx: Transaction) -> Answer:
    """Set the description. Source: KMS API reference, UpdateKeyDescription."""
    check_state(call.name, key.row.state, key.arn)
    store.change_key(tx, key.row.account, key.row.pk, description=call["Description"])
    return {}


@operation("EnableKey", mode=Mode.WRITE, locate=key_at())
def enable_key(call: Call, key: Key, tx: Transaction) -> Answer:
    """Let a disabled key be used again; an enabled one stays so. Source: KMS API reference, EnableKey."""
    return _switch(call, key, tx, ENABLED)


@operation("DisableKey", mode=Mode.WRITE, locate=key_at())
def disable_key(call: Call, key: Key, tx: Transaction) -> Answer:
    """Stop every use of a key until it is enabled. Source: KMS API reference, DisableKey."""
    return _switch(call, key, tx, DISABLED)


def _switch(call: Call, key: Key, tx: Transaction, state: str) -> dict[str, Any]:
    check_state(call.name, key.row.state, key.arn)
    if key.row.state != state:
        store.change_key(tx, key.row.account, key.row.pk, state=state)
        if state == ENABLED:
            rotation.wake(tx, key.row)
    return {}
