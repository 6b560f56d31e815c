"""Which of the actions that mean something here policies grant, for the report of those that nobody uses.

A grant is told where some request could have it: an Allow speaks of the action, the boundary has one as well, and no
Deny forbids it altogether. What a policy grants for services that are not here cannot be used here, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from strongroom.base.classes import dataclass, field
from strongroom.kernel.authz.document import Document, Statement
from strongroom.kernel.journal.event import event_source
from strongroom.kernel.registry import IdentityPolicies, Registry
from strongroom.kernel.trail.uses import use_of_call

_BESIDE = ("iam:PassRole", "kms:ReEncryptTo", "sts:SetSourceIdentity", "sts:TagSession")
"""Actions that are no operation's own: they are asked beside another, and recorded so."""
MOST_POLICIES = 20


@dataclass(slots=True)
class Granted:
    """Of one service: the actions, and the policies that speak of them, bounded."""

    actions: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)


def known(registry: Registry) -> Mapping[str, frozenset[str]]:
    """Every action, and how its use is told by the trail (trail/uses.py)."""
    found: dict[str, set[str]] = {action: {action} for action in _BESIDE}
    for room in registry.rooms.values():
        for operation in room.operations.values():
            if operation.action is not None and not operation.unsigned:
                ways = found.setdefault(operation.action, {operation.action})
                ways.add(use_of_call(event_source(operation.service), operation.name))
    return {action: frozenset(found[action]) for action in sorted(found)}


def granted(policies: IdentityPolicies, actions: Mapping[str, object]) -> dict[str, Granted]:
    """By service, what a principal's own policies grant."""
    found: dict[str, Granted] = {}
    for action in actions:
        # Not by Document.about, which remembers: a report asks about more than a document keeps in mind.
        by = list(dict.fromkeys(label for label, one in _about(policies.documents, action) if one.allows))
        if not by or _forbidden(policies, action):
            continue
        of = found.setdefault(action.partition(":")[0], Granted())
        of.actions.append(action)
        of.policies.extend(label for label in by if label not in of.policies and len(of.policies) < MOST_POLICIES)
    return found


def _forbidden(policies: IdentityPolicies, action: str) -> bool:
    boundary = () if policies.boundary is None else (policies.boundary,)
    if boundary and not any(one.allows for _, one in _about(boundary, action)):
        return True
    return any(
        not one.allows and not one.conditions and one.covers is None
        for _, one in _about((*policies.documents, *boundary), action)
    )


def _about(documents: tuple[Document, ...], action: str) -> Iterator[tuple[str, Statement]]:
    lowered = action.lower()
    for document in documents:
        for statement in document.statements:
            if statement.takes(lowered) and not (statement.fault and statement.allows):
                yield document.label, statement
