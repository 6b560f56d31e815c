"""Multi-Region keys: one id and one material in several Regions, each with a policy, tags and state of its own.

All Regions of a deployment lie in one store, so a replica is there, and a primary changed, when the call is answered.
Source: KMS Developer Guide, "Multi-Region keys in AWS KMS" (facts: kms, section 13).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from strongroom.base.clock import to_ms
from strongroom.base.refusals import Refusal
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.jobs import due
from strongroom.kernel.model.regions import aws_regions
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms import errors, keys, material, rotation, store
from strongroom.services.kms.keys import Key
from strongroom.services.kms.locate import key_at, named
from strongroom.services.kms.lockout import bound_policy, check_lockout
from strongroom.services.kms.operations.keys import KEYS_AT_MOST
from strongroom.services.kms.room import operation
from strongroom.services.kms.rules.context import caller_keys, tag_keys
from strongroom.services.kms.rules.creation import EXTERNAL, PRIMARY, REPLICA, Kind
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.rules.policies import default_policy, read_policy
from strongroom.services.kms.rules.states import CREATING, ENABLED, PENDING_IMPORT, check_state
from strongroom.services.kms.rules.tags import read_tags
from strongroom.services.kms.store import KeyRow

KNOWN = aws_regions()


def replica_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of ReplicateKey."""
    return {**tag_keys(call, target), "kms:replicaregion": call["ReplicaRegion"]}


def primary_keys(call: Call, target: Target) -> dict[str, ContextValue]:
    """The condition keys of UpdatePrimaryRegion."""
    return caller_keys(call, target) | {"kms:primaryregion": call["PrimaryRegion"]}


@operation(
    "ReplicateKey", mode=Mode.WRITE, locate=key_at(), keys=replica_keys, shown=("ReplicaKeyMetadata", "ReplicaTags")
)
def replicate_key(call: Call, key: Key, tx: Transaction) -> Answer:
    """Put a related key into another Region. The answer tells it as being created, as AWS's does; it can be used
    at once all the same.

    Demands kms:CreateKey in that Region too, and kms:TagResource where tags are given.
    Source: KMS API reference, ReplicateKey.
    """
    _check_primary(key)
    check_state(call.name, key.row.state, key.arn)
    region = call["ReplicaRegion"]
    if region not in KNOWN:
        raise errors.UnsupportedOperationException(f"{region} is not a Region of this deployment.")  # our choice
    name = KeyName(key.row.account, region, key.row.key_id)
    if region in dict(key.regions):
        raise errors.AlreadyExistsException(f"{name.arn} already exists.")  # our choice of text
    tags = read_tags(call.get("Tags") or ())
    there = _in_region(call, region)
    _authorise_creation(call, there, tx, key, name, bool(tags))
    text = call.get("Policy")
    if text is None:
        text = default_policy(name.account)
    else:
        check_lockout(there, tx, read_policy(text, name.arn), Target(name.arn, name.account))
    kept = bound_policy(call, tx, text)
    if store.count_customer_keys(tx, name.account, region) >= KEYS_AT_MOST:
        raise errors.LimitExceededException(errors.TOO_MANY_KEYS)
    pk = _copied(call, tx, key, name, kept)
    if tags:
        store.write_tags(tx, name.account, pk, tags)
    call.tell(rotation.SYNCHRONISED, account=key.row.account, details={"keyId": key.arn})
    made: Key = keys.key_target(there, tx, name).found
    told = made.metadata() | {"KeyState": CREATING, "Enabled": False}
    told.pop("CurrentKeyMaterialId", None)
    listed = [{"TagKey": each, "TagValue": value} for each, value in tags.items()]
    return {"ReplicaKeyMetadata": told, "ReplicaPolicy": text} | ({"ReplicaTags": listed} if listed else {})


@operation("UpdatePrimaryRegion", mode=Mode.WRITE, locate=key_at(), keys=primary_keys)
def update_primary_region(call: Call, key: Key, tx: Transaction) -> Answer:
    """Make a replica the primary, and the primary a replica. Demands kms:UpdatePrimaryRegion on both.

    Source: KMS API reference, UpdatePrimaryRegion.
    """
    _check_primary(key)
    check_state(call.name, key.row.state, key.arn)
    region = call["PrimaryRegion"]
    if region == key.row.region:
        raise errors.UnsupportedOperationException(f"{key.arn} is the primary key already.")  # our choice
    there = _in_region(call, region)
    target = named(there, tx, KeyName(key.row.account, region, key.row.key_id))
    _authorise(call, there, tx, "kms:UpdatePrimaryRegion", target, primary_keys(call, target))
    if target.found is None:
        raise target.missing or errors.missing_key(target.arn)
    other: Key = target.found
    check_state(call.name, other.row.state, other.arn)
    store.change_key(tx, key.row.account, key.row.pk, multi_region=REPLICA)
    store.change_key(tx, key.row.account, other.row.pk, multi_region=PRIMARY, on_demand=key.row.on_demand)
    due.cancel(tx, rotation.ROTATE_KEY, str(key.row.pk))
    now_primary = store.key_row_by_pk(tx, other.row.pk)
    if now_primary is not None:
        rotation.wake(tx, now_primary)
    return {}


def _check_primary(key: Key) -> None:
    if key.row.multi_region != PRIMARY:
        raise errors.UnsupportedOperationException(errors.NOT_PRIMARY.format(key.arn))


def _in_region(call: Call, region: str) -> Call:
    """The same call as it looks in another Region; it shares the records of calls on behalf."""
    return replace(call, region=region)


def _authorise(
    call: Call, there: Call, tx: Transaction, action: str, target: Target, keys: Mapping[str, ContextValue]
) -> None:
    """Demand a permission in another Region; the record of the call tells its denial."""
    try:
        there.authorise(tx, action, target, keys)
    except Refusal:
        call.decision, call.denial = there.decision, there.denial
        raise
    call.also = (*call.also, action)


def _authorise_creation(call: Call, there: Call, tx: Transaction, key: Key, name: KeyName, tagged: bool) -> None:
    facts: Mapping[str, ContextValue] = Kind(key.row.spec, key.row.usage, key.row.origin, REPLICA).facts()
    anywhere = Target("*", there.account)
    _authorise(call, there, tx, "kms:CreateKey", anywhere, {**tag_keys(there, anywhere), **facts})
    if tagged:
        new = Target(name.arn, name.account, facts=facts)
        _authorise(call, there, tx, "kms:TagResource", new, tag_keys(there, new))


def _copied(call: Call, tx: Transaction, key: Key, name: KeyName, policy: str) -> int:
    """The replica's row with the primary's material, sealed anew for it; imported material must be imported again."""
    row, now_ms = key.row, to_ms(call.now)
    waits = row.origin == EXTERNAL
    copy = KeyRow(0, name.account, name.region, name.id, now_ms, call.get("Description") or "",
                  PENDING_IMPORT if waits else ENABLED, None, row.spec, row.usage, row.origin, row.manager, policy,
                  None if waits else row.material_id, REPLICA, None, row.rotation_days, row.rotation_ms)  # fmt: skip
    pk = store.add_key(tx, copy)
    for one in [] if waits else store.material_rows(tx, row.pk):
        secret = material.opened_material(call.kernel.keyring, key.name, one)
        sealed = material.sealed_material(call.kernel.keyring, name, one.material_id, secret)
        store.add_material(tx, name.account, one._replace(key_pk=pk, sealed=sealed))
    return pk
