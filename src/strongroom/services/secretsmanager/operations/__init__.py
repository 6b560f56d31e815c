"""One file a noun; importing this package declares every operation of the room."""

from strongroom.services.secretsmanager.operations import (
    batches,
    deletion,
    listing,
    passwords,
    policies,
    replicas,
    rotation,
    secrets,
    tags,
    values,
    versions,
)
from strongroom.services.secretsmanager.room import ROOM

__all__ = [
    "ROOM",
    "batches",
    "deletion",
    "listing",
    "passwords",
    "policies",
    "replicas",
    "rotation",
    "secrets",
    "tags",
    "values",
    "versions",
]
