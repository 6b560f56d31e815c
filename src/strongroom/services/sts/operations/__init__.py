"""The operations of STS, one file a noun. Importing them declares them."""

from strongroom.services.sts.operations import identity, roles, users

__all__ = ["identity", "roles", "users"]
