"""Quotas and their texts."""

from __future__ import annotations

import pytest

from strongroom.services.iam.errors import LimitExceededException
from strongroom.services.iam.rules import quotas
from strongroom.services.iam.rules.names import GROUP, ROLE, USER, Kind


@pytest.mark.parametrize(
    ("quota", "text"),
    [
        (quotas.ACCESS_KEYS, "Cannot exceed quota for AccessKeysPerUser: 2"),
        (quotas.GROUPS, "Cannot exceed quota for GroupsPerUser: 10"),
        (quotas.MANAGED_CHARACTERS, "Cannot exceed quota for PolicySize: 6144"),
        (quotas.TRUST_CHARACTERS, "Cannot exceed quota for ACLSizePerRole: 2048"),
        (quotas.ATTACHED[ROLE], "Cannot exceed quota for PoliciesPerRole: 10"),
        (quotas.ENTITIES_PER_ACCOUNT[USER], "Cannot exceed quota for UsersPerAccount: 5000"),
    ],
)
def test_one_above_the_quota_is_refused_and_the_quota_itself_is_not(quota: tuple[str, int], text: str) -> None:
    quotas.refuse_above(quota, quota[1])
    with pytest.raises(LimitExceededException) as refused:
        quotas.refuse_above(quota, quota[1] + 1)
    assert (text, "LimitExceeded", 409) == (
        refused.value.message,
        refused.value.code,
        refused.value.http_status,
    )


@pytest.mark.parametrize(("kind", "most"), [(USER, 2048), (GROUP, 5120), (ROLE, 10240)])
def test_inline_policies_count_together_and_without_white_space(kind: Kind, most: int) -> None:
    full = {"a": "x" * (most - 1), "b": " y\n\t "}
    quotas.refuse_inline_above(kind, "X", full)
    with pytest.raises(LimitExceededException) as refused:
        quotas.refuse_inline_above(kind, "X", full | {"c": "z"})
    assert f"Maximum policy size of {most} bytes exceeded for {kind.word} X" == refused.value.message


def test_a_policy_has_five_versions_at_most() -> None:
    quotas.refuse_sixth_version(4)
    with pytest.raises(LimitExceededException, match="A managed policy can have up to 5 versions"):
        quotas.refuse_sixth_version(5)
