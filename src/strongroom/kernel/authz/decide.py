"""The decision: AWS's flow chart, in its order. Pure; whatever it says, it names the statements that decided.

Source: IAM User Guide, "Policy evaluation logic" (facts: iam, sections 4 to 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import IntEnum

from strongroom.kernel.authz.document import Document, Statement
from strongroom.kernel.authz.model import Decision, Match, Outcome, Policies, Request, ResourceRule
from strongroom.kernel.authz.naming import Naming
from strongroom.kernel.authz.principal import PrincipalKind


class Grant(IntEnum):
    """What an Allow in a resource's own policy is worth to a caller of the same account."""

    NOTHING = 0
    DELEGATED = 1  # the caller's identity policies must allow as well
    BOUNDED = 2  # identity policies need not allow; boundary and session policies, if set, must
    FULL = 3  # nothing else need allow


# Source: IAM User Guide, "Policy evaluation for requests within a single account" (facts: iam, section 4).
GRANTS = {
    (PrincipalKind.USER, Naming.ENTITY): Grant.FULL,
    (PrincipalKind.ROLE, Naming.ENTITY): Grant.BOUNDED,
    (PrincipalKind.ROLE, Naming.SESSION): Grant.FULL,
    (PrincipalKind.FEDERATED, Naming.ENTITY): Grant.BOUNDED,
    (PrincipalKind.FEDERATED, Naming.SESSION): Grant.FULL,
    (PrincipalKind.USER, Naming.ACCOUNT): Grant.DELEGATED,
    (PrincipalKind.ROLE, Naming.ACCOUNT): Grant.DELEGATED,
    (PrincipalKind.FEDERATED, Naming.ACCOUNT): Grant.DELEGATED,
    (PrincipalKind.USER, Naming.ANYONE): Grant.FULL,
    (PrincipalKind.ROLE, Naming.ANYONE): Grant.FULL,
    (PrincipalKind.FEDERATED, Naming.ANYONE): Grant.FULL,
    (PrincipalKind.ROOT, Naming.ANYONE): Grant.FULL,
    (PrincipalKind.ROOT, Naming.ACCOUNT): Grant.FULL,
    (PrincipalKind.SERVICE, Naming.SERVICE): Grant.FULL,
    (PrincipalKind.SERVICE, Naming.ANYONE): Grant.FULL,
    (PrincipalKind.ANONYMOUS, Naming.PROVIDER): Grant.FULL,
    (PrincipalKind.ANONYMOUS, Naming.ANYONE): Grant.FULL,
}
# Only who is *named* may assume a role without an identity policy. Our choice: services and web identities,
# which have none, must always be named; a trust policy with ``*`` does not open the role to all of them.
TRUST_GRANTS = GRANTS | {
    (kind, Naming.ANYONE): Grant.DELEGATED if (kind, Naming.ACCOUNT) in GRANTS else Grant.NOTHING
    for kind in PrincipalKind
}
# Members bound to names: looking them up in their class, or by hash, costs as much as a small decision.
_NOTHING, _BOUNDED, _FULL = Grant.NOTHING, Grant.BOUNDED, Grant.FULL
_ROOT, _SERVICE, _ANONYMOUS = PrincipalKind.ROOT, PrincipalKind.SERVICE, PrincipalKind.ANONYMOUS
_FEDERATED = PrincipalKind.FEDERATED
_NONE, _KEY, _TRUST = ResourceRule.NONE, ResourceRule.KEY, ResourceRule.TRUST
_ALLOWED, _EXPLICIT, _IMPLICIT = Outcome.ALLOWED, Outcome.EXPLICIT_DENY, Outcome.IMPLICIT_DENY


class _Findings:
    """What every policy said. ``grant`` is the best that the resource's own policy gives this caller.

    ``by_grant``: that it is better than the policy itself gives, through a grant on the key.
    """

    __slots__ = ("allows", "boundary", "by_grant", "denies", "grant", "identity", "notes", "session")

    def __init__(self) -> None:
        self.grant = _NOTHING
        self.by_grant = False
        self.identity = False
        self.boundary = True
        self.session = True
        self.denies: list[Match] = []
        self.allows: list[Match] = []
        self.notes: list[str] = []


def decide(request: Request, policies: Policies) -> Decision:
    """Whether the principal may do the action on the resource, with every reason.

    ``matches`` are all explicit denies where there is one, else every Allow that applied.
    Where several kinds of policy deny, ``kind`` is the first of resource, identity, boundary, session.
    An empty sequence of session policies means, as None does, that none was passed.
    """
    found = _consulted(request, policies)
    if found.denies:
        kind, outcome, matches = found.denies[0].kind, _EXPLICIT, found.denies
    else:
        lacking, matches = _lacking(request, policies.rule, found), found.allows
        outcome = _ALLOWED if lacking is None else _IMPLICIT
        kind = lacking or _allowing(request, policies.rule, found)
    return Decision(request, outcome, kind, tuple(matches), tuple(found.notes))


