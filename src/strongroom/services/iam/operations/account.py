"""The account as a whole."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, everything
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import quotas
from strongroom.services.iam.rules.names import GROUP, INSTANCE_PROFILE, POLICY, ROLE, USER
from strongroom.services.iam.store import devices, entities, openid_providers, policies

_COUNTED = {
    USER: "Users",
    GROUP: "Groups",
    ROLE: "Roles",
    POLICY: "Policies",
    INSTANCE_PROFILE: "InstanceProfiles",
}


@operation("GetAccountSummary", mode=Mode.READ, locate=everything)
def get_account_summary(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """How many of what there are, and how many there may be. Source: API reference, GetAccountSummary."""
    summary = {word: entities.count(tx, call.account, kind) for kind, word in _COUNTED.items()}
    summary |= {f"{word}Quota": quotas.ENTITIES_PER_ACCOUNT[kind][1] for kind, word in _COUNTED.items()}
    made, in_use = devices.count(tx, call.account)
    summary |= {
        "AccessKeysPerUserQuota": quotas.ACCESS_KEYS[1],
        "AssumeRolePolicySizeQuota": quotas.TRUST_CHARACTERS[1],
        "AttachedPoliciesPerGroupQuota": quotas.ATTACHED[GROUP][1],
        "AttachedPoliciesPerRoleQuota": quotas.ATTACHED[ROLE][1],
        "AttachedPoliciesPerUserQuota": quotas.ATTACHED[USER][1],
        "GroupPolicySizeQuota": quotas.INLINE_CHARACTERS[GROUP],
        "GroupsPerUserQuota": quotas.GROUPS[1],
        "PolicySizeQuota": quotas.MANAGED_CHARACTERS[1],
        "RolePolicySizeQuota": quotas.INLINE_CHARACTERS[ROLE],
        "UserPolicySizeQuota": quotas.INLINE_CHARACTERS[USER],
        "VersionsPerPolicyQuota": quotas.VERSIONS_MAX,
        "AccountAccessKeysPresent": 0,
        "AccountMFAEnabled": 0,
        "AccountPasswordPresent": 0,
        "AccountSigningCertificatesPresent": 0,
        "MFADevices": made,
        "MFADevicesInUse": in_use,
        "PolicyVersionsInUse": policies.count_versions(tx, call.account),
        "PolicyVersionsInUseQuota": quotas.VERSIONS_IN_USE,
        "Providers": len(openid_providers.of_account(tx, call.account)),
        "GlobalEndpointTokenVersion": 1,
        "ServerCertificates": 0,
        "ServerCertificatesQuota": 0,
        "SigningCertificatesPerUserQuota": 0,
    }
    return {"SummaryMap": summary}
