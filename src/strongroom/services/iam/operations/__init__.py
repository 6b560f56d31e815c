"""The operations of IAM, one file a noun. Importing them declares them."""

from strongroom.services.iam.operations import (
    access_keys,
    account,
    account_details,
    attachments,
    boundaries,
    groups,
    inline_policies,
    mfa_devices,
    openid_providers,
    policies,
    policy_versions,
    roles,
    simulation,
    tags,
    users,
)

__all__ = [
    "access_keys",
    "account",
    "account_details",
    "attachments",
    "boundaries",
    "groups",
    "inline_policies",
    "mfa_devices",
    "openid_providers",
    "policies",
    "policy_versions",
    "roles",
    "simulation",
    "tags",
    "users",
]
