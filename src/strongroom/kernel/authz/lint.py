"""What is wrong, or surely not meant, in a policy document that somebody is about to store. Pure.

An ``error`` is what AWS refuses; a ``warning`` is stored and does something else than most authors expect.
Our choice, after the findings that AWS's Access Analyzer and our users' mistakes suggest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from strongroom.base.classes import dataclass
from strongroom.kernel.authz import grammar
from strongroom.kernel.authz.document import Document, DocumentKind, PolicyError, Statement, parse_document
from strongroom.kernel.authz.glob import glob

Actions = Mapping[str, Sequence[str]]
"""The actions of each service that is known, by its prefix."""

_SUFFIXED = re.compile(r".*-[A-Za-z0-9?]{6}|.*\*")
_ACCOUNT_ROOT = re.compile(r"[0-9]{12}|arn:aws:iam::[0-9]{12}:root")


@dataclass(frozen=True, slots=True)
class Finding:
    """``level``: error or warning. ``statement``: its number from 0; None where the whole document is meant."""

    level: str
    statement: int | None
    says: str


def lint(text: str, actions: Actions, kind: DocumentKind | None = None) -> tuple[DocumentKind, list[Finding]]:
    """What kind of document it is (as told, else guessed from its elements), and every finding."""
    kind = kind or guessed_kind(text)
    try:
        document = parse_document(text, kind, "document")
    except PolicyError as error:
        return kind, [Finding("error", None, str(error))]
    return kind, [*_whole(document), *(one for each in document.statements for one in _one(each, kind, actions))]


def guessed_kind(text: str) -> DocumentKind:
    """Principals make it a resource policy, without resources a trust policy; otherwise it is an identity policy."""
    try:
        clauses = [grammar.clause(at, one) for at, one in enumerate(grammar.statements(grammar.read_json(text)))]
    except PolicyError:
        return DocumentKind.IDENTITY
    if not any(one.principals is not None or one.not_principals is not None for one in clauses):
        return DocumentKind.IDENTITY
    named = any(one.resources is not None or one.not_resources is not None for one in clauses)
    return DocumentKind.RESOURCE if named else DocumentKind.TRUST


def _whole(document: Document) -> Iterator[Finding]:
    if document.version != "2012-10-17":
        yield Finding("warning", None, "Without Version 2012-10-17 policy variables are plain text.")
    if not any(statement.allows for statement in document.statements):
        yield Finding("warning", None, "Nothing is allowed: the document can only take away.")


def _one(statement: Statement, kind: DocumentKind, actions: Actions) -> Iterator[Finding]:
    def warning(says: str) -> Finding:
        return Finding("warning", statement.index, says)

    for pattern in statement.actions:
        fault = _action_fault(pattern, actions)
        if fault is not None:
            yield warning(fault)
    if statement.allows:
        if statement.actions_negated:
            yield warning("Allow with NotAction allows every action of every other service, and all new ones.")
        elif kind is DocumentKind.IDENTITY and "*" in statement.actions and "*" in statement.resources:
            yield warning("Everything is allowed on everything.")
        if statement.resources_negated:
            yield warning("Allow with NotResource allows every resource but those listed, and all new ones.")
        yield from map(warning, _open_to(statement))
    for pattern in statement.resources:
        yield from map(warning, _resource_faults(pattern))


def _action_fault(pattern: str, actions: Actions) -> str | None:
    service, colon, name = pattern.partition(":")
    known = actions.get(service.lower())
    if not colon or known is None:
        return None
    fits = glob(name.lower())
    if any(fits(action.lower()) for action in known):
        return None
    return f"{pattern} is no action of {service}: the statement never applies to it."


def _open_to(statement: Statement) -> Iterator[str]:
    principals = statement.principals
    if principals is None:
        return
    if principals.negated:
        yield "Allow with NotPrincipal allows everybody else, strangers too."
    elif principals.anyone and not statement.conditions:
        yield "Everybody is allowed, in every account: name principals, or add a condition."
    elif any(_ACCOUNT_ROOT.fullmatch(value) for _, value in principals.written) and "*" in statement.actions:
        yield "A whole account is allowed everything: its administrators decide who of them."


def _resource_faults(pattern: str) -> Iterator[str]:
    parts = pattern.split(":", 6)
    if len(parts) != 7 or parts[2] != "secretsmanager" or parts[5] != "secret":
        return
    if not _SUFFIXED.fullmatch(parts[6]):
        yield f"{pattern} fits no secret: ARNs of secrets end in a hyphen and six characters; add -??????."
    elif parts[6].endswith("-*"):
        yield f"{pattern} also fits longer names: -?????? instead of -* fits this one only."
