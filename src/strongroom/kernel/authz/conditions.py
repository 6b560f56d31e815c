"""Condition blocks: one table of operators, and what presence, sets and negation mean around it.

A test answers True, False, or None where something in it is not understood; None never allows.
Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Multivalued context keys"
(facts: iam, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import eq, ge, gt, le, lt
from typing import Any

from strongroom.base.classes import dataclass, field
from strongroom.base.values import identity_object
from strongroom.kernel.authz import values
from strongroom.kernel.authz.faults import NotUnderstoodError
from strongroom.kernel.authz.glob import Token, matcher
from strongroom.kernel.authz.model import ContextValue, Spellings
from strongroom.kernel.authz.variables import Template, fill, is_fixed, parse_template

Context = Mapping[str, ContextValue]
Test = Callable[[Context], bool | None]
Judge = Callable[[str, Context], bool | None]


def _text(tokens: Sequence[Token]) -> str:
    return "".join(token if isinstance(token, str) else token.value for token in tokens)


def _lowered(tokens: Sequence[Token]) -> str:
    return _text(tokens).lower()


def _as(read: Callable[[str], Any]) -> Callable[[Sequence[Token]], Any]:
    return lambda tokens: read(_text(tokens))


def _glob_holds(sent: str, fits: Callable[[str], bool]) -> bool:
    return fits(sent)


@dataclass(frozen=True, slots=True)
class Operator:
    """How one operator compares: ``sent`` reads the request's value, ``bound`` the policy's."""

    sent: Callable[[str], Any]
    bound: Callable[[Sequence[Token]], Any]
    holds: Callable[[Any, Any], bool]
    wild: bool = False  # * and ? are wildcards in the policy's value
    variables: bool = False  # ${...} is replaced in the policy's value
    negated: bool = False  # true when NO bound may match


def _number(holds: Callable[[Any, Any], bool]) -> Operator:
    return Operator(values.number, _as(values.number), holds)


def _date(holds: Callable[[Any, Any], bool]) -> Operator:
    return Operator(values.date, _as(values.date), holds)


_ARN = Operator(values.arn_parts, values.arn_pattern, values.arn_fits, wild=True, variables=True)

OPERATORS = {
    "StringEquals": Operator(str, _text, eq, variables=True),
    "StringEqualsIgnoreCase": Operator(str.lower, _lowered, eq, variables=True),
    "StringLike": Operator(str, matcher, _glob_holds, wild=True, variables=True),
    "NumericEquals": _number(eq),
    "NumericLessThan": _number(lt),
    "NumericLessThanEquals": _number(le),
    "NumericGreaterThan": _number(gt),
    "NumericGreaterThanEquals": _number(ge),
    "DateEquals": _date(eq),
    "DateLessThan": _date(lt),
    "DateLessThanEquals": _date(le),
    "DateGreaterThan": _date(gt),
    "DateGreaterThanEquals": _date(ge),
    "Bool": Operator(values.boolean, _as(values.boolean), eq),
    "BinaryEquals": Operator(values.octets, _as(values.octets), eq),
    "IpAddress": Operator(values.address, _as(values.network), values.within),
    "ArnEquals": _ARN,
    "ArnLike": _ARN,
}
NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
OPERATORS |= {no: replace(OPERATORS[yes], negated=True) for no, yes in NEGATIONS.items()}

IF_EXISTS, FOR_ALL, FOR_ANY, NULL = "IfExists", "ForAllValues:", "ForAnyValue:", "Null"


@identity_object
class Condition:
    """One key under one operator: as written, and as a test."""

    operator: str
    key: str
    bounds: tuple[str, ...]
    test: Test = field(repr=False)

    def __str__(self) -> str:
        return f"{self.operator} {self.key}"


def is_operator(name: str) -> bool:
    """Whether a policy may be stored with this operator: base name, set prefix and IfExists together."""
    return name == NULL or _taken_apart(name)[1] in OPERATORS


def condition(operator: str, key: str, bounds: Sequence[str], *, variables: bool) -> Condition:
    """Compile one line of a condition block. An unknown operator compiles to a test that answers None."""
    lowered = key.lower()
    prefix, base, if_exists = _taken_apart(operator)
    known = OPERATORS.get(base)
    if operator == NULL:
        test = _null(lowered, bounds)
    elif known is None:
        test = _not_understood
    else:
        judge = _judge(known, _read_bounds(known, bounds, variables and known.variables))
        test = _compared(prefix, lowered, judge, negated=known.negated, if_exists=if_exists)
    return Condition(operator, lowered, tuple(bounds), test)


def _taken_apart(name: str) -> tuple[str, str, bool]:
    prefix = next((prefix for prefix in (FOR_ALL, FOR_ANY) if name.startswith(prefix)), "")
    base = name[len(prefix) :]
    return (prefix, base.removesuffix(IF_EXISTS), base.endswith(IF_EXISTS))


def _not_understood(context: Context) -> None:  # noqa: ARG001
    return None


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """Three-valued OR: True wins, then what is not understood."""
    unclear = False
    for answer in answers:
        if answer:
            return True
        unclear = unclear or answer is None
    return None if unclear else False


def all_of(answers: Iterable[bool | None]) -> bool | None:
    """Three-valued AND: False wins, then what is not understood."""
    unclear = False
    for answer in answers:
        if answer is False:
            return False
        unclear = unclear or answer is None
    return None if unclear else True


def _compared(prefix: str, key: str, judge: Judge, *, negated: bool, if_exists: bool) -> Test:
    """Presence and sets around one comparison.

    | prefix       | key missing or empty         | several request values          |
    | none         | negated, or IfExists         | some matches; negated: none may |
    | ForAnyValue  | IfExists                     | some meets the operator         |
    | ForAllValues | true                         | each meets the operator         |
    """
    if prefix == FOR_ALL:
        missing, combine = True, all_of
    elif prefix == FOR_ANY:
        missing, combine = if_exists, any_of
    else:
        missing, combine = negated or if_exists, all_of if negated else any_of

    def test(context: Context) -> bool | None:
        value = context.get(key)
        if value is None or value == ():
            return missing
        if isinstance(value, str):
            return judge(value, context)
        if isinstance(value, Spellings):
            answers = {judge(one, context) for one in value}
            return answers.pop() if len(answers) == 1 else None
        return combine([judge(one, context) for one in value])

    return test


@dataclass(slots=True)
class _Bounds:
    """The policy's values, read, or to be filled for each request. ``broken``: some could not be read."""

    fixed: list[Any] = field(default_factory=list)
    templates: list[Template] = field(default_factory=list)
    broken: bool = False


