"""What a password must be: the account's own policy, or AWS's where it has none. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from strongroom.services.iam.errors import PasswordPolicyViolationException

_SYMBOLS = frozenset("!@#$%^&*()_+-=[]{}|'")
_KINDS: Mapping[str, Callable[[str], bool]] = {
    "RequireUppercaseCharacters": lambda text: re.search("[A-Z]", text) is not None,
    "RequireLowercaseCharacters": lambda text: re.search("[a-z]", text) is not None,
    "RequireNumbers": lambda text: re.search("[0-9]", text) is not None,
    "RequireSymbols": lambda text: not _SYMBOLS.isdisjoint(text),
}
_MINIMUM_OF_OWN = 6
_MINIMUM_OF_AWS = 8
_KINDS_OF_AWS = 3


def asked_policy(params: Mapping[str, Any]) -> dict[str, Any]:
    """A policy as the request sets it: what is left out has its default again.

    Source: API reference, UpdateAccountPasswordPolicy: no partial updates; IAM User Guide, "Set an account password
    policy for IAM users".
    """
    policy: dict[str, Any] = {
        "MinimumPasswordLength": params.get("MinimumPasswordLength", _MINIMUM_OF_OWN),
        "AllowUsersToChangePassword": params.get("AllowUsersToChangePassword", False),
        "ExpirePasswords": "MaxPasswordAge" in params,
        **{kind: params.get(kind, False) for kind in _KINDS},
    }
    kept = ("MaxPasswordAge", "PasswordReusePrevention", "HardExpiry")
    return policy | {member: params[member] for member in kept if member in params}


def refuse_weak(policy: Mapping[str, Any] | None, password: str, *, names: frozenset[str]) -> None:
    """Refuse a password that the policy does not allow.

    Without a policy of the account's own: eight characters of three kinds, and none of ``names`` (in lower case: the
    account's id and alias). Source: IAM User Guide, "Default password policy". Our choice: control and space
    characters are no kind.
    """
    if policy is None:
        kinds = sum(has(password) for has in _KINDS.values())
        weak = len(password) < _MINIMUM_OF_AWS or kinds < _KINDS_OF_AWS or password.lower() in names
    else:
        weak = len(password) < policy["MinimumPasswordLength"]
        weak = weak or any(policy[kind] and not has(password) for kind, has in _KINDS.items())
    if weak:
        raise PasswordPolicyViolationException("Password does not conform to the account password policy.")


def lets_users_change(policy: Mapping[str, Any] | None) -> bool:
    """Whether every user may change their own password, by this policy and without any statement."""
    return policy is not None and bool(policy.get("AllowUsersToChangePassword"))


def remembered(policy: Mapping[str, Any] | None) -> int:
    """How many passwords before the new one may not come again."""
    return 0 if policy is None else int(policy.get("PasswordReusePrevention", 0))


def next_rotation(policy: Mapping[str, Any] | None, changed: datetime) -> datetime | None:
    """When a password is too old; None where it never is."""
    days = None if policy is None else policy.get("MaxPasswordAge")
    return None if days is None else changed + timedelta(days=days)
