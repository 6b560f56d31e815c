"""What a call is about: the locators, and the condition keys that a request brings.

A name that does not resolve is decided upon as if it stood at the path ``/``; only who is allowed learns that
it is not there. ``named`` is how AWS prints the resource in a refusal (facts, iam, section 9).
"""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.authz.principal import PrincipalKind
from strongroom.kernel.call import Call, Target
from strongroom.kernel.registry import Locator
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import managed
from strongroom.services.iam.errors import invalid, no_such_entity, no_such_key, no_such_policy
from strongroom.services.iam.rules import tagging
from strongroom.services.iam.rules.names import (
    AWS,
    POLICY,
    USER,
    Entity,
    EntityName,
    Kind,
    arn_of,
    parse_entity_arn,
)
from strongroom.services.iam.store import entities, keys, policies, tags


def at_name(kind: Kind) -> Locator:
    """The locator of operations on an entity that the request must name."""

    def locate(call: Call, tx: Transaction) -> Target:
        return named_target(tx, call.account, kind, call[kind.member])

    return locate


def at_user_or_caller(call: Call, tx: Transaction) -> Target:
    """The user that the request names, else the caller. Raises ValidationError where the caller is no user.

    Source: API reference, GetUser, CreateAccessKey: UserName defaults to the user whose key signed.
    """
    return named_target(tx, call.account, USER, call.get("UserName") or caller_name(call))


def caller_name(call: Call) -> str:
    """The name of the user who calls."""
    if call.principal.kind is not PrincipalKind.USER:
        raise invalid("Must specify userName when calling with non-User credentials")
    return call.principal.name


def named_target(tx: Transaction, account: str, kind: Kind, name: str) -> Target:
    """The target of an entity's name, found or not."""
    found = entities.find(tx, account, kind, name)
    if found is None:
        arn, missing = arn_of(account, kind, "/", name), no_such_entity(kind, name)
        return Target(arn=arn, account=account, named=f"{kind.word} {name}", missing=missing)
    return entity_target(tx, found)


def entity_target(tx: Transaction, found: Entity) -> Target:
    """The target of an entity that is there."""
    return Target(
        arn=found.arn,
        account=found.account,
        found=found,
        named=f"{found.kind.word} {found.name}",
        facts=tagging.resource_keys(tags.of(tx, found.id)),
    )


def to_be_made(kind: Kind) -> Locator:
    """The locator of operations that make an entity: the ARN that it will have."""

    def locate(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
        arn = arn_of(call.account, kind, call.get("Path", "/"), call[kind.member])
        return Target(arn=arn, account=call.account, named=f"policy {call[kind.member]}" if kind is POLICY else arn)

    return locate


def listing_of(kind: Kind) -> Locator:
    """The locator of lists: the path prefix as the start of an ARN, which AWS prints so."""

    def locate(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
        prefix = call.get("PathPrefix", "/")
        arn = arn_of(call.account, kind, prefix, "")
        return Target(arn=arn, account=call.account, named=f"policy path {prefix}" if kind is POLICY else arn)

    return locate


def at_policy(call: Call, tx: Transaction) -> Target:
    """The managed policy of ``PolicyArn``: of the account, or of AWS (which is there for every account)."""
    arn: str = call["PolicyArn"]
    name = policy_name(arn)
    named = f"policy {arn}"
    if name.account == AWS:
        aws = managed.policy(arn)
        return Target(arn=arn, account=call.account, found=aws, named=named, missing=no_such_policy(arn))
    found = find_policy(tx, name)
    if found is None:
        return Target(arn=arn, account=name.account, named=named, missing=no_such_policy(arn))
    facts = tagging.resource_keys(tags.of(tx, found.entity.id))
    return Target(arn=arn, account=name.account, found=found, named=named, facts=facts)


def policy_name(arn: str) -> EntityName:
    """A managed policy's ARN taken apart. Raises ValidationError where it is none."""
    name = parse_entity_arn(arn)
    if name is None or name.kind is not POLICY:
        raise invalid(f"ARN {arn} is not valid.")
    return name


def find_policy(tx: Transaction, name: EntityName) -> policies.Policy | None:
    """An account's own policy of exactly this name and path."""
    found = policies.find(tx, name.account, name.name)
    exact = found is not None and (found.entity.path, found.entity.name) == (name.path, name.name)
    return found if exact else None


def at_key(call: Call, tx: Transaction) -> Target:
    """The user of ``AccessKeyId``, for the one operation that names a key and no user."""
    key = keys.find(tx, call["AccessKeyId"])
    user = None if key is None or key.account != call.account else entities.by_id(tx, key.user_id)
    if user is None:
        missing = no_such_key(call["AccessKeyId"])
        return Target(arn="*", account=call.account, missing=missing)
    return entity_target(tx, user)


def tags_asked(call: Call, target: Target) -> Mapping[str, ContextValue]:  # noqa: ARG001
    """aws:RequestTag and aws:TagKeys of what the request passes in ``Tags`` or ``TagKeys``."""
    asked = tagging.request_keys(tagging.asked_tags(call.get("Tags")))
    untagged = call.get("TagKeys")
    return asked if untagged is None else {"aws:tagkeys": tuple(untagged)}


def creating(call: Call, target: Target) -> Mapping[str, ContextValue]:
    """The condition keys of a request that makes a user or role."""
    asked = dict(tags_asked(call, target))
    if call.get("PermissionsBoundary") is not None:
        asked["iam:permissionsboundary"] = call["PermissionsBoundary"]
    return asked


def boundary_asked(call: Call, target: Target) -> Mapping[str, ContextValue]:  # noqa: ARG001
    """iam:PermissionsBoundary as the request wants it set."""
    return {"iam:permissionsboundary": call["PermissionsBoundary"]}


def boundary_held(call: Call, target: Target) -> Mapping[str, ContextValue]:  # noqa: ARG001
    """iam:PermissionsBoundary as the entity has it now; absent where it has none."""
    found = target.found
    held = isinstance(found, Entity) and found.boundary
    return {"iam:permissionsboundary": found.boundary} if held else {}


def attaching(call: Call, target: Target) -> Mapping[str, ContextValue]:
    """iam:PolicyARN of the policy to be attached or detached, and the entity's boundary."""
    return {**boundary_held(call, target), "iam:policyarn": call["PolicyArn"]}
