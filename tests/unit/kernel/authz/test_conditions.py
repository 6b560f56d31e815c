"""Condition operators: one table of comparisons, one of presence and sets around them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from strongroom.kernel.authz.conditions import NEGATIONS, OPERATORS, all_of, any_of, condition, is_operator
from strongroom.kernel.authz.model import by_name

T, F, UNCLEAR = True, False, None
ARN = "arn:aws:iam::111122223333:role/app"
ABC = base64.b64encode(b"abc").decode()

# operator, what is sent, the policy's values, whether they match
COMPARISONS = [
    ("StringEquals", "abc", ["abc"], T),
    ("StringEquals", "abc", ["ABC"], F),
    ("StringEquals", "abc", ["a*"], F),
    ("StringEquals", "a*", ["a*"], T),
    ("StringEquals", "abc", ["x", "abc"], T),
    ("StringEquals", "", [""], T),
    ("StringEqualsIgnoreCase", "aBc", ["AbC"], T),
    ("StringEqualsIgnoreCase", "aBc", ["AbCd"], F),
    ("StringLike", "abc", ["a*"], T),
    ("StringLike", "abc", ["A*"], F),
    ("StringLike", "abc", ["a?c"], T),
    ("StringLike", "abc", ["b*", "*c"], T),
    ("StringLike", "abc", ["ab"], F),
    ("NumericEquals", "5", ["5.0"], T),
    ("NumericEquals", "5", ["05"], T),
    ("NumericEquals", "5", ["6", "5"], T),
    ("NumericEquals", "5", ["6"], F),
    ("NumericLessThan", "5", ["6"], T),
    ("NumericLessThan", "5", ["5"], F),
    ("NumericLessThan", "10", ["9"], F),
    ("NumericLessThanEquals", "5", ["5"], T),
    ("NumericLessThanEquals", "5.1", ["5"], F),
    ("NumericGreaterThan", "10", ["9"], T),
    ("NumericGreaterThan", "9", ["9"], F),
    ("NumericGreaterThanEquals", "9", ["9"], T),
    ("NumericGreaterThanEquals", "-9", ["9"], F),
    ("NumericEquals", "5", ["five"], UNCLEAR),
    ("NumericEquals", "five", ["5"], UNCLEAR),
    ("NumericEquals", "5", ["five", "5"], T),
    ("DateEquals", "2026-01-02T03:04:05Z", ["1767323045"], T),
    ("DateEquals", "2026-01-02T03:04:05Z", ["2026-01-02"], F),
    ("DateLessThan", "2026-01-02T03:04:05Z", ["2026-01-03"], T),
    ("DateLessThan", "2026-01-02T00:00:00Z", ["2026-01-02"], F),
    ("DateLessThanEquals", "2026-01-02T00:00:00Z", ["2026-01-02"], T),
    ("DateGreaterThan", "2026-01-02T03:04:05Z", ["2026-01-02T04:04:04+01:00"], T),
    ("DateGreaterThan", "2026-01-02T03:04:05Z", ["2027"], F),
    ("DateGreaterThanEquals", "1767323045", ["2026-01-02T03:04:05Z"], T),
    ("DateGreaterThanEquals", "1767323044", ["2026-01-02T03:04:05Z"], F),
    ("DateEquals", "2026-01-02", ["2026-01-0*"], UNCLEAR),
    ("Bool", "true", ["TRUE"], T),
    ("Bool", "false", ["true"], F),
    ("Bool", "yes", ["true"], UNCLEAR),
    ("Bool", "true", ["${aws:none}"], UNCLEAR),
    ("BinaryEquals", ABC, [ABC], T),
    ("BinaryEquals", ABC, ["YWJk"], F),
    ("BinaryEquals", ABC, ["not base64"], UNCLEAR),
    ("IpAddress", "10.1.2.3", ["10.0.0.0/8"], T),
    ("IpAddress", "10.1.2.3", ["192.0.2.1"], F),
    ("IpAddress", "10.1.2.3", ["192.0.2.0/24", "10.1.2.3"], T),
    ("IpAddress", "2001:db8::1", ["10.0.0.0/8"], F),
    ("IpAddress", "somewhere", ["10.0.0.0/8"], UNCLEAR),
    ("IpAddress", "10.1.2.3", ["10.0.0.0/99"], UNCLEAR),
    ("ArnEquals", ARN, [ARN], T),
    ("ArnEquals", ARN, ["arn:aws:iam::*:role/*"], T),
    ("ArnLike", ARN, ["arn:aws:*:role/app"], F),
    ("ArnLike", ARN, ["arn:aws:iam::111122223333:ROLE/app"], F),
    ("ArnLike", "no arn", ["arn:aws:iam::*:role/*"], F),
]  # fmt: skip


def met(operator: str, bounds: list[str], context: dict[str, Any], *, variables: bool = True) -> bool | None:
    """What a condition on ``aws:Key`` answers."""
    return condition(operator, "aws:Key", bounds, variables=variables).test(context)


@pytest.mark.parametrize(("operator", "sent", "bounds", "expected"), COMPARISONS)
def test_operators_compare(operator: str, sent: str, bounds: list[str], expected: bool | None) -> None:
    assert expected is met(operator, bounds, {"aws:key": sent})


@pytest.mark.parametrize(
    ("operator", "sent", "bounds", "expected"),
    [
        (no, sent, bounds, None if expected is None else not expected)
        for no, yes in NEGATIONS.items()
        for operator, sent, bounds, expected in COMPARISONS
        if operator == yes
    ],
)
def test_negations_are_true_where_no_value_matches(
    operator: str, sent: str, bounds: list[str], expected: bool | None
) -> None:
    assert expected is met(operator, bounds, {"aws:key": sent})


def test_every_operator_of_the_table_is_compared_above() -> None:
    assert set(OPERATORS) - set(NEGATIONS) == {operator for operator, *_ in COMPARISONS}


@pytest.mark.parametrize("operator", sorted(OPERATORS))
@pytest.mark.parametrize("absent", [{}, {"aws:key": ()}], ids=["missing", "empty"])
def test_a_missing_key_fails_positive_and_meets_negated_operators(operator: str, absent: dict[str, Any]) -> None:
    bounds = ["1"]

    assert (operator in NEGATIONS) is met(operator, bounds, absent)
    assert True is met(f"{operator}IfExists", bounds, absent)
    assert True is met(f"ForAllValues:{operator}", bounds, absent)
    assert True is met(f"ForAllValues:{operator}IfExists", bounds, absent)
    assert False is met(f"ForAnyValue:{operator}", bounds, absent)
    assert True is met(f"ForAnyValue:{operator}IfExists", bounds, absent)


@pytest.mark.parametrize(("operator", "sent", "bounds", "expected"), COMPARISONS)
def test_a_present_single_value_is_compared_under_every_prefix_and_suffix(
    operator: str, sent: str, bounds: list[str], expected: bool | None
) -> None:
    for form in ("{}IfExists", "ForAllValues:{}", "ForAnyValue:{}", "ForAnyValue:{}IfExists"):
        assert expected is met(form.format(operator), bounds, {"aws:key": sent})
        assert expected is met(form.format(operator), bounds, {"aws:key": (sent,)})


# what is sent to bounds 1 and 2, and the answers of: none, ForAllValues, ForAnyValue; then the same negated
SETS = [
    (("1", "2"), (T, T, T), (F, F, F)),
    (("1", "9"), (T, F, T), (F, F, T)),
    (("8", "9"), (F, F, F), (T, T, T)),
    (("x", "1"), (T, UNCLEAR, T), (F, F, UNCLEAR)),
    (("x", "9"), (UNCLEAR, F, UNCLEAR), (UNCLEAR, UNCLEAR, T)),
]


@pytest.mark.parametrize(("sent", "positive", "negated"), SETS)
def test_sets_of_values(
    sent: tuple[str, ...], positive: tuple[bool | None, ...], negated: tuple[bool | None, ...]
) -> None:
    for prefix, yes, no in zip(("", "ForAllValues:", "ForAnyValue:"), positive, negated, strict=True):
        assert yes is met(f"{prefix}NumericEquals", ["1", "2"], {"aws:key": sent})
        assert no is met(f"{prefix}NumericNotEquals", ["1", "2"], {"aws:key": sent})


@pytest.mark.parametrize(
    ("bounds", "context", "expected"),
    [
        (["true"], {}, T), (["true"], {"aws:key": ()}, T), (["true"], {"aws:key": "x"}, F), (["True"], {}, T),
        (["false"], {}, F), (["false"], {"aws:key": ()}, F), (["false"], {"aws:key": "x"}, T),
        (["false"], {"aws:key": ("x",)}, T), (["true", "false"], {}, T), (["maybe"], {}, UNCLEAR),
    ],
)  # fmt: skip
def test_null_asks_for_presence(bounds: list[str], context: dict[str, Any], expected: bool | None) -> None:
    assert expected is met("Null", bounds, context)


@pytest.mark.parametrize(
    "operator",
    ["StringMatches", "stringequals", "NullIfExists", "ForAnyValue:Null", "ForSomeValues:StringEquals", "",
     "IfExists",
     "StringEqualsIfExistsIfExists", "ForAllValues:ForAnyValue:StringEquals", "BinaryNotEquals"],
)  # fmt: skip
def test_an_unknown_operator_is_not_understood(operator: str) -> None:
    assert not is_operator(operator)
    assert met(operator, ["1"], {"aws:key": "1"}) is None


def test_known_operators_are_known_with_every_prefix_and_suffix() -> None:
    assert is_operator("Null")
    for prefix in ("", "ForAllValues:", "ForAnyValue:"):
        assert all(is_operator(f"{prefix}{operator}{suffix}") for operator in OPERATORS for suffix in ("", "IfExists"))


@pytest.mark.parametrize(
    ("operator", "bound", "expected"),
    [
        ("StringEquals", "${aws:username}", T),
        ("StringEquals", "x${aws:username}", F),
        ("StringEqualsIgnoreCase", "${aws:USERNAME}", T),
        ("StringLike", "a${aws:star}", F),
        ("StringLike", "${aws:username}*", T),
        ("StringNotEquals", "${aws:username}", F),
        ("StringEquals", "${aws:none}", F),
        ("StringNotEquals", "${aws:none}", T),
        ("StringEquals", "${aws:none, 'ann'}", T),
        ("StringEquals", "${aws:many}", UNCLEAR),
        ("StringNotEquals", "${aws:many}", UNCLEAR),
        ("StringEquals", "${", UNCLEAR),
    ],
)
def test_variables_in_values(operator: str, bound: str, expected: bool | None) -> None:
    context = {"aws:key": "ann", "aws:username": "ann", "aws:star": "*", "aws:many": ("ann",)}

    assert expected is met(operator, [bound], context)


def test_variables_are_text_in_older_documents() -> None:
    context = {"aws:key": "${aws:username}", "aws:username": "ann"}

    assert met("StringEquals", ["${aws:username}"], context, variables=False)


def test_an_arn_may_come_whole_from_a_variable() -> None:
    assert met("ArnEquals", ["${aws:principalarn}"], {"aws:key": ARN, "aws:principalarn": ARN})


@pytest.mark.parametrize(
    ("answers", "any_expected", "all_expected"),
    [
        ([], F, T), ([T, UNCLEAR], T, UNCLEAR), ([F, UNCLEAR], UNCLEAR, F), ([T, F], T, F),
        ([UNCLEAR], UNCLEAR, UNCLEAR),
        ([UNCLEAR, T], T, UNCLEAR), ([UNCLEAR, F], UNCLEAR, F), ([T, T], T, T), ([F, F], F, F),
    ],
)  # fmt: skip
def test_three_valued_or_and_and(
    answers: list[bool | None], any_expected: bool | None, all_expected: bool | None
) -> None:
    assert any_expected is any_of(answers)
    assert all_expected is all_of(answers)


@pytest.mark.parametrize(
    ("operator", "bound", "values", "answer"),
    [
        ("StringEquals", "x", ("x", "x"), True),
        ("StringEquals", "x", ("x", "y"), None),
        ("StringEquals", "x", ("y", "z"), False),
        ("StringNotEquals", "x", ("x", "y"), None),
        ("StringNotEquals", "x", ("y", "z"), True),
        ("ForAnyValue:StringEquals", "x", ("x", "y"), None),
        ("ForAllValues:StringEquals", "x", ("x", "y"), None),
        ("StringEqualsIfExists", "x", ("x", "y"), None),
        ("Null", "false", ("x", "y"), True),
        ("StringEquals", "${k}", ("x", "x"), None),
    ],
)
def test_a_key_in_two_spellings_holds_only_where_it_does_not_matter_which_is_meant(
    operator: str, bound: str, values: tuple[str, ...], answer: bool | None
) -> None:
    context = by_name("k", [("", value) for value in values])

    assert answer is condition(operator, "k", [bound], variables=True).test(context)
