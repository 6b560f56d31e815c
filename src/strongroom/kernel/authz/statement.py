"""One statement of a policy: as written, and compiled part by part when a decision first asks for the part.

Most statements of most policies are never asked for more than their actions: a principal with a thousand policies is
decided about by a handful of them. Compiling never raises, so it may wait. Source: decision 0007.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from strongroom.kernel.authz.conditions import Condition, Test, condition
from strongroom.kernel.authz.glob import Matcher
from strongroom.kernel.authz.grammar import Clause
from strongroom.kernel.authz.match import Covers, action_test, resource_test
from strongroom.kernel.authz.model import Match
from strongroom.kernel.authz.naming import Principals, principals


class Statement:
    """One statement, compared by identity and never changed.

    ``principals`` is None in documents of identities. ``takes`` says whether a lower-case action is meant,
    ``covers`` whether a resource is, None where all are; ``tests`` belong to ``conditions``, in their order.
    ``match`` is how a decision refers to it. ``fault`` says what of it could not be read back from the store.
    """

    __slots__ = (
        "_clause",
        "_kind",
        "_label",
        "_variables",
        "allows",
        "conditions",
        "covers",
        "fault",
        "match",
        "principals",
        "takes",
        "tests",
    )
    allows: bool
    fault: str | None
    conditions: tuple[Condition, ...]
    covers: Covers | None
    match: Match
    principals: Principals | None
    takes: Matcher
    tests: tuple[Test, ...]

    def __init__(self, clause: Clause, kind: str, label: str, *, variables: bool, fault: str | None = None) -> None:
        """``kind`` and ``label``: of its document; ``variables``: whether its version of the language has them."""
        self._clause = clause
        self._kind = kind
        self._label = label
        self._variables = variables
        self.allows = clause.effect == "Allow"
        self.fault = fault

    def __repr__(self) -> str:
        return f"Statement({self._label!r}, {self._clause!r})"

    @property
    def index(self) -> int:
        """Its place in its document, from 0."""
        return self._clause.index

    @property
    def sid(self) -> str | None:
        """Its Sid."""
        return self._clause.sid

    @property
    def actions_negated(self) -> bool:
        """Whether ``actions`` are those that it does not mean."""
        return self._clause.not_actions is not None

    @property
    def actions(self) -> tuple[str, ...]:
        """The patterns of actions."""
        clause = self._clause
        return (clause.actions if clause.not_actions is None else clause.not_actions) or ()

    @property
    def resources_negated(self) -> bool:
        """Whether ``resources`` are those that it does not cover."""
        return self._clause.not_resources is not None

    @property
    def resources(self) -> tuple[str, ...]:
        """The patterns of resources."""
        clause = self._clause
        return (clause.resources if clause.not_resources is None else clause.not_resources) or ()

    def may_cover(self, resource: str) -> bool:
        """False where the statement covers the resource under no request: resources with variables may always."""
        if self.covers is None or any("${" in one for one in self.resources):
            return True
        return self.covers(resource, {}) is not False

    def under(self, kept: tuple[Condition, ...]) -> Statement:
        """The same statement under these conditions instead of its own."""
        made = Statement(self._clause, self._kind, self._label, variables=self._variables, fault=self.fault)
        made.conditions, made.tests = kept, tuple(one.test for one in kept)
        return made

    if not TYPE_CHECKING:  # else every name would be an attribute to the type checker

        def __getattr__(self, name: str) -> Any:
            """A part that has not been compiled yet; called for no other."""
            compiled = _PARTS.get(name)
            if compiled is None:
                raise AttributeError(name)
            made = compiled(self)
            setattr(self, name, made)
            return made

    def _takes(self) -> Matcher:
        return action_test(self.actions, negated=self.actions_negated)

    def _covers(self) -> Covers | None:
        clause = self._clause
        if clause.resources is None and clause.not_resources is None:  # a trust policy's: about its own role
            return None
        return resource_test(self.resources, negated=self.resources_negated, variables=self._variables)

    def _principals(self) -> Principals | None:
        clause = self._clause
        written = clause.principals if clause.principals is not None else clause.not_principals
        return None if written is None else principals(written, negated=clause.not_principals is not None)

    def _conditions(self) -> tuple[Condition, ...]:
        return tuple(condition(*one, variables=self._variables) for one in self._clause.conditions)

    def _tests(self) -> tuple[Test, ...]:
        return tuple(one.test for one in self.conditions)

    def _match(self) -> Match:
        clause = self._clause
        return Match(self._kind, self._label, clause.index, clause.sid, clause.effect)


_PARTS: Mapping[str, Callable[[Statement], Any]] = MappingProxyType(
    {
        "takes": Statement._takes,
        "covers": Statement._covers,
        "principals": Statement._principals,
        "conditions": Statement._conditions,
        "tests": Statement._tests,
        "match": Statement._match,
    }
)
