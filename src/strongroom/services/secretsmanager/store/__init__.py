"""The room's tables and every statement that touches them; nobody else's code does.

``tables`` what is stored; ``creation`` new secrets, whole; ``secrets``, ``versions``, ``replicas``, ``rotations``,
``attempts`` point reads and writes; ``listing`` pages; ``words`` the index that searches use; ``counts`` the quota's.
"""

from strongroom.services.secretsmanager.store import (
    attempts,
    counts,
    creation,
    listing,
    replicas,
    rotations,
    secrets,
    tables,
    versions,
    words,
)
from strongroom.services.secretsmanager.store.replicas import Replica
from strongroom.services.secretsmanager.store.rotations import Rotation
from strongroom.services.secretsmanager.store.tables import Secret, Summary, Version

__all__ = [
    "Replica",
    "Rotation",
    "Secret",
    "Summary",
    "Version",
    "attempts",
    "counts",
    "creation",
    "listing",
    "replicas",
    "rotations",
    "secrets",
    "tables",
    "versions",
    "words",
]
