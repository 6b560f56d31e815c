"""The room itself."""

from __future__ import annotations

from strongroom.kernel.model.overlay import refused_operations
from strongroom.kernel.registry import Room

SERVICE = "lambda"
ROOM = Room(SERVICE, refused=refused_operations(SERVICE))
