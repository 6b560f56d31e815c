"""Users."""

from __future__ import annotations

from datetime import datetime

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import making, targets
from strongroom.services.iam.attempts import attempts_at_password
from strongroom.services.iam.errors import DeleteConflictException
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import forms, paging
from strongroom.services.iam.rules.names import USER, Entity
from strongroom.services.iam.store import attempts, devices, entities, holdings, keys, login_profiles, members, tags


@operation("CreateUser", mode=Mode.WRITE, locate=targets.to_be_made(USER), keys=targets.creating, shown=("User",))
def create_user(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """A new user without any permission. Source: API reference, CreateUser."""
    user = making.make(call, tx, USER, boundary=call.get("PermissionsBoundary"))
    entities.add(tx, user)
    making.tag_new(call, tx, user)
    tx.raise_generation(call.account, GENERATION)
    return {"User": forms.user(user, tags.of(tx, user.id))}


@operation("GetUser", mode=Mode.READ, locate=targets.at_user_or_caller)
def get_user(call: Call, user: Entity, tx: Transaction) -> Answer:  # noqa: ARG001
    """One user, by default the caller, with tags and boundary. Source: API reference, GetUser."""
    return {"User": forms.user(user, tags.of(tx, user.id)) | _password_use(tx, user)}


@operation("ListUsers", mode=Mode.READ, locate=targets.listing_of(USER))
def list_users(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Users under a path, without tags and boundaries. Source: API reference, ListUsers."""
    return making.listed(call, tx, USER, "Users", lambda user: forms.listed_user(user) | _password_use(tx, user))


@operation("UpdateUser", mode=Mode.WRITE, locate=targets.at_name(USER))
def update_user(call: Call, user: Entity, tx: Transaction) -> Answer:
    """Another name or path. Source: API reference, UpdateUser: needs the permission on both names."""
    making.rename(call, tx, user, name=call.get("NewUserName"), path=call.get("NewPath"))
    return {}


@operation("DeleteUser", mode=Mode.WRITE, locate=targets.at_name(USER))
def delete_user(call: Call, user: Entity, tx: Transaction) -> Answer:
    """Delete a user on whom nothing hangs.

    Source: API reference, DeleteUser; facts, iam, section 10, DeleteConflict.
    """
    for hanging, what in (
        (keys.of_user(tx, user.id), "delete access keys"),
        (login_profiles.of_user(tx, user.id), "delete login profile"),
        (devices.of_user(tx, user.id), "delete MFA device"),
        (holdings.attached_to(tx, user.id), "detach all policies"),
        (holdings.inline_of(tx, user.id), "delete policies"),
        (members.groups_of(tx, user.id), "remove users from group"),
    ):
        if hanging:
            raise DeleteConflictException(f"Cannot delete entity, must {what} first.")
    tags.remove_all(tx, user.id)
    attempts.forget(tx, attempts_at_password(user.id))
    entities.remove(tx, user)
    tx.raise_generation(call.account, GENERATION)
    return {}


@operation("ListGroupsForUser", mode=Mode.READ, locate=targets.at_name(USER))
def list_groups_for_user(call: Call, user: Entity, tx: Transaction) -> Answer:
    """The groups of a user. Source: API reference, ListGroupsForUser."""
    page = paging.asked_page(call)
    groups = paging.cut(page, members.groups_of(tx, user.id), forms.name_key)
    return paging.answer_page(call, page, "Groups", groups, forms.name_key, forms.group)


def _password_use(tx: Transaction, user: Entity) -> dict[str, datetime]:
    """When the user last signed in at the console with a password. Source: API reference, User, PasswordLastUsed."""
    profile = login_profiles.of_user(tx, user.id)
    return {} if profile is None or profile.used is None else {"PasswordLastUsed": profile.used}
