"""Filter patterns of plain terms."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.services.logs import errors
from strongroom.services.logs.patterns import compiled


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", "an ERROR here", True),
        ("ERROR", "an error here", False),
        ("a b", "b then a", True),
        ("a -b", "a and b", False),
        ("?a ?b", "only b", True),
        ("?a ?b", "neither", False),
        ('"two words"', "two words", True),
        ('"two words"', "two  words", False),
        (r'"a \"quoted\" word"', 'a "quoted" word', True),
    ],
)
def test_terms_choose_messages(pattern: str, message: str, matches: bool) -> None:
    assert matches is compiled(pattern)(message)


@pytest.mark.parametrize("pattern", ["{ $.x = 1 }", "[a, b]", "%regular%"])
def test_other_forms_are_refused_and_not_misread(pattern: str) -> None:
    with pytest.raises(errors.InvalidParameterException):
        compiled(pattern)


@settings(max_examples=100)
@given(st.text(max_size=50), st.text(max_size=50))
def test_any_pattern_is_answered(pattern: str, message: str) -> None:
    try:
        assert compiled(pattern)(message) in (True, False)
    except errors.InvalidParameterException:
        assert pattern.strip()[:1] in ("{", "[", "%")
