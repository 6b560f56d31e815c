"""Whether a statement's actions and resources cover those of a request.

Source: IAM User Guide, "IAM JSON policy elements: Action", "... Resource" (facts: iam, section 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from strongroom.base.classes import dataclass, field
from strongroom.kernel.authz.faults import NotUnderstoodError
from strongroom.kernel.authz.glob import Matcher, Token, Wild, glob, matcher
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.authz.variables import Template, Variable, fill, is_fixed, parse_template

Covers = Callable[[str, Mapping[str, ContextValue]], bool | None]
_PARTS = 6


def action_test(patterns: Sequence[str], *, negated: bool) -> Matcher:
    """A function that says whether a *lower-case* action is among the patterns (or, negated, is not).

    Both halves of an action are compared without regard to case; wildcards stand for any characters.
    """
    lowered = [pattern.lower() for pattern in patterns]
    if "*" in lowered:
        return lambda action: not negated  # noqa: ARG005
    exact = frozenset(pattern for pattern in lowered if "*" not in pattern and "?" not in pattern)
    globs = tuple(glob(pattern) for pattern in lowered if pattern not in exact)
    return lambda action: (action in exact or any(fits(action) for fits in globs)) is not negated


@dataclass(slots=True)
class _Patterns:
    """The patterns of one statement, each where it is tested fastest. ``broken``: some is not understood."""

    exact: set[str] = field(default_factory=set)
    prefixes: list[str] = field(default_factory=list)
    globs: list[Matcher] = field(default_factory=list)
    templates: list[Template] = field(default_factory=list)
    broken: bool = False


def resource_test(patterns: Sequence[str], *, negated: bool, variables: bool) -> Covers | None:
    """A function (resource, context): does a statement cover a resource? None in its place: it covers all.

    An ARN is compared part by part, with regard to case. A pattern of fewer than six parts covers nothing,
    one whose variable has no value nothing either. It answers None where a pattern is not understood.
    """
    if "*" in patterns and not negated:
        return None
    found = _sorted(patterns, variables)
    fixed, templates, broken = _fixed_test(found), tuple(found.templates), found.broken
    if not templates and not broken:
        return lambda resource, context: fixed(resource) is not negated  # noqa: ARG005

    def covers(resource: str, context: Mapping[str, ContextValue]) -> bool | None:
        if fixed(resource):
            return not negated
        unclear = broken
        for template in templates:
            try:
                tokens = fill(template, context)
            except NotUnderstoodError:
                unclear = True
                continue
            if tokens is not None and _by_parts(tuple(tokens))(resource):
                return not negated
        return None if unclear else negated

    return covers


def _sorted(patterns: Sequence[str], variables: bool) -> _Patterns:
    found = _Patterns()
    for pattern in patterns:
        try:
            template = parse_template(pattern, variables=variables, wild=True)
            if is_fixed(template):
                _sort_in(fill(template, {}) or [], found)
            elif _varies_in_last_part_only(template):
                found.templates.append(template)
            else:
                found.broken = True
        except NotUnderstoodError:
            found.broken = True
    return found


def _sort_in(tokens: list[Token], found: _Patterns) -> None:
    if tokens == [Wild.RUN]:
        found.globs.append(matcher(tokens))
        return
    colons = sum(token.count(":") for token in tokens if isinstance(token, str))
    if colons < _PARTS - 1:
        return
    head = tokens[0] if isinstance(tokens[0], str) else ""
    if head.count(":") < _PARTS - 1:
        found.globs.append(_by_parts(tuple(tokens)))
    elif len(tokens) == 1:
        found.exact.add(head)
    elif tokens[1:] == [Wild.RUN]:
        found.prefixes.append(head)
    else:
        found.globs.append(matcher(tokens))


def _fixed_test(found: _Patterns) -> Matcher:
    exact, prefixes, globs = frozenset(found.exact), tuple(found.prefixes), tuple(found.globs)
    if not globs:
        if not prefixes:
            return exact.__contains__
        if not exact:
            return lambda resource: resource.startswith(prefixes)
    if len(globs) == 1 and not prefixes and not exact:
        return globs[0]
    return lambda resource: resource in exact or resource.startswith(prefixes) or any(fits(resource) for fits in globs)


@lru_cache(maxsize=1024)
def _by_parts(tokens: tuple[Token, ...]) -> Matcher:
    """A matcher part by part, so that no wildcard reaches over the first five colons.

    Remembered, because patterns with variables are filled anew for every request.
    """
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if isinstance(token, str):
            first, *others = token.split(":", _PARTS - len(parts))
            parts[-1].append(first)
            parts.extend([other] for other in others)
        else:
            parts[-1].append(token)
    tests: list[tuple[int, Matcher]] = []
    for place, part in enumerate(parts):
        pattern = [token for token in part if token != ""]
        if pattern != [Wild.RUN]:
            tests.append((place, matcher(pattern)))
    count = len(parts)

    def whole(resource: str) -> bool:
        found = resource.split(":", _PARTS - 1)
        if len(found) != count:
            return False
        for place, fits in tests:  # noqa: SIM110  a generator would cost more than the tests
            if not fits(found[place]):
                return False
        return True

    return whole


def _varies_in_last_part_only(template: Template) -> bool:
    """Whether five colons of the policy's own text stand before the first variable."""
    colons = 0
    for part in template:
        if isinstance(part, Variable):
            return colons >= _PARTS - 1
        if isinstance(part, str):
            colons += part.count(":")
    return True
