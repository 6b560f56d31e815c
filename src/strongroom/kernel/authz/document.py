"""Policy documents: read, checked, and compiled so that asking them about an action is cheap.

``parse_document`` is for documents that a caller wants to store, ``load_document`` for stored ones.
Source: IAM User Guide, "IAM JSON policy reference" (facts: iam, sections 1 to 3, 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from strongroom.kernel.authz import grammar, saving
from strongroom.kernel.authz.conditions import Condition, Test, condition
from strongroom.kernel.authz.faults import PolicyError
from strongroom.kernel.authz.glob import Matcher
from strongroom.kernel.authz.grammar import Clause
from strongroom.kernel.authz.match import Covers, action_test, resource_test
from strongroom.kernel.authz.model import Match
from strongroom.kernel.authz.naming import Principals, principals

__all__ = ["Document", "DocumentKind", "PolicyError", "Statement", "load_document", "parse_document"]

_REMEMBERED_ACTIONS = 256  # a document; the actions of all our rooms are about as many
_FEW_STATEMENTS = 4
_REMEMBERED_RESOURCES = 256


class DocumentKind(Enum):
    """What a document is for. The value is the word that ``Match.kind`` and ``Decision.kind`` use."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    KEY = "key"
    GRANT = "grant"
    TRUST = "trust"
    SESSION = "session"
    BOUNDARY = "boundary"


_TIMELY = ("aws:currenttime", "aws:epochtime", "aws:multifactorauthage")
"""The condition keys whose values change while nothing else does."""

_OF_IDENTITIES = frozenset({DocumentKind.IDENTITY, DocumentKind.SESSION, DocumentKind.BOUNDARY})
_CHECKS = {
    DocumentKind.IDENTITY: saving.check_identity,
    DocumentKind.SESSION: saving.check_identity,
    DocumentKind.BOUNDARY: saving.check_identity,
    DocumentKind.RESOURCE: saving.check_resource,
    DocumentKind.KEY: saving.check_resource,
    DocumentKind.GRANT: saving.check_resource,
    DocumentKind.TRUST: saving.check_trust,
}


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement, as written and compiled.

    ``principals`` is None in documents of identities. ``takes`` says whether a lower-case action is meant,
    ``covers`` whether a resource is, None where all are; ``tests`` belong to ``conditions``, in their order.
    ``match`` is how a decision refers to it. ``fault`` says what of it could not be read back from the store.
    """

    index: int
    sid: str | None
    allows: bool
    actions: tuple[str, ...]
    actions_negated: bool
    resources: tuple[str, ...]
    resources_negated: bool
    principals: Principals | None
    conditions: tuple[Condition, ...]
    match: Match
    takes: Matcher = field(repr=False)
    covers: Covers | None = field(repr=False)
    tests: tuple[Test, ...] = field(repr=False)
    fault: str | None = None

    def may_cover(self, resource: str) -> bool:
        """False where the statement covers the resource under no request: resources with variables may always."""
        if self.covers is None or any("${" in one for one in self.resources):
            return True
        return self.covers(resource, {}) is not False


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One compiled policy document. ``text`` is as it was given; ``label`` is what reasons call it."""

    kind: DocumentKind
    version: str
    id: str | None
    statements: tuple[Statement, ...]
    label: str
    text: str = field(repr=False)
    _by_action: dict[str, tuple[Statement, ...]] = field(default_factory=dict, repr=False)
    # Not an argument, so that a document made from another (dataclasses.replace) begins with nothing remembered.
    _by_resource: dict[tuple[str, str], tuple[Statement, ...]] = field(default_factory=dict, repr=False, init=False)
    timely: bool = field(init=False)
    """Whether what it says may change by the passing of time alone. Said too often rather than too seldom."""

    def __post_init__(self) -> None:
        text = self.text.lower()
        # Read in the text, for a condition or a variable anywhere; an escape in it may spell anything.
        object.__setattr__(self, "timely", "\\u" in text or any(key in text for key in _TIMELY))

    def about(self, action: str) -> tuple[Statement, ...]:
        """The statements that speak of an action, in order. Remembered for a bounded number of actions."""
        found = self._by_action.get(action)
        if found is None:
            lowered = action.lower()
            found = tuple(statement for statement in self.statements if statement.takes(lowered))
            if len(self._by_action) < _REMEMBERED_ACTIONS:
                self._by_action[action] = found
        return found

    def covering(self, action: str, resource: str) -> tuple[Statement, ...]:
        """The statements about an action that may cover a resource, in order: those left out cannot apply.

        Where few speak of the action, all of them: asking them costs no more than remembering. Of many it is
        remembered for a bounded number of resources, so that a hundred statements cost a read as much as one.
        """
        about = self.about(action)
        if len(about) <= _FEW_STATEMENTS:
            return about
        found = self._by_resource.get((action, resource))
        if found is None:
            found = tuple(statement for statement in about if statement.may_cover(resource))
            if len(self._by_resource) >= _REMEMBERED_RESOURCES:
                self._by_resource.clear()
            self._by_resource[action, resource] = found
        return found


