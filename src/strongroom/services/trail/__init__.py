"""CloudTrail: the record of every call, looked up.

See README.md.
"""

from __future__ import annotations

from strongroom.kernel.registry import Registry
from strongroom.kernel.trail.lookup import Pieces, Trail


def register(registry: Registry, trail: Trail, pieces: Pieces) -> None:
    """Declare the room's operations. ``pieces`` reads what other nodes recorded."""
    from strongroom.services.trail.operations import events, keys, trails  # noqa: PLC0415  the models take time to read
    from strongroom.services.trail.room import made  # noqa: PLC0415

    room = made()
    events.declare(room, trail, pieces)
    trails.declare(room)
    keys.declare(room)
    registry.add(room)
