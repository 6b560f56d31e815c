"""Secrets Manager: secrets with versions and labels, sealed under KMS keys, guarded by policies.

See README.md.
"""

from __future__ import annotations

from strongroom.kernel.registry import Registry


def register(registry: Registry) -> None:
    """Declare the room's operations, the kinds of its jobs, and who knows what lies under a key."""
    # Here, so that whoever needs only the tables (migrations) does not load the operations.
    from strongroom.services.secretsmanager import dependents, importing, jobs, recovery, rotation  # noqa: PLC0415
    from strongroom.services.secretsmanager.operations import ROOM  # noqa: PLC0415
    from strongroom.services.secretsmanager.sealed import SEALED  # noqa: PLC0415
    from strongroom.services.secretsmanager.store.counts import census  # noqa: PLC0415
    from strongroom.services.secretsmanager.targets import tags_of  # noqa: PLC0415

    registry.add(ROOM)
    registry.add_job(jobs.PURGE, jobs.purge)
    registry.add_job(rotation.SCHEDULED, jobs.rotate)
    for rows in SEALED:
        registry.add_sealed(rows)
    registry.rotations = recovery.Desk()
    registry.add_dependents(dependents.of_key)
    registry.census = census
    registry.importer = importing.Lines()
    registry.tags_of = tags_of
