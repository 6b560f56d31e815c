"""What a principal can do when not everything about the request is known yet: always, if ..., or never.

The same ``decide`` is asked twice. Once everything unknown is against the caller: an Allow with an unknown
condition does not count, a Deny with one does. Once everything unknown is in the caller's favour.
Our choice: a condition is unknown if the request alone brings its key (an address, an external id, tags passed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from strongroom.base.classes import dataclass
from strongroom.kernel.authz.conditions import Condition
from strongroom.kernel.authz.decide import decide
from strongroom.kernel.authz.document import Document, DocumentKind, Statement
from strongroom.kernel.authz.model import Match, Policies, Request

Known = Callable[[str], bool]
"""Whether a lower-case condition key has its final value, or is surely absent."""


@dataclass(frozen=True, slots=True)
class Possibility:
    """``possible``: under some request. ``conditions``: what that request has to meet; empty: under any.

    ``because``: the Allows that apply.
    """

    possible: bool
    because: tuple[Match, ...] = ()
    conditions: tuple[str, ...] = ()


def possibility(request: Request, policies: Policies, known: Known) -> Possibility:
    """Whether the principal can, whatever the request brings that is not known."""
    best = decide(request, _assumed(policies, known, generous=True))
    if not best.allowed:
        return Possibility(False)
    worst = decide(request, _assumed(policies, known, generous=False))
    if worst.allowed:
        return Possibility(True, worst.matches)
    conditions = [
        *_unknown_of(policies, best.matches, known, "{}"),
        *_unknown_of(policies, [match for match in worst.matches if match.effect == "Deny"], known, "not {}"),
    ]
    return Possibility(True, best.matches, tuple(dict.fromkeys(conditions)))


def _assumed(policies: Policies, known: Known, *, generous: bool) -> Policies:
    def told(document: Document) -> Document:
        return _document(document, known, generous)

    return replace(
        policies,
        identity=tuple(told(one) for one in policies.identity),
        boundary=None if policies.boundary is None else told(policies.boundary),
        session=None if policies.session is None else tuple(told(one) for one in policies.session),
        resource=None if policies.resource is None else told(policies.resource),
        grants=None if policies.grants is None else told(policies.grants),
    )


def _document(document: Document, known: Known, generous: bool) -> Document:
    """The document with unknown conditions taken as met (the statement counts) or as unmet (it goes)."""
    kept: list[Statement] = []
    for statement in document.statements:
        sure = [one for one in statement.conditions if known(one.key.lower())]
        if len(sure) == len(statement.conditions):
            kept.append(statement)
        elif statement.allows is generous:
            kept.append(statement.under(tuple(sure)))
    if len(kept) == len(document.statements) and all(map(_same, kept, document.statements)):
        return document
    return replace(document, statements=tuple(kept), _by_action={})


def _same(one: Statement, other: Statement) -> bool:
    return one is other


def _unknown_of(policies: Policies, matches: Iterable[Match], known: Known, form: str) -> Iterable[str]:
    documents = [*policies.identity, *(policies.session or ())]
    documents += [one for one in (policies.boundary, policies.resource, policies.grants) if one is not None]
    for match in matches:
        for document in documents:
            if document.label != match.label or (document.kind is DocumentKind.GRANT) != (match.kind == "grant"):
                continue
            for statement in document.statements:
                if statement.index == match.index:
                    unknown = [one for one in statement.conditions if not known(one.key.lower())]
                    yield from (form.format(_text(one)) for one in unknown)


def _text(one: Condition) -> str:
    return f"{one.operator} {one.key} {', '.join(one.bounds)}"