def _read_bounds(operator: Operator, bounds: Sequence[str], variables: bool) -> _Bounds:
    found = _Bounds()
    for bound in bounds:
        try:
            template = parse_template(bound, variables=variables, wild=operator.wild)
            if is_fixed(template):
                found.fixed.append(operator.bound(fill(template, {}) or ()))
            else:
                found.templates.append(template)
        except NotUnderstoodError:
            found.broken = True
    return found


def _judge(operator: Operator, bounds: _Bounds) -> Judge:
    """Whether one request value meets the operator: some bound (OR), or none if negated (NOR)."""
    sent, holds, negated = operator.sent, operator.holds, operator.negated
    if holds is eq and not bounds.templates and not bounds.broken:
        return _judge_equal(sent, frozenset(bounds.fixed), negated)

    fixed, templates, broken = tuple(bounds.fixed), tuple(bounds.templates), bounds.broken

    def judge(value: str, context: Context) -> bool | None:
        try:
            read = sent(value)
        except NotUnderstoodError:
            return None
        for bound in fixed:
            if holds(read, bound):
                return not negated
        if not templates:
            return None if broken else negated
        held = any_of([_holds_filled(operator, read, template, context) for template in templates])
        if held:
            return not negated
        return None if held is None or broken else negated

    return judge


def _judge_equal(sent: Callable[[str], Any], wanted: frozenset[Any], negated: bool) -> Judge:
    """The same for a comparison by equality with values that are known beforehand."""
    if sent is str:
        return lambda value, context: (value in wanted) is not negated  # noqa: ARG005

    def judge(value: str, context: Context) -> bool | None:  # noqa: ARG001
        try:
            return (sent(value) in wanted) is not negated
        except NotUnderstoodError:
            return None

    return judge


def _holds_filled(operator: Operator, read: Any, template: Template, context: Context) -> bool | None:
    """Whether a value holds against a bound with variables. One without a value matches nothing."""
    try:
        tokens = fill(template, context)
        return tokens is not None and operator.holds(read, operator.bound(tokens))
    except NotUnderstoodError:
        return None


def _null(key: str, bounds: Sequence[str]) -> Test:
    """``true``: the key must be absent; ``false``: it must be there and not empty."""
    wanted = {bound.lower() for bound in bounds}
    if not wanted <= {"true", "false"}:
        return _not_understood

    def test(context: Context) -> bool:
        value = context.get(key)
        return ("true" if value is None or value == () else "false") in wanted

    return test
