"""What functions say is kept without the values that they quote, however they quote them."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.services.secretsmanager.rules.masking import COVER, SHARED, TEXT_MOST, masked, parts_of

PASSWORD = "p&ss 'w\\ö\"rd%d"
WAYS = {
    "as it is": lambda text: text,
    "repr": lambda text: repr(text)[1:-1],
    "json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "in a URL": lambda text: quote(text, safe=""),
    "in a path": quote,
    "in a form": quote_plus,
    "in SQL": lambda text: text.replace("'", "''"),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in hex": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_value_is_covered_in_each_form_that_texts_usually_have(way: str) -> None:
    quoted = WAYS[way](PASSWORD)
    parts = parts_of(json.dumps({"username": "app", "password": PASSWORD}).encode())
    told = masked(f"FATAL: [{quoted}] refused for app", parts)
    assert told.startswith(f"FATAL: [{COVER}") and told.endswith("refused for app")
    assert not [at for at in range(len(quoted) - SHARED) if quoted[at : at + SHARED] in told]


def test_parts_of_a_value_are_covered_too() -> None:
    parts = parts_of(b"correct horse battery staple")
    assert f"cut off: {COVER}, and {COVER}" == masked("cut off: correct hor, and attery stap", parts)


def test_who_and_where_are_told_and_every_other_member_is_covered_numbers_too() -> None:
    value = {"host": "db.example", "port": 5432, "username": "app", "pin": 998877, "keys": [{"inner": "hidden"}]}
    parts = parts_of(json.dumps(value).encode())
    told = masked("app@db.example:5432 took 998877 and hidden", parts)
    assert f"app@db.example:5432 took {COVER} and {COVER}" == told


def test_a_value_of_one_letter_is_covered_whatever_that_costs() -> None:
    assert f"e{COVER}amine" == masked("examine", parts_of(b"x"))


def test_a_long_text_is_cut_before_anything_is_looked_for() -> None:
    assert TEXT_MOST == len(masked("a" * 1_000_000, {"never there"}))


@settings(max_examples=50)
@given(value=st.text(min_size=1, max_size=40), before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_value_survives_whatever_stands_around_it(value: str, before: str, after: str) -> None:
    told = masked(before + value + after, {value})
    assert value not in told.replace(COVER, "")
