"""STS: temporary credentials."""

from __future__ import annotations

from strongroom.kernel.registry import Registry
from strongroom.services.sts import operations
from strongroom.services.sts.jobs import ROTATION, plan_rotation, rotate_token_key
from strongroom.services.sts.room import ROOM

__all__ = ["operations", "plan_rotation", "register"]


def register(registry: Registry) -> None:
    """Take the room in. What it must know of roles it asks the kernel for (call.Roles)."""
    registry.add(ROOM)
    registry.add_job(ROTATION, rotate_token_key)
