"""The walker: whether parameters keep the constraints of their shape, told in AWS's own words.

Every shape is compiled once into a closure; all violations of one request are told in one refusal.
Source: facts of Secrets Manager, 1.6, and of KMS; for elements of lists and for maps the texts that Lambda is
widely seen to give (``Member must satisfy constraint: [...]``, ``Map keys must satisfy constraint: [...]``).
Our choice: lengths of strings count code points, as Smithy's length trait says, not UTF-16 units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from strongroom.base.classes import dataclass
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.model.patterns import matcher
from strongroom.kernel.model.shapes import LIMITED_BY_VALUE, Shape

MAX_VIOLATIONS: Final = 100  # told in one refusal; more would let a small request buy a large answer
MAX_ECHO: Final = 2048  # characters of a value that a refusal repeats; a longer one is left out
MAX_MATCHED: Final = 4096  # an over-long string beyond this is not matched too: it is refused already

_NOT_NULL: Final = "Member must not be null"

Keeps = Callable[[Any], bool]
Check = Callable[[Any, str, list[str]], None]
"""Adds the violations of one value, at its path, to a list."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One constraint of a value by itself, and AWS's words for it."""

    keeps: Keeps
    words: str


_Key = tuple[Shape, bool]  # and whether it lies inside a sensitive shape, so that no value is repeated
_CHECKS: dict[_Key, Check] = {}
_COMPOSED: Final = frozenset({"structure", "list", "map"})
_NAME_SHOWN: Final = 128  # characters of a map's key in a path


def validate(shape: Shape | None, params: Mapping[str, Any]) -> None:
    """Nothing, where the parameters keep every constraint of an operation's input shape; None has none.

    Raises Refusal(VALIDATION) with all violations, in the order of the model.
    The values must already have the types of their shapes, as ``wire`` hands them out.
    """
    if shape is None:
        return
    found: list[str] = []
    _check(shape)(params, "", found)
    if found:
        told = found[:MAX_VIOLATIONS]
        many = "s" if len(told) > 1 else ""
        raise Refusal(Kind.VALIDATION, f"{len(told)} validation error{many} detected: {'; '.join(told)}")


def rules_of(
    shape: Shape,
    *,
    least: float | None,
    most: float | None,
    pattern: str | None,
    enum: tuple[str, ...] = (),
) -> tuple[Rule, ...]:
    """The rules that limits make for values of a shape: the shape's own limits, or those of an overlay."""
    by_value = shape.type_name in LIMITED_BY_VALUE
    measure, what = (_itself, "value") if by_value else (len, "length")
    rules = []
    if most is not None:
        rules.append(Rule(_at_most(measure, most), f"Member must have {what} less than or equal to {_number(most)}"))
    if least is not None:
        rules.append(
            Rule(
                _at_least(measure, least),
                f"Member must have {what} greater than or equal to {_number(least)}",
            )
        )
    if pattern is not None and shape.type_name == "string":
        rules.append(Rule(_fits(pattern, most), f"Member must satisfy regular expression pattern: {pattern}"))
    if enum:
        words = f"Member must satisfy enum value set: [{', '.join(enum)}]"
        rules.append(Rule(frozenset(enum).__contains__, words))
    return tuple(rules)


def own_rules(shape: Shape) -> tuple[Rule, ...]:
    """The rules of a shape's own limits."""
    return rules_of(shape, least=shape.min, most=shape.max, pattern=shape.pattern, enum=shape.enum)


def explained(shape: Shape, value: Any, path: str, words: str) -> str:
    """One violation as a refusal tells it; the value is left out where it may not or cannot be repeated."""
    return _told(shape, value, path, words, hidden=False)


def path_of(name: str) -> str:
    """A member's name as refusals print it: ``kMSKeyArn`` for ``KMSKeyArn``."""
    return name[:1].lower() + name[1:]


# ---------------------------------------------------------------------- rules


def _number(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)


def _itself(value: float) -> float:
    return value


def _at_most(measure: Callable[[Any], float], most: float) -> Keeps:
    return lambda value: measure(value) <= most


def _at_least(measure: Callable[[Any], float], least: float) -> Keeps:
    return lambda value: measure(value) >= least


def _fits(pattern: str, most: float | None) -> Keeps:
    matches = matcher(pattern)
    if most is None:
        return matches
    limit = max(most, MAX_MATCHED)
    return lambda text: len(text) > limit or matches(text)


# ---------------------------------------------------------------------- checks


def _check(shape: Shape) -> Check:
    found = _CHECKS.get((shape, False))
    if found is None:
        # Published only when the whole circle of shapes is complete: half a check would let things through.
        making: dict[_Key, Check] = {}
        found = _make(shape, making, hidden=False) or _nothing_to_check
        _CHECKS.update(making)
        _CHECKS[shape, False] = found
    return found


def _make(shape: Shape, making: dict[_Key, Check], *, hidden: bool) -> Check | None:
    """The check of a shape, or None where every value is right. ``hidden``: inside a sensitive shape."""
    hidden = hidden or shape.sensitive
    known = _CHECKS.get((shape, hidden)) or making.get((shape, hidden))
    if known is not None:
        return known
    if shape.type_name == "structure":
        return _structure(shape, making, hidden=hidden)
    if shape.member is not None:
        return _list(shape, shape.member.shape, making, hidden=hidden)
    if shape.key is not None and shape.value is not None:
        return _map(shape, shape.key.shape, shape.value.shape, making, hidden=hidden)
    rules = own_rules(shape)
    return _scalar(shape, rules, hidden=hidden) if rules else None


