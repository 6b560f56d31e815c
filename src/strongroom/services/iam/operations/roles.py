"""Roles: who may assume them is their trust policy; what they may do is attached like a user's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from strongroom.kernel.authz import binding
from strongroom.kernel.authz.document import DocumentKind
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import making, persons, targets
from strongroom.services.iam.errors import DeleteConflictException, MalformedPolicyDocumentException
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import documents, forms, quotas
from strongroom.services.iam.rules.names import ROLE, Entity
from strongroom.services.iam.store import entities, holdings, instance_profiles, keys, roles, tags
from strongroom.services.iam.store.roles import Trust

_DEFAULT_SESSION_S = 3600


@operation("CreateRole", mode=Mode.WRITE, locate=targets.to_be_made(ROLE), keys=targets.creating, shown=("Role",))
def create_role(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """A new role without any permission. Source: API reference, CreateRole."""
    kept = _checked_trust(tx, call["AssumeRolePolicyDocument"])
    seconds = call.get("MaxSessionDuration", _DEFAULT_SESSION_S)
    trust = Trust(kept, timedelta(seconds=seconds))
    role = making.make(call, tx, ROLE, boundary=call.get("PermissionsBoundary"), description=call.get("Description"))
    roles.add(tx, role, trust)
    making.tag_new(call, tx, role)
    tx.raise_generation(call.account, GENERATION)
    return {"Role": in_full(tx, role)}


@operation("GetRole", mode=Mode.READ, locate=targets.at_name(ROLE))
def get_role(call: Call, role: Entity, tx: Transaction) -> Answer:  # noqa: ARG001
    """A role in full. Source: API reference, GetRole."""
    return {"Role": in_full(tx, role)}


@operation("ListRoles", mode=Mode.READ, locate=targets.listing_of(ROLE))
def list_roles(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Roles under a path, without tags, boundaries and last use. Source: API reference, ListRoles."""
    return making.listed(call, tx, ROLE, "Roles", lambda role: listed(tx, role))


@operation("UpdateRole", mode=Mode.WRITE, locate=targets.at_name(ROLE))
def update_role(call: Call, role: Entity, tx: Transaction) -> Answer:
    """Another description or session length; what is left out stays. Source: API reference, UpdateRole."""
    if call.get("Description") is not None:
        entities.set_description(tx, role, call["Description"])
    if call.get("MaxSessionDuration") is not None:
        longer = timedelta(seconds=call["MaxSessionDuration"])
        roles.save(tx, role.id, replace(roles.trust_of(tx, role.id), max_session=longer))
    tx.raise_generation(call.account, GENERATION)
    return {}


@operation("UpdateRoleDescription", mode=Mode.WRITE, locate=targets.at_name(ROLE), shown=("Role",))
def update_role_description(call: Call, role: Entity, tx: Transaction) -> Answer:
    """Another description; answers the role. Source: API reference, UpdateRoleDescription."""
    entities.set_description(tx, role, call["Description"])
    tx.raise_generation(call.account, GENERATION)
    return {"Role": in_full(tx, replace(role, description=call["Description"]))}


@operation("UpdateAssumeRolePolicy", mode=Mode.WRITE, locate=targets.at_name(ROLE))
def update_assume_role_policy(call: Call, role: Entity, tx: Transaction) -> Answer:
    """Another trust policy. Source: API reference, UpdateAssumeRolePolicy."""
    kept = _checked_trust(tx, call["PolicyDocument"])
    roles.save(tx, role.id, replace(roles.trust_of(tx, role.id), kept=kept))
    tx.raise_generation(call.account, GENERATION)
    return {}


@operation("DeleteRole", mode=Mode.WRITE, locate=targets.at_name(ROLE))
def delete_role(call: Call, role: Entity, tx: Transaction) -> Answer:
    """Delete a role that holds nothing.

    Source: API reference, DeleteRole; facts, iam, section 10, DeleteConflict.
    """
    for hanging, what in (
        (holdings.attached_to(tx, role.id), "detach all policies"),
        (holdings.inline_of(tx, role.id), "delete policies"),
        (instance_profiles.of_role(tx, role), "remove roles from instance profile"),
    ):
        if hanging:
            raise DeleteConflictException(f"Cannot delete entity, must {what} first.")
    tags.remove_all(tx, role.id)
    keys.forget_use(tx, role.id)
    roles.remove(tx, role)
    tx.raise_generation(call.account, GENERATION)
    return {}


def _checked_trust(tx: Transaction, text: str) -> str:
    """A trust policy checked, as it is stored: with which unique id each user and role in it stands for.

    Raises MalformedPolicyDocument where it names a user or role that is not there, in whatever account.
    """
    documents.checked(text, DocumentKind.TRUST, "trust")
    quotas.refuse_above(quotas.TRUST_CHARACTERS, quotas.characters(text))
    ids: dict[str, str] = {}
    for name in binding.people(text):
        found = persons.named(tx, name)
        if found is None:
            raise MalformedPolicyDocumentException(f'Invalid principal in policy: "AWS":"{name}"')
        ids[name] = found
    return binding.stored(text, ids)


def _shown(tx: Transaction, trust: Trust) -> str:
    _, ids = binding.given(trust.kept)
    return documents.encoded(binding.shown(trust.kept, persons.arns_of(tx, set(ids.values()))))


def listed(tx: Transaction, role: Entity) -> dict[str, Any]:
    """A role as lists show it."""
    trust = roles.trust_of(tx, role.id)
    return forms.listed_role(role, _shown(tx, trust), int(trust.max_session.total_seconds()))


def in_full(tx: Transaction, role: Entity) -> dict[str, Any]:
    """A role as GetRole answers it."""
    trust = roles.trust_of(tx, role.id)
    use = keys.use_of(tx, role.id)
    last_used = {} if use is None else {"LastUsedDate": use.used, "Region": use.region}
    seconds = int(trust.max_session.total_seconds())
    return forms.role(role, _shown(tx, trust), seconds, tags.of(tx, role.id), last_used)
