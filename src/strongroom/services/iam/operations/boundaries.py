"""Permissions boundaries of users and roles."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import making, targets
from strongroom.services.iam.errors import NoSuchEntityException
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules.names import ROLE, USER, Entity
from strongroom.services.iam.store import entities


def put_boundary(call: Call, one: Entity, tx: Transaction) -> Answer:
    """Set or replace the boundary.

    Source: API reference, PutUserPermissionsBoundary, PutRolePermissionsBoundary.
    """
    making.refuse_no_boundary(tx, call.account, call["PermissionsBoundary"])
    entities.set_boundary(tx, one, call["PermissionsBoundary"])
    tx.raise_generation(call.account, GENERATION)
    return {}


def delete_boundary(call: Call, one: Entity, tx: Transaction) -> Answer:
    """Take the boundary off.

    Source: API reference, DeleteUserPermissionsBoundary, DeleteRolePermissionsBoundary.
    """
    if one.boundary is None:
        raise NoSuchEntityException(f"{one.kind.noun} {one.name} does not have a permissions boundary.")
    entities.set_boundary(tx, one, None)
    tx.raise_generation(call.account, GENERATION)
    return {}


for _kind in (USER, ROLE):
    _at = targets.at_name(_kind)
    operation(f"Put{_kind.noun}PermissionsBoundary", mode=Mode.WRITE, locate=_at, keys=targets.boundary_asked)(
        put_boundary
    )
    operation(f"Delete{_kind.noun}PermissionsBoundary", mode=Mode.WRITE, locate=_at, keys=targets.boundary_held)(
        delete_boundary
    )
