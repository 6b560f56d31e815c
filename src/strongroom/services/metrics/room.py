"""The room itself. Its model is called ``cloudwatch``, as its actions are; its endpoint ``monitoring``."""

from __future__ import annotations

from strongroom.kernel.model.overlay import refused_operations
from strongroom.kernel.registry import Room

SERVICE = "cloudwatch"
ROOM = Room(SERVICE, refused=refused_operations(SERVICE))
