"""Policy variables: how they read, and what they become."""

from __future__ import annotations

import pytest

from strongroom.kernel.authz.faults import NotUnderstoodError
from strongroom.kernel.authz.glob import Wild
from strongroom.kernel.authz.model import ContextValue
from strongroom.kernel.authz.variables import Variable, fill, is_fixed, parse_template

CONTEXT: dict[str, ContextValue] = {
    "aws:username": "ann",
    "aws:principaltag/cost center": "7*",
    "aws:tagkeys": ("a",),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", ["plain"]),
        ("", []),
        ("a*", ["a", Wild.RUN]),
        ("${aws:username}", ["ann"]),
        ("${AWS:UserName}/x", ["ann", "/x"]),
        ("${ aws:username }", ["ann"]),
        ("${aws:PrincipalTag/Cost Center}", ["7*"]),
        ("${aws:none, 'else*'}", ["else*"]),
        ("${aws:none,''}", [""]),
        ("${aws:username, 'else'}", ["ann"]),
        ("${*}${?}${$}", ["*", "?", "$"]),
        ("$${aws:username}", ["$", "ann"]),
        ("${aws:none}", None),
        ("x${aws:none}y${aws:username}", None),
    ],
)
def test_a_template_is_filled_from_the_context(text: str, expected: list[object] | None) -> None:
    assert expected == fill(parse_template(text, variables=True, wild=True), CONTEXT)


@pytest.mark.parametrize("text", ["${", "${}", "${aws:username", "${a'b}", "${a, b}", "${a, 'b'} ${", "${{a}}"])
def test_what_begins_no_variable_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        parse_template(text, variables=True, wild=True)


def test_a_multivalued_key_is_not_understood() -> None:
    with pytest.raises(NotUnderstoodError):
        fill(parse_template("${aws:TagKeys}", variables=True, wild=True), CONTEXT)


def test_without_variables_all_is_plain_text() -> None:
    assert ("${aws:username}",) == parse_template("${aws:username}", variables=False, wild=False)


def test_a_template_is_fixed_unless_a_variable_stands_in_it() -> None:
    assert is_fixed(parse_template("a${*}", variables=True, wild=True))
    assert (Variable("a", None),) == parse_template("${a}", variables=True, wild=True)
    assert not is_fixed((Variable("a", None),))
