"""What value a request brings."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.services.secretsmanager import errors
from strongroom.services.secretsmanager.rules.values import answered, token_problem, value_of, value_problem


@pytest.mark.parametrize(
    ("params", "value"),
    [
        ({"SecretString": "ä"}, ("SecretString", b"\xc3\xa4")),
        ({"SecretBinary": b"\x00\x01\xff"}, ("SecretBinary", b"\x00\x01\xff")),
        ({}, None),
    ],
)
def test_a_value_is_a_form_and_bytes(params: dict[str, Any], value: tuple[str, bytes] | None) -> None:
    assert value == value_of(params)
    if value is not None:
        assert params == answered(*value)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, errors.InvalidRequestException),
        ({"SecretString": "a", "SecretBinary": b"a"}, errors.InvalidParameterException),
        ({"SecretString": "ä" * 40_000}, errors.InvalidParameterException),
    ],
)
def test_no_value_both_values_and_too_many_bytes_are_problems(params: dict[str, Any], problem: type) -> None:
    assert isinstance(value_problem(params, required=True), problem)


def test_65536_bytes_are_no_problem() -> None:
    assert value_problem({"SecretString": "a" * 65_536}, required=True) is None


def test_a_value_that_need_not_be_there_is_no_problem() -> None:
    assert value_problem({}, required=False) is None


def test_a_missing_token_is_an_invalid_request() -> None:
    problem = token_problem({})
    assert isinstance(problem, errors.InvalidRequestException)
    assert "You must provide a ClientRequestToken value. We recommend a UUID-type value." == problem.message
    assert token_problem({"ClientRequestToken": "x" * 32}) is None
