"""Policy documents: read, checked, and compiled so that asking them about an action is cheap.

``parse_document`` is for documents that a caller wants to store, ``load_document`` for stored ones.
Source: IAM User Guide, "IAM JSON policy reference" (facts: iam, sections 1 to 3, 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from strongroom.base.classes import dataclass, field
from strongroom.kernel.authz import grammar, saving
from strongroom.kernel.authz.faults import PolicyError
from strongroom.kernel.authz.grammar import Clause
from strongroom.kernel.authz.memory import Memory
from strongroom.kernel.authz.statement import Statement

__all__ = [
    "LOADED",
    "Document",
    "DocumentKind",
    "PolicyError",
    "Statement",
    "joined",
    "load_document",
    "parse_document",
    "read_document",
]

_REMEMBERED_ACTIONS = 256  # a document; the actions of all our rooms are about as many
_FEW_STATEMENTS = 4
_REMEMBERED_RESOURCES = 256
LOADED: Memory[Document] = Memory(4 << 20)
"""Stored documents by kind, label and text. Compiled they take about ten times their characters."""


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
    A document of the same text, kind and label is the same object while it is remembered.
    """
    return LOADED.of((kind, label, text), len(text) + len(label), lambda: read_document(text, kind, label))


def joined(documents: Sequence[Document], kind: DocumentKind, label: str) -> Document:
    """Documents of one kind and label as one: all of their statements, in order."""
    statements = tuple(statement for one in documents for statement in one.statements)
    return Document(kind, documents[0].version, None, statements, label, "\n".join(one.text for one in documents))


def read_document(text: str, kind: DocumentKind, label: str) -> Document:
    """As ``load_document``, for whoever remembers it by something shorter than its text."""
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
    return Statement(clause, kind.value, label, variables=version == "2012-10-17")


def _unreadable(index: int, kind: DocumentKind, label: str, error: PolicyError, *, allows: bool = False) -> Statement:
    """In the place of one that cannot be read: a statement about everything, for everyone, not understood."""
    clause = Clause(
        index=index,
        sid=None,
        effect="Allow" if allows else "Deny",
        actions=("*",),
        not_actions=None,
        resources=("*",),
        not_resources=None,
        principals=None if kind in _OF_IDENTITIES else (("*", "*"),),
        not_principals=None,
        conditions=(),
    )
    return Statement(clause, kind.value, label, variables=False, fault=f"its {error.code}")
