"""The operations of STS, one file a noun. Importing them declares them."""

from strongroom.services.sts.operations import identity, roles, users, web_identity

__all__ = ["identity", "roles", "users", "web_identity"]