def _nothing_to_check(_value: Any, _path: str, _found: list[str]) -> None:
    pass


def _scalar(shape: Shape, rules: tuple[Rule, ...], *, hidden: bool) -> Check:
    kept = [rule.keeps for rule in rules]

    def check(value: Any, path: str, found: list[str]) -> None:
        for keeps in kept:
            if not keeps(value):
                _judge(shape, rules, value, path, found, hidden=hidden)
                return

    return check


def _judge(shape: Shape, rules: tuple[Rule, ...], value: Any, path: str, found: list[str], *, hidden: bool) -> None:
    found.extend(_told(shape, value, path, rule.words, hidden=hidden) for rule in rules if not rule.keeps(value))


def _structure(shape: Shape, making: dict[_Key, Check], *, hidden: bool) -> Check:
    table: list[tuple[str, str, bool, Check | None]] = []

    def check(value: Any, path: str, found: list[str]) -> None:
        prefix = f"{path}." if path else ""
        for name, step, required, inner in table:
            part = value.get(name)
            if part is not None:
                if inner is not None:
                    inner(part, prefix + step, found)
            elif required:
                found.append(_null(prefix + step))

    making[shape, hidden] = check  # before its members ask for it
    for member in shape.members.values():
        inner = _make(member.shape, making, hidden=hidden)
        if inner is not None or member.required:
            table.append((member.name, path_of(member.name), member.required, inner))
    return check


def _list(shape: Shape, element: Shape, making: dict[_Key, Check], *, hidden: bool) -> Check:
    rules = own_rules(shape)
    inner = _make(element, making, hidden=hidden)
    # Elements without parts of their own are told as one violation of the list, with all their rules.
    together = None if element.type_name in _COMPOSED else own_rules(element)
    words = "Member must satisfy constraint: [" + ", ".join(rule.words for rule in together or ()) + "]"
    kept = [rule.keeps for rule in rules]

    def check(value: Any, path: str, found: list[str]) -> None:
        for keeps in kept:
            if not keeps(value):
                _judge(shape, rules, value, path, found, hidden=hidden)
                break
        broken = False
        for number, part in enumerate(value, 1):
            if part is None:
                found.append(_null(f"{path}.{number}.member"))
            elif together is None and inner is not None:
                inner(part, f"{path}.{number}.member", found)
            elif together and not broken:
                broken = not all(rule.keeps(part) for rule in together)
            if len(found) >= MAX_VIOLATIONS:
                return
        if broken:
            found.append(_told(shape, value, path, words, hidden=hidden))

    return check


def _map(shape: Shape, key: Shape, element: Shape, making: dict[_Key, Check], *, hidden: bool) -> Check:
    rules = own_rules(shape)
    inner = _make(element, making, hidden=hidden)
    composed = element.type_name in _COMPOSED
    key_rules, value_rules = own_rules(key), () if composed else own_rules(element)
    keys = "Map keys must satisfy constraint: [" + ", ".join(rule.words for rule in key_rules) + "]"
    values = "Map value must satisfy constraint: [" + ", ".join(rule.words for rule in value_rules) + "]"

    def check(value: Any, path: str, found: list[str]) -> None:
        _judge(shape, rules, value, path, found, hidden=hidden)
        if not all(rule.keeps(name) for name in value for rule in key_rules):
            found.append(_told(shape, value, path, keys, hidden=hidden))
        parts = [part for part in value.values() if part is not None]
        if len(parts) != len(value):
            found.append(f"Value null at '{path}' failed to satisfy constraint: Map value must not be null")
        if not all(rule.keeps(part) for part in parts for rule in value_rules):
            found.append(_told(shape, value, path, values, hidden=hidden))
        if composed and inner is not None:
            for name, part in value.items():
                if part is not None and len(found) < MAX_VIOLATIONS:
                    inner(part, f"{path}.{_shortened(name)}.member", found)

    return check


# ---------------------------------------------------------------------- texts


def _null(path: str) -> str:
    return f"Value null at '{path}' failed to satisfy constraint: {_NOT_NULL}"


def _told(shape: Shape, value: Any, path: str, words: str, *, hidden: bool) -> str:
    """One violation. The value is left out where it is sensitive, binary, structured or very long."""
    shown = None if hidden or shape.sensitive else _shown(shape, value)
    repeated = f"'{shown}' " if shown is not None and len(shown) <= MAX_ECHO else ""
    return f"Value {repeated}at '{path}' failed to satisfy constraint: {words}"


def _shown(shape: Shape, value: Any) -> str | None:
    """A value as Java prints it; None for what has no such form here, or holds something sensitive."""
    parts = [part.shape for part in (shape.member, shape.key, shape.value) if part is not None]
    if any(part.sensitive for part in parts):
        return None
    if shape.type_name == "string":
        return str(value)
    if shape.type_name in LIMITED_BY_VALUE:
        return f"{value}"
    # A list or map that may print longer than is ever repeated is not printed at all.
    if shape.member is not None and shape.member.shape.type_name == "string" and len(value) <= MAX_ECHO:
        return f"[{', '.join(map(str, value))}]"
    if shape.value is not None and shape.value.shape.type_name == "string" and len(value) <= MAX_ECHO:
        return "{" + ", ".join(f"{key}={part}" for key, part in value.items()) + "}"
    return None


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_SHOWN else f"{name[:_NAME_SHOWN]}..."