def parse_document(text: str, kind: DocumentKind, label: str) -> Document:
    """Read a document that somebody wants to store.

    Raises PolicyError with AWS's MalformedPolicyDocument text for IAM's documents and a ``code`` for all.
    """
    try:
        raw = grammar.read_json(text)
        version, name = grammar.header(raw)
        clauses = [grammar.clause(index, one) for index, one in enumerate(grammar.statements(raw))]
        _CHECKS[kind](text, version, name, clauses)
    except PolicyError as error:
        if kind is DocumentKind.TRUST and error.code == "json":
            raise PolicyError("This policy contains invalid Json", "json") from None
        raise
    version = version or "2008-10-17"
    return Document(kind, version, name, tuple(_compiled(one, kind, label, version) for one in clauses), label, text)


def load_document(text: str, kind: DocumentKind, label: str) -> Document:
    """Read a document back from the store, whatever state it is in. Never raises.

    What cannot be read never allows: an unreadable Allow allows nothing; any other unreadable statement, or
    an unreadable document, denies everything; decisions note it.
    The rules for storing (versions, Sids, texts) are not asked again, so an older document keeps its meaning.
    """
    try:
        raw = grammar.read_json(text)
        version, name = grammar.header(raw)
        listed: Sequence[Any] = grammar.statements(raw)
    except PolicyError as error:
        return Document(kind, "2012-10-17", None, (_unreadable(0, kind, label, error),), label, text)
    version = version or "2008-10-17"
    found: list[Statement] = []
    for index, one in enumerate(listed):
        try:
            clause = grammar.clause(index, one)
            found.append(_compiled(_meant(clause, kind), kind, label, version))
        except PolicyError as error:
            allows = isinstance(one, dict) and one.get("Effect") == "Allow"
            found.append(_unreadable(index, kind, label, error, allows=allows))
    return Document(kind, version, name, tuple(found), label, text)


def _meant(clause: Clause, kind: DocumentKind) -> Clause:
    """The clause, if it says whom and what it means. Raises PolicyError ``field``."""
    spoken_of = clause.principals is not None or clause.not_principals is not None
    resource_named = clause.resources is not None or clause.not_resources is not None
    if (
        (clause.actions is None and clause.not_actions is None)
        or spoken_of == (kind in _OF_IDENTITIES)
        or resource_named == (kind is DocumentKind.TRUST)
    ):
        grammar.fault("field")
    return clause


def _compiled(clause: Clause, kind: DocumentKind, label: str, version: str) -> Statement:
    variables = version == "2012-10-17"
    acts_negated, resources_negated = clause.not_actions is not None, clause.not_resources is not None
    actions = (clause.not_actions if acts_negated else clause.actions) or ()
    resources = (clause.not_resources if resources_negated else clause.resources) or ()
    written = clause.principals if clause.principals is not None else clause.not_principals
    conditions = tuple(condition(*one, variables=variables) for one in clause.conditions)
    if kind is DocumentKind.TRUST:
        covers = None
    else:
        covers = resource_test(resources, negated=resources_negated, variables=variables)
    return Statement(
        index=clause.index,
        sid=clause.sid,
        allows=clause.effect == "Allow",
        actions=actions,
        actions_negated=acts_negated,
        resources=resources,
        resources_negated=resources_negated,
        principals=None if written is None else principals(written, negated=clause.not_principals is not None),
        conditions=conditions,
        match=Match(kind.value, label, clause.index, clause.sid, clause.effect),
        takes=action_test(actions, negated=acts_negated),
        covers=covers,
        tests=tuple(one.test for one in conditions),
    )


def _unreadable(index: int, kind: DocumentKind, label: str, error: PolicyError, *, allows: bool = False) -> Statement:
    """In the place of one that cannot be read: a statement about everything, for everyone, not understood."""
    return Statement(
        index=index,
        sid=None,
        allows=allows,
        actions=("*",),
        actions_negated=False,
        resources=("*",),
        resources_negated=False,
        principals=None if kind in _OF_IDENTITIES else principals((("*", "*"),), negated=False),
        conditions=(),
        match=Match(kind.value, label, index, None, "Allow" if allows else "Deny"),
        takes=action_test(("*",), negated=False),
        covers=None,
        tests=(),
        fault=f"its {error.code}",
    )
