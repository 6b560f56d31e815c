"""The handlers, one file a noun. Importing this package declares them on the room."""

from strongroom.services.kms.operations import (
    aliases,
    ciphertexts,
    data_keys,
    deletion,
    grants,
    imports,
    keys,
    policies,
    regions,
    rotation,
    signatures,
    tags,
)

__all__ = [
    "aliases",
    "ciphertexts",
    "data_keys",
    "deletion",
    "grants",
    "imports",
    "keys",
    "policies",
    "regions",
    "rotation",
    "signatures",
    "tags",
]