def lacking_kinds(request: Request, policies: Policies) -> tuple[str, ...]:
    """Every kind of policy that would have to allow as well, were nothing denied, in the order of asking."""
    found, kinds = _consulted(request, policies), list[str]()
    while (kind := _lacking(request, policies.rule, found)) is not None:
        kinds.append(kind)
        if kind == "identity":
            found.identity = True
        elif kind == "boundary":
            found.boundary = True
        elif kind == "session":
            found.session = True
        else:
            found.grant = _FULL
    return tuple(kinds)


def no_permission_needed(request: Request) -> Decision:
    """The decision about an operation that everyone may call (GetCallerIdentity), whatever policies say."""
    return Decision(request, Outcome.ALLOWED, "none")


def _lacking(request: Request, rule: ResourceRule, found: _Findings) -> str | None:
    """Nothing denies. Which kind of policy lacks an Allow? None: the call is allowed."""
    kind, grant = request.principal.kind, found.grant
    resource_side = None if grant else _kind_of(rule)
    limits = "boundary" if not found.boundary else "session" if not found.session else None
    caller_side = limits if found.identity or kind is _ROOT else "identity"
    if kind is _SERVICE or kind is _ANONYMOUS:  # a service, a stranger: the resource's policy is all there is
        return resource_side
    if request.principal.account != request.resource_account:  # across accounts: both sides
        return resource_side or caller_side
    if resource_side and (rule is _KEY or rule is _TRUST):  # keys, roles: their own policy must allow
        return resource_side
    if grant is _FULL:  # one account, the caller named: nothing else
        return None
    if grant is _BOUNDED:  # one account, the session's role or user named
        return limits
    return caller_side  # one account: identity policies, within boundary and session


def _kind_of(rule: ResourceRule) -> str:
    return "key" if rule is _KEY else "trust" if rule is _TRUST else "resource"


def _allowing(request: Request, rule: ResourceRule, found: _Findings) -> str:
    """The kind of policy that an allowed call owes most to."""
    if found.grant >= _BOUNDED:
        return "grant" if found.by_grant else _kind_of(rule)
    return "root" if request.principal.kind is _ROOT else "identity"


def _consulted(request: Request, policies: Policies) -> _Findings:
    """Ask every policy, those of the resource first."""
    found = _Findings()
    if policies.resource is not None and policies.rule is not _NONE:
        grants = TRUST_GRANTS if policies.rule is _TRUST else GRANTS
        found.grant = _granted(policies.resource, request, grants, found)
    if policies.grants is not None and policies.rule is _KEY:
        granted = _granted(policies.grants, request, GRANTS, found)
        if granted > found.grant:
            found.grant, found.by_grant = granted, True
    found.identity = _allowed(policies.identity, "identity", request, found)
    if policies.boundary is not None:
        found.boundary = _allowed((policies.boundary,), "boundary", request, found)
    if policies.session:
        found.session = _allowed(policies.session, "session", request, found)
    else:  # GetFederationToken without a session policy has no permissions but those that resources give
        found.session = request.principal.kind is not _FEDERATED
    return found


def _allowed(documents: Iterable[Document], kind: str, request: Request, found: _Findings) -> bool:
    """Whether some document of the caller's side allows; its denies and allows are noted."""
    allowed = False
    for document in documents:
        for statement in document.covering(request.action, request.resource):
            if statement.principals is not None:
                raise ValueError(f"{document.label} names principals: it cannot be a policy of kind {kind}")
            if _applies(statement, request, found.notes):
                match = statement.match
                if match.kind != kind:  # one managed policy may serve as identity policy and as boundary
                    match = replace(match, kind=kind)
                if statement.allows:
                    allowed = True
                    found.allows.append(match)
                else:
                    found.denies.append(match)
    return allowed


def _granted(
    document: Document,
    request: Request,
    grants: Mapping[tuple[PrincipalKind, Naming], Grant],
    found: _Findings,
) -> Grant:
    """The best that the resource's own policy gives the caller; its denies and allows are noted."""
    best = _NOTHING
    principal = request.principal
    for statement in document.covering(request.action, request.resource):
        if statement.principals is None:
            raise ValueError(f"{document.label} names no principals: it cannot be the policy of a resource")
        namings = statement.principals.namings(principal, statement.allows)
        if not namings or not _applies(statement, request, found.notes):
            continue
        if not statement.allows:
            found.denies.append(statement.match)
            continue
        grant = max([grants.get((principal.kind, naming), _NOTHING) for naming in namings])
        if grant:
            best = max(best, grant)
            found.allows.append(statement.match)
    return best


def _applies(statement: Statement, request: Request, notes: list[str]) -> bool:
    """Whether a statement about this action (and caller) covers the resource and meets its conditions.

    INVARIANT: what is not understood never allows: a Deny then applies, an Allow does not; a note says so.
    """
    unclear = statement.fault
    if statement.covers is not None:
        covered = statement.covers(request.resource, request.context)
        if covered is False:
            return False
        if covered is None:
            unclear = "its resource"
    for test in statement.tests:
        met = test(request.context)
        if met is False:
            return False
        if met is None:
            unclear = f"condition {statement.conditions[statement.tests.index(test)]}"
    if unclear is None:
        return True
    match = statement.match
    notes.append(f"{match.effect} statement {match.index} of {match.label}: {unclear} is not understood")
    return not statement.allows
