"""The first administrator, and the way back in. Called by the composition root, not by clients."""

from __future__ import annotations

from datetime import datetime

from strongroom.base.entropy import Entropy
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import secrets
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.rules.names import AWS, POLICY, USER, Entity, arn_of, mint_id
from strongroom.services.iam.store import entities, holdings, keys, members

ADMINISTRATOR = arn_of(AWS, POLICY, "/", "AdministratorAccess")
_USERS_AT_ONCE = 5000


def create_administrator(
    tx: Transaction, *, account: str, now: datetime, entropy: Entropy, keyring: Keyring, user: str = "admin"
) -> tuple[str, str]:
    """Make sure of a user with AdministratorAccess and nothing else, with one new key: (access key id,
    secret).

    A user of that name who is there already keeps the unique id and loses keys, policies, groups and
    boundary: this is also the way back in when nobody can administer the account, so nothing that denies may
    be left on the user.
    """
    found = entities.find(tx, account, USER, user)
    if found is None:
        found = Entity(mint_id(USER, entropy), account, USER, user, "/", now)
        entities.add(tx, found)
    else:
        _stripped(tx, found)
    holdings.attach(tx, found, ADMINISTRATOR)
    key, secret = secrets.new_key(found, now, entropy, keyring)
    keys.add(tx, key)
    tx.raise_generation(account, GENERATION)
    return key.id, secret


def _stripped(tx: Transaction, user: Entity) -> None:
    for key in keys.of_user(tx, user.id):
        keys.remove(tx, key.id)
    for arn in holdings.attached_to(tx, user.id):
        holdings.detach(tx, user.id, arn)
    for name in holdings.inline_of(tx, user.id):
        holdings.remove_inline(tx, user.id, name)
    for group in members.groups_of(tx, user.id):
        members.remove(tx, group.id, user.id)
    entities.set_boundary(tx, user, None)


def retire_administrator(tx: Transaction, account: str, access_key_id: str) -> str:
    """Delete the first administrator's key; answers the user's name.

    Raises LookupError, with the reason, where the key is not of this account or no *other* user could
    administer it.
    """
    key = keys.find(tx, access_key_id)
    user = None if key is None or key.account != account else entities.by_id(tx, key.user_id)
    if user is None:
        raise LookupError(f"There is no access key {access_key_id} in account {account}.")
    others = entities.page(tx, account, USER, prefix="/", after="", most=_USERS_AT_ONCE)
    if not any(_administers(tx, other) for other in others if other.id != user.id):
        raise LookupError(
            f"User {user.name} is the only administrator of account {account}. First give another user "
            "an active access key and the policy AdministratorAccess, directly or through a group, "
            "without a boundary."
        )
    keys.remove(tx, access_key_id)
    tx.raise_generation(account, GENERATION)
    return user.name


def _administers(tx: Transaction, user: Entity) -> bool:
    """Whether a user could take over. Our choice: told by attachment and active key, not by weighing every
    policy.
    """
    return (
        user.boundary is None
        and ADMINISTRATOR in holdings.attached_with_groups(tx, user.id)
        and any(key.active for key in keys.of_user(tx, user.id))
    )


def account_exists(tx: Transaction, account: str) -> bool:
    """Whether an account has ever been made here and still has a user."""
    return entities.count(tx, account, USER) > 0
