"""A decision's reasons as the journal keeps them, and what would have changed it.

Names only: policies, statements, actions, resources. No value of a condition key, for those come from requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from strongroom.kernel.authz.decide import lacking_kinds
from strongroom.kernel.authz.document import Document
from strongroom.kernel.authz.model import Decision, Match, Policies, ResourceRule
from strongroom.kernel.authz.principal import Principal, PrincipalKind

MOST = 50
"""How many statements or policies are named; who has more of them is told how many there were."""

Reasons = Mapping[str, Any]
_FORMS = {PrincipalKind.SERVICE: "Service", PrincipalKind.ANONYMOUS: "Federated"}
_OF_PROVIDERS = ":oidc-provider/"
_RESOURCES_OWN = frozenset({"resource", "key", "grant", "trust"})


def allowance(decision: Decision) -> Reasons:
    """Why a call was allowed. Small and quick to make, for it goes into the record of every call."""
    return {
        "outcome": decision.outcome.value,
        "kind": decision.kind,
        "resource": decision.request.resource,
        "resourceAccount": decision.request.resource_account,
        "matches": _written(decision.matches),
    }


_WRITTEN: dict[int, tuple[Match, orjson.Fragment]] = {}
_WRITTEN_AT_MOST = 4096


def _written(matches: tuple[Match, ...]) -> object:
    """The statements that allowed. Where it is one, as it mostly is, it is written once and kept.

    Kept by its identity as an object, which is its compiled document's; the object is kept beside its text, so that
    its number is not given to another meanwhile.
    """
    if len(matches) != 1:
        return matches[:MOST]
    kept = _WRITTEN.get(id(matches[0]))
    if kept is None:
        if len(_WRITTEN) >= _WRITTEN_AT_MOST:
            _WRITTEN.clear()
        kept = _WRITTEN[id(matches[0])] = (matches[0], orjson.Fragment(orjson.dumps(matches)))
    return kept[1]


def denial(decision: Decision, policies: Policies) -> Reasons:
    """Why a call was refused: which statements denied, which policies were looked at, which kinds lacked an Allow."""
    request, principal = decision.request, decision.request.principal
    looked = list(_looked_at(policies))
    told = {
        "outcome": decision.outcome.value,
        "kind": decision.kind,
        "matches": decision.matches[:MOST],
        "notes": decision.notes[:MOST],
        "action": request.action,
        "resource": request.resource,
        "resourceAccount": request.resource_account,
        "caller": {_FORMS.get(principal.kind, "AWS"): _named(principal)},
        "account": principal.account,
        "lacking": lacking_kinds(request, policies),
        "policies": looked[:MOST],
        "policyCount": len(looked),
    }
    if principal.kind is PrincipalKind.ANONYMOUS and principal.name:
        told["subject"] = {f"{principal.arn.partition(_OF_PROVIDERS)[2]}:sub": principal.name}
    return told


def _named(principal: Principal) -> str:
    if principal.kind is PrincipalKind.ANONYMOUS:
        return principal.arn
    return principal.entity_arn or principal.name or principal.arn


def _looked_at(policies: Policies) -> Iterator[dict[str, Any]]:
    def told(kind: str, documents: Sequence[Document]) -> Iterator[dict[str, Any]]:
        for one in documents:
            yield {"kind": kind, "label": one.label, "statements": len(one.statements)}

    if policies.resource is not None and policies.rule is not ResourceRule.NONE:
        yield from told(policies.resource.kind.value, (policies.resource,))
    if policies.grants is not None:
        yield from told("grant", (policies.grants,))
    yield from told("identity", policies.identity)
    yield from told("boundary", () if policies.boundary is None else (policies.boundary,))
    yield from told("session", policies.session or ())


def smallest_changes(reasons: Reasons) -> list[tuple[str, dict[str, Any]]]:
    """(kind of policy, statement) that together would have allowed a refused call; one Allow for each kind.

    Empty for an allowed call. A Deny that applied is not outweighed by any of them: it has to go as well.
    """
    changes = []
    for kind in reasons.get("lacking", ()):
        statement: dict[str, Any] = {"Effect": "Allow", "Action": reasons["action"]}
        if kind in _RESOURCES_OWN:
            statement["Principal"] = reasons["caller"]
            if "subject" in reasons:  # the provider alone would be everybody whom it vouches for
                statement["Condition"] = {"StringEquals": reasons["subject"]}
        if kind != "trust":
            statement["Resource"] = "*" if kind in _RESOURCES_OWN else reasons["resource"]
        changes.append((kind, statement))
    return changes


def for_account(reasons: Reasons, account: str) -> Reasons:
    """The reasons without what lies in another account's policies: of those only the kind is told."""
    foreign = {"label": "of another account", "index": None, "sid": None}
    if reasons.get("resourceAccount", account) == account:
        return reasons

    def shown(listed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [{**one, **foreign} if one["kind"] in _RESOURCES_OWN else one for one in listed]

    return {**reasons, "matches": shown(reasons["matches"]), "policies": shown(reasons.get("policies", ()))}
