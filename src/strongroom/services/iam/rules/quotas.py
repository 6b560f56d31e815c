"""Quotas: one table, and the texts of going over."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from strongroom.services.iam.errors import LimitExceededException
from strongroom.services.iam.rules.names import GROUP, INSTANCE_PROFILE, POLICY, ROLE, USER, Kind

ENTITIES_PER_ACCOUNT: Mapping[Kind, tuple[str, int]] = MappingProxyType(
    {
        USER: ("UsersPerAccount", 5000),
        GROUP: ("GroupsPerAccount", 300),
        ROLE: ("RolesPerAccount", 1000),
        POLICY: ("PoliciesPerAccount", 1500),
        INSTANCE_PROFILE: ("InstanceProfilesPerAccount", 1000),
    }
)
"""Source: IAM User Guide, "IAM and AWS STS quotas"; facts, iam, section 11 (defaults)."""

ATTACHED: Mapping[Kind, tuple[str, int]] = MappingProxyType(
    {USER: ("PoliciesPerUser", 10), GROUP: ("PoliciesPerGroup", 10), ROLE: ("PoliciesPerRole", 10)}
)
INLINE_CHARACTERS: Mapping[Kind, int] = MappingProxyType({USER: 2048, GROUP: 5120, ROLE: 10240})
"""All inline policies of one holder together, white space left out."""

ACCESS_KEYS = ("AccessKeysPerUser", 2)
GROUPS = ("GroupsPerUser", 10)
OPENID_PROVIDERS = ("OpenIdConnectProvidersPerAccount", 100)
ROLES_OF_PROFILE = ("InstanceSessionsPerInstanceProfile", 1)
CLIENT_IDS = ("ClientIdsPerOpenIdConnectProvider", 100)
TAGS_MAX = 50
VERSIONS_MAX = 5
VERSIONS_IN_USE = 10_000
MANAGED_CHARACTERS = ("PolicySize", 6144)
TRUST_CHARACTERS = ("ACLSizePerRole", 2048)


def refuse_above(quota: tuple[str, int], wanted: int) -> None:
    """Refuse what would go over a quota, in AWS's words. Source: facts, iam, section 10, LimitExceeded."""
    name, most = quota
    if wanted > most:
        raise LimitExceededException(f"Cannot exceed quota for {name}: {most}")


def refuse_inline_above(kind: Kind, holder: str, documents: Mapping[str, str]) -> None:
    """Refuse inline policies that are too large together. Source: facts, iam, section 10, inline overflow."""
    most = INLINE_CHARACTERS[kind]
    if sum(map(characters, documents.values())) > most:
        raise LimitExceededException(f"Maximum policy size of {most} bytes exceeded for {kind.word} {holder}")


def refuse_sixth_version(count: int) -> None:
    """Refuse one more version of a managed policy than five."""
    if count >= VERSIONS_MAX:
        raise LimitExceededException(
            f"A managed policy can have up to {VERSIONS_MAX} versions. "
            "Before you create a new version, you must delete an existing version."
        )


def characters(document: str) -> int:
    """A policy's size as quotas count it. Source: IAM User Guide, quotas: white space is not counted."""
    return len("".join(document.split()))
