"""Secrets Manager: secrets with versions and labels, sealed under KMS keys, guarded by policies.

See README.md.
"""

from __future__ import annotations

from strongroom.kernel.registry import Registry
from strongroom.services.secretsmanager import jobs, operations
from strongroom.services.secretsmanager.room import ROOM

__all__ = ["operations", "register"]


def register(registry: Registry) -> None:
    """Declare the room's operations and the kinds of its jobs."""
    registry.add(ROOM)
    registry.add_job(jobs.PURGE, jobs.purge)
