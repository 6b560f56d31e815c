"""What STS decides from its arguments alone: how long, with which tags, as whom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

from strongroom.base.names import is_account_id, parse_arn
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Call
from strongroom.kernel.sealing.tokens import PACKED_BYTES_MAX
from strongroom.services.sts.errors import (
    InvalidParameterValue,
    PackedPolicyTooLargeException,
    denied,
    invalid,
)

ROLE_SESSION = timedelta(hours=1)
CHAINED_SESSION_MAX = timedelta(hours=1)
USER_SESSION = timedelta(hours=12)


def role_account(arn: str) -> str:
    """The account of a role's ARN. Raises ValidationError; facts, iam, section 10, STS: ``X is invalid``."""
    parts = parse_arn(arn)
    if parts is None or (parts.partition, parts.service, parts.region) != ("aws", "iam", ""):
        raise invalid(f"{arn} is invalid")
    if not is_account_id(parts.account) or not parts.resource.startswith("role/"):
        raise invalid(f"{arn} is invalid")
    return parts.account


def is_chained(caller: Principal) -> bool:
    """Whether a role session assumes the next role. Source: IAM User Guide, "Role chaining"."""
    return caller.kind is PrincipalKind.ROLE


def refuse_session(caller: Principal, operation: str) -> None:
    """Refuse whoever has no long-term key: only users may ask for sessions of users.

    Source: facts, iam, section 10, STS; API reference, GetSessionToken, GetFederationToken.
    """
    if caller.kind is not PrincipalKind.USER or caller.token_issued is not None:
        raise denied(f"Cannot call {operation} with session credentials")


def role_session_length(asked: int | None, role_max: timedelta, *, chained: bool) -> timedelta:
    """How long a role session lasts. ``asked`` in seconds.

    Source: facts, iam, sections 10 and 14, AssumeRole.
    """
    length = ROLE_SESSION if asked is None else timedelta(seconds=asked)
    if chained and length > CHAINED_SESSION_MAX:
        raise invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        )
    if length > role_max:
        raise invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return length


def asked_tags(given: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """The ``Tags`` parameter as a map. Raises for keys that differ in case only."""
    tags = {tag["Key"]: tag["Value"] for tag in given or ()}
    if len({key.lower() for key in tags}) != len(given or ()):
        raise InvalidParameterValue("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    return tags


def session_tags(
    caller: Principal, asked: Mapping[str, str], transitive: Sequence[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The tags of a role session and the keys of those that flow on: inherited ones first, then the passed.

    Source: IAM User Guide, "Pass session tags in AWS STS", "Chaining roles with session tags": inherited tags
    cannot be overridden. Facts, iam, section 10, STS.
    """
    inherited = {key: caller.tags[key] for key in sorted(caller.transitive_tags) if key in caller.tags}
    taken = {key.lower() for key in inherited}
    if any(key.lower() in taken for key in asked):
        raise InvalidParameterValue(
            "One of the specified transitive tag keys can't be set because it conflicts "
            "with a transitive tag key from the calling session."
        )
    passed = {key.lower(): key for key in asked}
    if any(key.lower() not in passed for key in transitive):
        raise InvalidParameterValue("The specified transitive tag key must be included in the requested tags.")
    flowing = (*inherited, *dict.fromkeys(passed[key.lower()] for key in transitive))
    return inherited | dict(asked), flowing


def source_identity(caller: Principal, asked: str | None) -> str | None:
    """The identity that a session carries: once set it stays. Source: IAM User Guide, "Monitor and control
    actions taken with assumed roles". Our choice of words for changing it.
    """
    if caller.source_identity is not None and asked not in (None, caller.source_identity):
        raise denied("The source identity of the calling session cannot be changed.")
    return caller.source_identity or asked


def session_keys(call: Call) -> dict[str, ContextValue]:
    """The condition keys that every request for a role's session has.

    Source: IAM User Guide, "Available keys for AWS STS".
    """
    return {
        "sts:rolesessionname": call["RoleSessionName"],
        "sts:durationseconds": str(call.get("DurationSeconds", int(ROLE_SESSION.total_seconds()))),
    }


def tag_keys(tags: Mapping[str, str]) -> dict[str, ContextValue]:
    """aws:RequestTag/... and aws:TagKeys; nothing without tags."""
    if not tags:
        return {}
    keys: dict[str, ContextValue] = {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    keys["aws:tagkeys"] = tuple(tags)
    return keys


def packed_percent(packed_bytes: int) -> int:
    """PackedPolicySize. Raises PackedPolicyTooLarge above 100 %."""
    percent = math.ceil(100 * packed_bytes / PACKED_BYTES_MAX)
    if percent > 100:
        raise PackedPolicyTooLargeException(
            f"Packed policy consumes {percent}% of allotted space, please use smaller policy."
        )
    return percent
