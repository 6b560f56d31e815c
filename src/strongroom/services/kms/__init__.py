"""KMS: keys that never leave, envelope encryption under them, and who may use which."""

from __future__ import annotations

from strongroom.kernel.registry import Registry
from strongroom.services.kms import jobs, operations, rotation
from strongroom.services.kms.room import ROOM
from strongroom.services.kms.sealed import MATERIAL

__all__ = ["operations", "register"]


def register(registry: Registry) -> None:
    """Take the room into the house."""
    registry.add(ROOM)
    registry.add_sealed(MATERIAL)
    registry.add_job(jobs.DELETE_KEY, jobs.delete_key)
    registry.add_job(rotation.ROTATE_KEY, jobs.rotate_key)
    registry.add_job(jobs.EXPIRE_MATERIAL, jobs.expire_material)
