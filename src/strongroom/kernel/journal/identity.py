"""``userIdentity``: who a record says was asking.

Source: CloudTrail User Guide, "CloudTrail userIdentity element".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from strongroom.base.clock import iso_seconds


class Kind(Protocol):
    """The kind of a caller: the value of aws:PrincipalType."""

    @property
    def value(self) -> str:
        """``Account``, ``User``, ``AssumedRole``, ``FederatedUser``, ``Service`` or ``Anonymous``."""
        ...


class Caller(Protocol):
    """What a record says about a caller: the part of authz.principal.Principal that it needs."""

    @property
    def kind(self) -> Kind:
        """User, role session, service, ..."""
        ...

    @property
    def arn(self) -> str:
        """As messages print it."""
        ...

    @property
    def account(self) -> str:
        """12 digits; empty for nobody."""
        ...

    @property
    def unique_id(self) -> str:
        """The AIDA or AROA id."""
        ...

    @property
    def user_id(self) -> str:
        """The value of aws:userid."""
        ...

    @property
    def name(self) -> str:
        """The user's or role's name."""
        ...

    @property
    def entity_arn(self) -> str:
        """The user's or role's own ARN."""
        ...

    @property
    def token_issued(self) -> datetime | None:
        """When a session began; None for long-term keys."""
        ...

    @property
    def mfa(self) -> bool | None:
        """Whether a session was begun with a second factor."""
        ...

    @property
    def source_identity(self) -> str | None:
        """What sts:SourceIdentity was set to."""
        ...

    @property
    def provider(self) -> str:
        """The ARN of the identity provider that vouched for whoever began a role session; else empty."""
        ...

    @property
    def from_console(self) -> bool:
        """Whether the session is one of the console's."""
        ...


_TYPES = {
    "User": "IAMUser",
    "AssumedRole": "AssumedRole",
    "FederatedUser": "FederatedUser",
    "Account": "Root",
    "Service": "AWSService",
}


_MADE: dict[tuple[int, str, str | None], tuple[Caller, Mapping[str, Any]]] = {}
_MADE_AT_MOST = 1024


def user_identity(caller: Caller, access_key_id: str, invoked_by: str | None) -> Mapping[str, Any]:
    """The element for a caller; ``invoked_by`` is the service that asked on the caller's behalf, if one did.

    Kept by the caller's identity as an object: the same principal comes with every request of a client. The
    caller is kept beside it, so that its number is not given to another object meanwhile.
    """
    name = (id(caller), access_key_id, invoked_by)
    kept = _MADE.get(name)
    if kept is not None:
        return kept[1]
    made = _identity(caller, access_key_id, invoked_by)
    if len(_MADE) >= _MADE_AT_MOST:
        _MADE.clear()
    _MADE[name] = (caller, made)
    return made


def _identity(caller: Caller, access_key_id: str, invoked_by: str | None) -> dict[str, Any]:
    """The element made anew.

    Nobody (a request whose signature did not hold) is an AWSAccount named ANONYMOUS_PRINCIPAL: what such a
    request claims about itself is worth nothing, so the record does not repeat it as an identity.
    """
    kind = caller.kind.value
    told: dict[str, Any] = {"type": _TYPES.get(kind, "AWSAccount")}
    if kind == "Service":
        told["invokedBy"] = caller.name or caller.arn
        return told
    if kind not in _TYPES and caller.name:
        return _web_identity(caller)
    if kind not in _TYPES:
        told |= {"principalId": "", "accountId": caller.account or "ANONYMOUS_PRINCIPAL"}
        return told
    told["principalId"] = _principal_id(caller, kind)
    told["arn"] = caller.arn
    told["accountId"] = caller.account
    if access_key_id:
        told["accessKeyId"] = access_key_id
    if kind == "User":
        told["userName"] = caller.name
    if caller.token_issued is not None:
        told["sessionContext"] = _session(caller, kind, caller.token_issued)
    if invoked_by is not None:
        told["invokedBy"] = invoked_by
    return told


def _web_identity(caller: Caller) -> dict[str, Any]:
    """Whom an identity provider vouches for: proven, and no principal of any account.

    Source: CloudTrail User Guide, "CloudTrail userIdentity element", WebIdentityUser.
    """
    return {
        "type": "WebIdentityUser",
        "principalId": caller.user_id,
        "userName": caller.name,
        "identityProvider": caller.arn,
    }


def other_account(caller: Caller) -> dict[str, Any]:
    """A caller as the owner of a resource in another account sees it: the ids, and nothing by name."""
    return {
        "type": "AWSAccount",
        "principalId": caller.user_id or caller.unique_id,
        "accountId": caller.account,
    }


def _principal_id(caller: Caller, kind: str) -> str:
    if kind == "Account":
        return caller.account
    return caller.unique_id if kind == "User" else caller.user_id or caller.unique_id


def _session(caller: Caller, kind: str, issued: datetime) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if kind in {"AssumedRole", "FederatedUser"}:
        told["sessionIssuer"] = {
            "type": "Role" if kind == "AssumedRole" else "IAMUser",
            "principalId": caller.unique_id,
            "arn": caller.entity_arn,
            "accountId": caller.account,
            "userName": caller.name if kind == "AssumedRole" else caller.entity_arn.rpartition("/")[2],
        }
    if caller.provider:
        # Measured records name the provider and leave its attributes empty.
        told["webIdFederationData"] = {"federatedProvider": caller.provider, "attributes": {}}
    told["attributes"] = {
        "creationDate": iso_seconds(issued),
        "mfaAuthenticated": "true" if caller.mfa else "false",
    }
    if caller.source_identity:
        told["sourceIdentity"] = caller.source_identity
    return told
