"""IAM: users, groups, roles and policies; and who stands behind an access key."""

from __future__ import annotations

from strongroom.kernel.registry import Registry
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.services.iam import operations
from strongroom.services.iam.administrator import account_exists, create_administrator, retire_administrator
from strongroom.services.iam.principals import Principals
from strongroom.services.iam.room import ROOM
from strongroom.services.iam.sealed import SEALED

__all__ = [
    "Principals",
    "account_exists",
    "create_administrator",
    "operations",
    "register",
    "retire_administrator",
]


def register(registry: Registry, keyring: Keyring) -> None:
    """Take the room in, and make it the source of principals."""
    registry.add(ROOM)
    for rows in SEALED:
        registry.add_sealed(rows)
    registry.principals = Principals(keyring)
