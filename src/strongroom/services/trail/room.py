"""The room itself."""

from __future__ import annotations

from strongroom.kernel.model.overlay import refused_operations
from strongroom.kernel.registry import Room

SERVICE = "cloudtrail"


def made() -> Room:
    """The room, with what it refuses and nothing declared yet."""
    return Room(SERVICE, refused=refused_operations(SERVICE))
