"""Rows of group memberships."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, func, insert, select

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.iam.rules.names import Entity
from strongroom.services.iam.store import entities
from strongroom.services.iam.store.tables import entity, membership

_COLUMNS = entities.columns()
_GROUPS_OF = Statement(
    lambda: (
        select(*_COLUMNS)  # type: ignore[call-overload]
        .join(membership, membership.c.group_id == entity.c.id)
        .where(membership.c.user_id == bindparam("user_id"))
        .order_by(entity.c.name_key)
    )
)
_USERS_IN = Statement(
    lambda: (
        select(*_COLUMNS)  # type: ignore[call-overload]
        .join(membership, membership.c.user_id == entity.c.id)
        .where(membership.c.group_id == bindparam("group_id"), entity.c.name_key > bindparam("after"))
        .order_by(entity.c.name_key)
        .limit(bindparam("most"))
    )
)
_PAIR = (membership.c.group_id == bindparam("which_group"), membership.c.user_id == bindparam("which_user"))
_IS_MEMBER = Statement(lambda: select(membership.c.user_id).where(*_PAIR))
_COUNT_GROUPS = Statement(
    lambda: select(func.count()).select_from(membership).where(membership.c.user_id == bindparam("user_id"))
)
_INSERT = Statement(
    lambda: insert(membership).values(group_id=bindparam("which_group"), user_id=bindparam("which_user"))
)
_DELETE = Statement(lambda: delete(membership).where(*_PAIR))


def groups_of(tx: Transaction, user_id: str) -> list[Entity]:
    """The groups that a user is in, by name. At most ten."""
    return [entities.of_row(row) for row in tx.rows(_GROUPS_OF, user_id=user_id)]


def users_in(tx: Transaction, group_id: str, *, after: str = "", most: int = 1) -> list[Entity]:
    """At most ``most`` users of a group, by name, behind the folded name ``after``."""
    return [entities.of_row(row) for row in tx.rows(_USERS_IN, group_id=group_id, after=after, most=most)]


def count_groups(tx: Transaction, user_id: str) -> int:
    """In how many groups a user is."""
    row = tx.row(_COUNT_GROUPS, user_id=user_id)
    return 0 if row is None else int(row[0])


def add(tx: Transaction, group_id: str, user_id: str) -> None:
    """Put a user into a group; nothing happens where the user is in it."""
    if tx.row(_IS_MEMBER, which_group=group_id, which_user=user_id) is None:
        tx.run(_INSERT, which_group=group_id, which_user=user_id)


def remove(tx: Transaction, group_id: str, user_id: str) -> int:
    """Take a user out of a group; answers 0 where the user was not in it."""
    return tx.run(_DELETE, which_group=group_id, which_user=user_id)
