"""What users, groups and roles go through alike: being made, listed, renamed, tagged at birth, bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import managed, targets
from strongroom.services.iam.errors import EntityAlreadyExistsException, NoSuchEntityException
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.rules import forms, paging, quotas, tagging
from strongroom.services.iam.rules.names import AWS, INSTANCE_PROFILE, POLICY, Entity, Kind, arn_of, folded, mint_id
from strongroom.services.iam.rules.tagging import Tagged
from strongroom.services.iam.store import entities, tags


def make(
    call: Call, tx: Transaction, kind: Kind, *, boundary: str | None = None, description: str | None = None
) -> Entity:
    """A new entity as the request wants it, not stored yet: its name is free and the quota has room."""
    name: str = call[kind.member]
    refuse_taken(tx, call.account, kind, name)
    quotas.refuse_above(quotas.ENTITIES_PER_ACCOUNT[kind], entities.count(tx, call.account, kind) + 1)
    if boundary is not None:
        refuse_no_boundary(tx, call.account, boundary)
    return Entity(
        id=mint_id(kind, call.kernel.entropy),
        account=call.account,
        kind=kind,
        name=name,
        path=call.get("Path", "/"),
        created=call.now,
        boundary=boundary,
        description=description,
    )


def refuse_taken(tx: Transaction, account: str, kind: Kind, name: str) -> None:
    """Refuse a name that another entity has, in whatever case.

    Source: facts, iam, section 10, EntityAlreadyExists.
    """
    if entities.find(tx, account, kind, name) is None:
        return
    if kind is POLICY:
        raise EntityAlreadyExistsException(f"A policy called {name} already exists. Duplicate names are not allowed.")
    if kind is INSTANCE_PROFILE:
        raise EntityAlreadyExistsException(f"Instance Profile {name} already exists.")
    raise EntityAlreadyExistsException(f"{kind.noun} with name {name} already exists.")


def refuse_no_boundary(tx: Transaction, account: str, arn: str) -> None:
    """Refuse a boundary that is no managed policy of this account or of AWS."""
    name = targets.policy_name(arn)
    present = managed.policy(arn) if name.account == AWS else targets.find_policy(tx, name)
    if present is None or name.account not in (account, AWS):
        raise NoSuchEntityException(f"Scope ARN: {arn} does not exist or is not attachable.")


def tag_new(call: Call, tx: Transaction, one: Tagged) -> None:
    """Tag what was just stored, if the request passes tags: that is a permission of its own (iam:TagUser,
    ...).
    """
    asked = tagging.asked_tags(call.get("Tags"))
    if not asked:
        return
    tagging.refuse_too_many(one.noun, {}, asked)
    target = Target(arn=one.arn, account=one.account, named=one.arn)
    call.authorise(tx, f"iam:Tag{one.noun}", target, tagging.request_keys(asked))
    tags.put(tx, one.id, asked)


def listed(call: Call, tx: Transaction, kind: Kind, member: str, form: Callable[[Entity], dict[str, Any]]) -> Answer:
    """One page of all entities of a kind."""
    page = paging.asked_page(call)
    found = entities.page(tx, call.account, kind, prefix=call.get("PathPrefix", "/"), after=page.after, most=page.more)
    return paging.answer_page(call, page, member, found, forms.name_key, form)


def rename(call: Call, tx: Transaction, one: Entity, *, name: str | None, path: str | None) -> None:
    """Give an entity another name, another path, or both.

    Source: API reference, UpdateUser and UpdateGroup: the permission is needed on the old and on the new
    name.
    """
    name, path = name or one.name, path or one.path
    if (name, path) == (one.name, one.path):
        return
    arn = arn_of(one.account, one.kind, path, name)
    call.authorise(tx, f"iam:{call.name}", Target(arn=arn, account=one.account, named=arn))
    if folded(name) != folded(one.name):
        refuse_taken(tx, one.account, one.kind, name)
    entities.rename(tx, one, name, path)
    tx.raise_generation(one.account, GENERATION)
