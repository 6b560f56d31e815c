"""What a ClientRequestToken means."""

from __future__ import annotations

import pytest

from strongroom.services.secretsmanager.rules.tokens import Token, same_value, token_case


@pytest.mark.parametrize(
    ("exists", "has_value", "same", "case"),
    [
        (False, False, False, Token.NEW),
        (True, False, False, Token.FILLS),
        (True, False, True, Token.FILLS),
        (True, True, True, Token.REPEATS),
        (True, True, False, Token.CLASHES),
    ],
)
def test_a_token_is_one_of_four_cases(exists: bool, has_value: bool, same: bool, case: Token) -> None:
    assert case is token_case(exists=exists, has_value=has_value, same_value=same)


def test_the_same_bytes_as_string_and_as_binary_are_two_values() -> None:
    assert same_value(("SecretString", b"x"), ("SecretString", b"x"))
    assert not same_value(("SecretString", b"x"), ("SecretBinary", b"x"))
    assert not same_value(("SecretString", b"x"), ("SecretString", b"y"))
