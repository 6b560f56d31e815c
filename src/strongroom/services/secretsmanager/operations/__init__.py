"""One file a noun; importing this package declares every operation of the room."""

from strongroom.services.secretsmanager.operations import (
    batches,
    deletion,
    listing,
    passwords,
    policies,
    secrets,
    tags,
    values,
    versions,
)

__all__ = ["batches", "deletion", "listing", "passwords", "policies", "secrets", "tags", "values", "versions"]
