"""Wildcards: against the standard library's, and against time."""

from __future__ import annotations

import re
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.authz.glob import Filled, Wild, glob, matcher, tokens_of


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True), ("", "a", False), ("*", "", True), ("*", "anything:/ at all", True), ("?", "", False),
        ("?", "a", True), ("??", "a", False), ("abc", "abc", True), ("abc", "abcd", False),
        ("abc*", "abc", True),
        ("*abc", "xabc", True), ("*abc", "xabcd", False), ("a*c", "abc", True), ("a*c", "ac", True),
        ("a*c", "a", False), ("a*bc*d", "aXbcYbcd", True), ("ab*ba", "aba", False), ("a?c", "abc", True),
        ("a?c", "ac", False), ("*-??????", "db-AbCdEf", True), ("*-??????", "db-AbCdEfG", False),
        ("*a?b?c*", "xxaXbbaYbZcxx", True), ("*a?b?c*", "xxaXbYdxx", False), ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a**b", "ab", True), ("*?*", "", False), ("*?*", "x", True), ("**", "", True),
        ("a*a*a", "aa", False),
        ("\n*", "\nx", True), ("é?", "éß", True),
    ],
)  # fmt: skip
def test_a_glob_fits_whole_texts_only(pattern: str, text: str, expected: bool) -> None:
    assert expected is glob(pattern)(text)


@given(st.text("ab*?", max_size=12), st.text("abc", max_size=16))
@settings(max_examples=100, deadline=None)
def test_a_glob_agrees_with_a_regular_expression(pattern: str, text: str) -> None:
    translated = "".join({"*": ".*", "?": "."}.get(sign, sign) for sign in pattern)

    assert (re.fullmatch(translated, text, re.DOTALL) is not None) is glob(pattern)(text)


@pytest.mark.parametrize(
    "pattern", ["*a" * 1000, "*a?b" * 500, "*?" * 1000, "?" * 2000 + "*b", "*a" + "?a" * 900 + "*b"]
)
def test_no_pattern_is_slow(pattern: str) -> None:
    fits, text = glob(pattern), "a" * 4000

    began = time.process_time()
    fits(text)

    assert time.process_time() - began < 0.1


def test_a_long_piece_is_found_too() -> None:
    piece = "a?" * 600 + "b"

    assert glob(f"*{piece}*")("x" * 500 + "ay" * 600 + "b" + "z")
    assert not glob(f"*{piece}*")("x" * 500 + "ay" * 599 + "b" + "z")
    assert not glob(f"*{piece}*")("x" * 500 + "ay" * 599 + "cyb" + "z" * 500)


def test_no_pattern_is_large() -> None:
    pattern = "*" + "".join(f"?{chr(0x4E00 + number)}" for number in range(8_000)) + "*"

    tracemalloc.start()
    fits = glob(pattern)
    assert not fits("a" * 1000)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert used < 4 * 2**20


def test_literal_tokens_hold_no_wildcards() -> None:
    assert matcher(["a", "*", Filled("?")])("a*?")
    assert not matcher(["a", "*"])("ab")


def test_tokens_tell_wildcards_from_text() -> None:
    assert ["a", Wild.RUN, "b", Wild.ONE] == tokens_of("a*b?")
