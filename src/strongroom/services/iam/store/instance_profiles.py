"""Rows of which role an instance profile has."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.iam.rules.names import Entity
from strongroom.services.iam.store import entities
from strongroom.services.iam.store.tables import entity, instance_profile_role

_TABLE = instance_profile_role
_ROLE_OF = Statement(
    lambda: (
        select(*entities.columns())  # type: ignore[call-overload]
        .join(_TABLE, _TABLE.c.role_id == entity.c.id)
        .where(_TABLE.c.profile_id == bindparam("profile_id"))
    )
)
_OF_ROLE = Statement(
    lambda: (
        select(*entities.columns())  # type: ignore[call-overload]
        .join(_TABLE, _TABLE.c.profile_id == entity.c.id)
        .where(_TABLE.c.role_id == bindparam("role_id"))
        .order_by(entity.c.name_key)
    )
)
_INSERT = Statement(lambda: insert(_TABLE).values(profile_id=bindparam("profile_id"), role_id=bindparam("role_id")))
_DELETE = Statement(
    lambda: delete(_TABLE).where(
        _TABLE.c.profile_id == bindparam("profile_id"), _TABLE.c.role_id == bindparam("role_id")
    )
)


def role_of(tx: Transaction, profile: Entity) -> Entity | None:
    """The role of an instance profile, where it has one."""
    row = tx.row(_ROLE_OF, profile_id=profile.id)
    return None if row is None else entities.of_row(row)


def of_role(tx: Transaction, role: Entity) -> list[Entity]:
    """The instance profiles that have a role, by name."""
    return [entities.of_row(row) for row in tx.rows(_OF_ROLE, role_id=role.id)]


def add(tx: Transaction, profile: Entity, role: Entity) -> None:
    """Give an instance profile without a role its role."""
    tx.run(_INSERT, profile_id=profile.id, role_id=role.id)


def remove(tx: Transaction, profile: Entity, role: Entity) -> int:
    """Take the role off; answers 0 where it was not there."""
    return tx.run(_DELETE, profile_id=profile.id, role_id=role.id)
