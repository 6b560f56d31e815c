"""CloudWatch Logs: what functions print, and whatever else is put here.

See README.md.
"""

from __future__ import annotations

from strongroom.kernel.registry import Registry


def register(registry: Registry) -> None:
    """Declare the room's operations and the kinds of its jobs."""
    from strongroom.services.logs import retention  # noqa: PLC0415  migrations need the tables alone
    from strongroom.services.logs.operations import ROOM  # noqa: PLC0415
    from strongroom.services.logs.rotated import SEALED  # noqa: PLC0415

    registry.add(ROOM)
    registry.add_sealed(SEALED)
    registry.add_job(retention.JOB, retention.forget_old)
