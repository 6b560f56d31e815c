"""Functions: Lambda's API, with functions that really run.

See README.md.
"""

from __future__ import annotations

from strongroom.base.running import Functions
from strongroom.kernel.registry import Registry


def register(registry: Registry, functions: Functions) -> None:
    """Declare the room's operations. ``functions`` brings an invocation to whoever runs it."""
    from strongroom.services.functions.operations import ROOM  # noqa: PLC0415  migrations need the tables alone
    from strongroom.services.functions.rotated import SEALED  # noqa: PLC0415

    registry.functions = functions
    for rows in SEALED:
        registry.add_sealed(rows)
    registry.add(ROOM)
