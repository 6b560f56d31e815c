"""Rows of what only roles have: trust and session length."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from strongroom.base.classes import dataclass
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.iam.rules.names import Entity
from strongroom.services.iam.store import entities
from strongroom.services.iam.store.tables import role


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may assume a role, and for how long. ``kept``: the policy as authz.binding stores it."""

    kept: str
    max_session: timedelta


_OF = Statement(lambda: select(role.c.trust, role.c.max_session_s).where(role.c.id == bindparam("which")))
_INSERT = Statement(lambda: insert(role).values({column.name: bindparam(column.name) for column in role.columns}))
_SAVE = Statement(
    lambda: (
        update(role)
        .where(role.c.id == bindparam("which"))
        .values(trust=bindparam("trust"), max_session_s=bindparam("max_session_s"))
    )
)
_DELETE = Statement(lambda: delete(role).where(role.c.id == bindparam("which")))


def trust_of(tx: Transaction, role_id: str) -> Trust:
    """The trust of a role that is there."""
    row = tx.row(_OF, which=role_id)
    if row is None:
        raise LookupError(f"role {role_id} has no trust row")
    return Trust(row[0], timedelta(seconds=row[1]))


def add(tx: Transaction, one: Entity, trust: Trust) -> None:
    """Store a new role."""
    entities.add(tx, one)
    tx.run(
        _INSERT,
        id=one.id,
        trust=trust.kept,
        max_session_s=int(trust.max_session.total_seconds()),
    )


def save(tx: Transaction, role_id: str, trust: Trust) -> None:
    """Replace trust and session length."""
    tx.run(
        _SAVE,
        which=role_id,
        trust=trust.kept,
        max_session_s=int(trust.max_session.total_seconds()),
    )


def remove(tx: Transaction, one: Entity) -> None:
    """Delete a role. What hangs on it must be gone already."""
    tx.run(_DELETE, which=one.id)
    entities.remove(tx, one)
