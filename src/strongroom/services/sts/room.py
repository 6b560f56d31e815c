"""The room: temporary credentials."""

from __future__ import annotations

from strongroom.kernel.model.overlay import refused_operations
from strongroom.kernel.registry import Room

ROOM = Room("sts", refused=refused_operations("sts"))
