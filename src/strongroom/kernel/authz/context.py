"""The global condition keys of a request, from who asks, when, from where and through whom.

Source: IAM User Guide, "AWS global condition context keys" (facts: iam, sections 7 and 8).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from strongroom.base.clock import EPOCH, iso_seconds
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.authz.principal import Principal, PrincipalKind

_SECOND = timedelta(seconds=1)
_TEXTS = {True: "true", False: "false"}


class _Moment:
    """The texts of the second last asked for: within one second thousands of requests need the same two."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept = (0, iso_seconds(EPOCH), "0")

    def texts(self, now: datetime) -> tuple[int, str, str]:
        """The second, as ISO 8601 and as seconds since the epoch."""
        kept = self.kept  # one tuple, replaced whole: threads may race here, none sees a mixture
        second = (now - EPOCH) // _SECOND
        if kept[0] != second:
            kept = self.kept = (second, iso_seconds(now), str(second))
        return kept


_MOMENT = _Moment()


def global_context(
    principal: Principal,
    *,
    now: datetime,
    source_ip: str,
    secure: bool,
    user_agent: str,
    region: str,
    resource_account: str,
    via: tuple[str, ...] = (),
) -> dict[str, ContextValue]:
    """The global keys of one request, names in lower case; a key that does not apply is absent.

    ``via``: the services that pass the caller's request on, first to last; empty for a direct call.
    An empty ``source_ip`` leaves aws:SourceIp out.
    """
    _, iso, epoch = _MOMENT.texts(now)
    found = {
        **_identity(principal),
        "aws:currenttime": iso,
        "aws:epochtime": epoch,
        "aws:requestedregion": region,
        "aws:resourceaccount": resource_account,
        "aws:securetransport": "true" if secure else "false",
        "aws:useragent": user_agent,
        "aws:viaawsservice": "true" if via else "false",
    }
    if source_ip:
        found["aws:sourceip"] = source_ip
    if principal.mfa and principal.token_issued is not None:
        found["aws:multifactorauthage"] = str((now - principal.token_issued) // _SECOND)
    if via:
        found["aws:calledvia"] = via
        found["aws:calledviafirst"] = via[0]
        found["aws:calledvialast"] = via[-1]
    return found


_KEPT: dict[int, tuple[Principal, dict[str, ContextValue]]] = {}
_KEPT_AT_MOST = 1024


def _identity(principal: Principal) -> dict[str, ContextValue]:
    """The keys that come from the principal alone.

    Kept by the principal's identity as an object: a client's requests bring the same one. The principal is kept
    beside them, so that its number is not given to another object meanwhile.
    """
    kept = _KEPT.get(id(principal))
    if kept is not None:
        return kept[1]
    made = _identity_keys(principal)
    if len(_KEPT) >= _KEPT_AT_MOST:
        _KEPT.clear()
    _KEPT[id(principal)] = (principal, made)
    return made


def _identity_keys(principal: Principal) -> dict[str, ContextValue]:
    kind = principal.kind
    found: dict[str, ContextValue] = {
        "aws:principalaccount": "anonymous" if kind is PrincipalKind.ANONYMOUS else principal.account,
        "aws:principaltype": kind.value,
    }
    if kind is PrincipalKind.ANONYMOUS:
        found["aws:userid"] = "anonymous"
        return found
    _add_identity(found, principal)
    for key, value in principal.tags.items():
        found[f"aws:principaltag/{key.lower()}"] = value
    if principal.token_issued is not None:
        found["aws:tokenissuetime"] = iso_seconds(principal.token_issued)
    if principal.mfa is not None:
        found["aws:multifactorauthpresent"] = _TEXTS[principal.mfa]
    if principal.provider:
        found["aws:federatedprovider"] = principal.provider
    if principal.function:
        found["lambda:sourcefunctionarn"] = principal.function
    if principal.source_identity is not None:
        found["aws:sourceidentity"] = principal.source_identity
    return found


def _add_identity(found: dict[str, ContextValue], principal: Principal) -> None:
    """Who it is. Source: facts iam, section 7; a federated session's aws:PrincipalArn is its own ARN."""
    kind = principal.kind
    found["aws:principalisawsservice"] = "true" if kind is PrincipalKind.SERVICE else "false"
    if kind is PrincipalKind.SERVICE:
        name = principal.name or principal.arn
        found["aws:principalservicename"] = name
        found["aws:principalservicenameslist"] = (name,)
        return
    of_entity = kind is PrincipalKind.USER or kind is PrincipalKind.ROLE
    found["aws:principalarn"] = (principal.entity_arn if of_entity else "") or principal.arn
    if kind is PrincipalKind.ROOT:
        found["aws:userid"] = principal.account
    elif principal.user_id or principal.unique_id:
        found["aws:userid"] = principal.user_id or principal.unique_id
    if kind is PrincipalKind.USER and principal.name:
        found["aws:username"] = principal.name
