"""Groups and who is in them."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import making, targets
from strongroom.services.iam.errors import DeleteConflictException, no_such
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import forms, paging, quotas
from strongroom.services.iam.rules.names import GROUP, USER, Entity
from strongroom.services.iam.store import entities, holdings, members


@operation("CreateGroup", mode=Mode.WRITE, locate=targets.to_be_made(GROUP), shown=("Group",))
def create_group(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """A new group. Source: API reference, CreateGroup."""
    group = making.make(call, tx, GROUP)
    entities.add(tx, group)
    tx.raise_generation(call.account, GENERATION)
    return {"Group": forms.group(group)}


@operation("GetGroup", mode=Mode.READ, locate=targets.at_name(GROUP))
def get_group(call: Call, group: Entity, tx: Transaction) -> Answer:
    """A group with one page of its users. Source: API reference, GetGroup."""
    page = paging.asked_page(call)
    users = members.users_in(tx, group.id, after=page.after, most=page.more)
    listed = paging.answer_page(call, page, "Users", users, forms.name_key, forms.listed_user)
    return {"Group": forms.group(group), **listed}


@operation("ListGroups", mode=Mode.READ, locate=targets.listing_of(GROUP))
def list_groups(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Groups under a path. Source: API reference, ListGroups."""
    return making.listed(call, tx, GROUP, "Groups", forms.group)


@operation("UpdateGroup", mode=Mode.WRITE, locate=targets.at_name(GROUP))
def update_group(call: Call, group: Entity, tx: Transaction) -> Answer:
    """Another name or path. Source: API reference, UpdateGroup."""
    making.rename(call, tx, group, name=call.get("NewGroupName"), path=call.get("NewPath"))
    return {}


@operation("DeleteGroup", mode=Mode.WRITE, locate=targets.at_name(GROUP))
def delete_group(call: Call, group: Entity, tx: Transaction) -> Answer:
    """Delete an empty group. Source: API reference, DeleteGroup; facts, iam, section 10, DeleteConflict."""
    for hanging, what in (
        (members.users_in(tx, group.id), "remove users from group"),
        (holdings.attached_to(tx, group.id), "detach all policies"),
        (holdings.inline_of(tx, group.id), "delete policies"),
    ):
        if hanging:
            raise DeleteConflictException(f"Cannot delete entity, must {what} first.")
    entities.remove(tx, group)
    tx.raise_generation(call.account, GENERATION)
    return {}


@operation("AddUserToGroup", mode=Mode.WRITE, locate=targets.at_name(GROUP))
def add_user_to_group(call: Call, group: Entity, tx: Transaction) -> Answer:
    """Put a user into a group; nothing changes where it is in. Source: API reference, AddUserToGroup."""
    user = _user(call, tx)
    joined = {one.id for one in members.groups_of(tx, user.id)}
    quotas.refuse_above(quotas.GROUPS, len(joined | {group.id}))
    members.add(tx, group.id, user.id)
    tx.raise_generation(call.account, GENERATION)
    return {}


@operation("RemoveUserFromGroup", mode=Mode.WRITE, locate=targets.at_name(GROUP))
def remove_user_from_group(call: Call, group: Entity, tx: Transaction) -> Answer:
    """Take a user out of a group; nothing changes where it is not in.

    Source: API reference, RemoveUserFromGroup.
    """
    members.remove(tx, group.id, _user(call, tx).id)
    tx.raise_generation(call.account, GENERATION)
    return {}


def _user(call: Call, tx: Transaction) -> Entity:
    user = entities.find(tx, call.account, USER, call["UserName"])
    if user is None:
        raise no_such(USER.word, call["UserName"])
    return user
