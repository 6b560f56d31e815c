"""A refusal in the form that DecodeAuthorizationMessage tells: what was asked, under which conditions, what applied.

Source: API reference, DecodeAuthorizationMessage (facts: iam, section 14); IAM User Guide, "Decode messages". How a
matched statement is named is our choice: by policy and place, for the policy itself may have changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from strongroom.kernel.authz.model import ContextValue, Decision, Match, Outcome

MOST = 50
"""How many statements and condition keys are told."""
_MOST_CHARACTERS = 256
_OF_RESOURCES = frozenset({"resource", "key", "trust"})


def failure(decision: Decision) -> dict[str, Any]:
    """The decision as the decoded message shows it. Of another account's policies nothing is told."""
    request, principal = decision.request, decision.request.principal
    matches: Iterable[Match] = decision.matches
    if request.resource_account != principal.account:
        matches = (one for one in matches if one.kind not in _OF_RESOURCES)
    return {
        "allowed": decision.allowed,
        "explicitDeny": decision.outcome is Outcome.EXPLICIT_DENY,
        "matchedStatements": _items(_statement(one) for one in matches),
        "failures": _items(()),
        "context": {
            "principal": {"id": principal.user_id, "name": principal.name, "arn": principal.arn},
            "action": request.action,
            "resource": request.resource,
            "conditions": _items(_conditions(request.context)),
        },
    }


def _statement(match: Match) -> dict[str, Any]:
    return {
        "statementId": match.sid or "",
        "effect": match.effect.upper(),
        "policyType": match.kind,
        "policyId": match.label,
        "statementIndex": match.index,
    }


def _conditions(context: Mapping[str, ContextValue]) -> Iterable[dict[str, Any]]:
    for key, value in sorted(context.items()):
        values = (value,) if isinstance(value, str) else value
        yield {"key": key[:_MOST_CHARACTERS], "values": _items({"value": one[:_MOST_CHARACTERS]} for one in values)}


def _items(found: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"items": list(found)[:MOST]}
