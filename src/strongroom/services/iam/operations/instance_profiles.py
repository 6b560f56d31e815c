"""Instance profiles: a name under which a machine would get a role. They are kept and shown; no machine asks here."""

from __future__ import annotations

from typing import Any

from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import making, targets
from strongroom.services.iam.errors import DeleteConflictException, NoSuchEntityException, no_such
from strongroom.services.iam.operations import roles as role_operations
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import forms, paging, quotas, tagging
from strongroom.services.iam.rules.names import INSTANCE_PROFILE, ROLE, Entity
from strongroom.services.iam.store import entities, instance_profiles, tags

_AT = targets.at_name(INSTANCE_PROFILE)


@operation(
    "CreateInstanceProfile",
    mode=Mode.WRITE,
    locate=targets.to_be_made(INSTANCE_PROFILE),
    keys=targets.tags_asked,
    shown=("InstanceProfile",),
)
def create_instance_profile(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """A new instance profile without a role. Source: API reference, CreateInstanceProfile."""
    profile = making.make(call, tx, INSTANCE_PROFILE)
    entities.add(tx, profile)
    making.tag_new(call, tx, profile)
    return {"InstanceProfile": in_full(tx, profile)}


@operation("GetInstanceProfile", mode=Mode.READ, locate=_AT)
def get_instance_profile(call: Call, profile: Entity, tx: Transaction) -> Answer:  # noqa: ARG001
    """One instance profile with its role and tags. Source: API reference, GetInstanceProfile."""
    return {"InstanceProfile": in_full(tx, profile)}


@operation("ListInstanceProfiles", mode=Mode.READ, locate=targets.listing_of(INSTANCE_PROFILE))
def list_instance_profiles(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Instance profiles under a path, without tags. Source: API reference, ListInstanceProfiles."""
    return making.listed(call, tx, INSTANCE_PROFILE, "InstanceProfiles", lambda one: form(tx, one))


@operation("ListInstanceProfilesForRole", mode=Mode.READ, locate=targets.at_name(ROLE))
def list_instance_profiles_for_role(call: Call, role: Entity, tx: Transaction) -> Answer:
    """The instance profiles that have a role. Source: API reference, ListInstanceProfilesForRole."""
    page = paging.asked_page(call)
    shown = paging.cut(page, instance_profiles.of_role(tx, role), forms.name_key)
    return paging.answer_page(call, page, "InstanceProfiles", shown, forms.name_key, lambda one: form(tx, one))


@operation("AddRoleToInstanceProfile", mode=Mode.WRITE, locate=_AT)
def add_role_to_instance_profile(call: Call, profile: Entity, tx: Transaction) -> Answer:
    """Give an instance profile its one role: the caller must be allowed to pass it.

    Source: API reference, AddRoleToInstanceProfile: needs iam:PassRole on the role. Its trust is not asked, and
    AWS does not ask it either.
    """
    role = entities.find(tx, call.account, ROLE, call["RoleName"])
    target = targets.named_target(tx, call.account, ROLE, call["RoleName"])
    call.authorise(
        tx,
        "iam:PassRole",
        Target(arn=target.arn, account=call.account, named=target.arn),
        {"iam:passedtoservice": "ec2.amazonaws.com"},
    )
    if role is None:
        raise no_such(ROLE.word, call["RoleName"])
    if instance_profiles.role_of(tx, profile) is not None:
        quotas.refuse_above(quotas.ROLES_OF_PROFILE, 2)
    instance_profiles.add(tx, profile, role)
    return {}


@operation("RemoveRoleFromInstanceProfile", mode=Mode.WRITE, locate=_AT)
def remove_role_from_instance_profile(call: Call, profile: Entity, tx: Transaction) -> Answer:
    """Take the role off. Source: API reference, RemoveRoleFromInstanceProfile."""
    role = entities.find(tx, call.account, ROLE, call["RoleName"])
    if role is None or not instance_profiles.remove(tx, profile, role):
        name = call["RoleName"]
        raise NoSuchEntityException(f"The role with name {name} cannot be found in instance profile {profile.name}.")
    return {}


@operation("DeleteInstanceProfile", mode=Mode.WRITE, locate=_AT)
def delete_instance_profile(call: Call, profile: Entity, tx: Transaction) -> Answer:
    """Delete an instance profile without a role. Source: API reference; facts, iam, section 10."""
    if instance_profiles.role_of(tx, profile) is not None:
        raise DeleteConflictException("Cannot delete entity, must remove roles from instance profile first.")
    tags.remove_all(tx, profile.id)
    entities.remove(tx, profile)
    tx.raise_generation(call.account, GENERATION)
    return {}


def form(tx: Transaction, profile: Entity) -> dict[str, Any]:
    """An instance profile as lists show it. Source: API reference, data type InstanceProfile."""
    role = instance_profiles.role_of(tx, profile)
    roles = [] if role is None else [role_operations.listed(tx, role)]
    return forms.common(profile) | {"Roles": roles}


def in_full(tx: Transaction, profile: Entity) -> dict[str, Any]:
    """An instance profile with its tags."""
    held = tags.of(tx, profile.id)
    return form(tx, profile) | ({"Tags": tagging.wire_form(held)} if held else {})
