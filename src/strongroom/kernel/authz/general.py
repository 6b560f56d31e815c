"""Decisions that hold for many resources: of one caller, about one action, under the same policies.

Most policies say the same of thousands of secrets: each is covered by the same patterns, and no condition looks at it.
Such policies have a *plan*: what of a resource they look at is whether each pattern covers it, and where an earlier
resource was covered by the same ones and allowed, so is this one, by the same statements. Nothing but an allowance is
kept. Whatever else has a say (a condition on the resource or the request, a variable, the time of day, a
statement that is not understood) leaves no plan, and everything is decided anew.
Our choice: docs/decisions/0016-reading-fast.md.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Final

from strongroom.kernel.authz.document import Document, Statement
from strongroom.kernel.authz.match import Covers
from strongroom.kernel.authz.model import ContextValue, Decision, Outcome, Policies, Request
from strongroom.kernel.authz.principal import Principal

PLANS_AT_MOST: Final = 1024
PATTERNS_AT_MOST: Final = 12
"""Patterns are tried one by one: a plan of more would cost more than the decision."""
ANSWERS_AT_MOST: Final = 64

OF_CALLERS: Final = frozenset({
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:federatedprovider",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principaltype",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:securetransport",
    "aws:sourceidentity",
    "aws:sourceip",
    "aws:tokenissuetime",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "aws:viaawsservice",
    "kms:calleraccount",
    "kms:viaservice",
    "lambda:sourcefunctionarn",
})  # fmt: skip
"""The condition keys that are the same for all that one caller asks in one way: whoever keeps plans keeps them by
caller, source, Region, passing services and the resource's account."""
_OF_CALLERS_TAGS: Final = "aws:principaltag/"
_NOTHING: Final[Mapping[str, ContextValue]] = {}
_Covered = tuple[bool | None, ...]


class Plan:
    """What some policies have decided about an action, by which of their patterns cover a resource."""

    __slots__ = ("_allowed", "_covers", "_kept")

    def __init__(self, action: str, policies: Policies) -> None:
        """``policies`` are kept, so that whoever finds a plan by their identity finds the same ones."""
        self._kept = policies
        self._covers = _patterns(action, policies)
        self._allowed: dict[_Covered, Decision] = {}

    def recall(self, principal: Principal, action: str, resource: str, account: str) -> Decision | None:
        """The decision about a resource where it follows from an earlier one; else None. Its request has no context."""
        found = self.like(resource)
        return None if found is None else about(found, principal, action, resource, account)

    def like(self, resource: str) -> Decision | None:
        """The kept decision that one about this resource follows from; None where there is none. It is about another
        resource: see ``about``.
        """
        if self._covers is None:
            return None
        return self._allowed.get(tuple([covers(resource, _NOTHING) for covers in self._covers]))

    def keep(self, decision: Decision) -> None:
        """Keep a decision that was made under these policies for other resources; only an allowance is kept."""
        if self._covers is None or decision.outcome is not Outcome.ALLOWED or decision.notes:
            return
        covered = tuple([covers(decision.request.resource, _NOTHING) for covers in self._covers])
        if len(self._allowed) < ANSWERS_AT_MOST:
            self._allowed[covered] = decision


class Plans:
    """The plans of one process, bounded. Safe to share between threads."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[object, Plan]] = {}

    def of(self, action: str, policies: Policies, caller: tuple[Hashable, ...], refs: object) -> Plan:
        """The plan of some policies for an action and a caller.

        ``caller`` names all that OF_CALLERS comes from; ``refs`` are kept as long as what is found by their identity.
        """
        session, grants = policies.session, policies.grants
        name = (action, caller, id(policies.identity), id(policies.boundary), id(session), id(policies.resource),
                id(grants), policies.rule)  # fmt: skip
        kept = self._kept.get(name)
        if kept is None:
            if len(self._kept) >= PLANS_AT_MOST:
                self._kept.clear()
            kept = self._kept[name] = (refs, Plan(action, policies))
        return kept[1]


def about(found: Decision, principal: Principal, action: str, resource: str, account: str) -> Decision:
    """What a kept decision says of a resource that its plan holds to be like the one it was made about."""
    asked = Request(principal, action, resource, account)
    return Decision(asked, found.outcome, found.kind, found.matches, found.notes)


def _patterns(action: str, policies: Policies) -> tuple[Covers, ...] | None:
    """The patterns that tell resources apart; None where something else may as well."""
    patterns: list[Covers] = []
    for document in _documents(policies):
        if document.timely:
            return None
        for statement in document.about(action):
            if not _is_general(statement):
                return None
            if statement.covers is not None:
                patterns.append(statement.covers)
            if len(patterns) > PATTERNS_AT_MOST:
                return None
    return tuple(patterns)


def _documents(policies: Policies) -> Iterator[Document]:
    yield from policies.identity
    yield from policies.session or ()
    for one in (policies.boundary, policies.resource, policies.grants):
        if one is not None:
            yield one


def _is_general(statement: Statement) -> bool:
    """Whether nothing but its patterns tells the resources and requests of one caller apart."""
    if statement.fault is not None or any("${" in one for one in statement.resources):
        return False
    for one in statement.conditions:
        of_caller = one.key in OF_CALLERS or one.key.startswith(_OF_CALLERS_TAGS)
        if not of_caller or any("${" in bound for bound in one.bounds):
            return False
    return True
