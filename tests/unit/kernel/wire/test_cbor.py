"""CBOR both ways, and what is none. Source: RFC 8949, appendix A, for the examples."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.wire.cbor import MAX_NESTING, Epoch, NotCBOR, dumps, loads

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_what_is_written_is_read_as_it_was(value: Any) -> None:
    assert value == loads(dumps(value))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_refused(raw: bytes) -> None:
    try:
        found = loads(raw)
    except NotCBOR:
        return
    assert found is None or isinstance(found, bool | int | float | str | bytes | list | dict | Epoch)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("00", 0), ("1818", 24), ("1903e8", 1000), ("1bffffffffffffffff", 2**64 - 1), ("20", -1), ("3903e7", -1000),
        ("f93e00", 1.5), ("fa47c35000", 100000.0), ("fb3ff199999999999a", 1.1), ("f4", False), ("f5", True),
        ("f6", None), ("f7", None), ("4401020304", b"\1\2\3\4"), ("62c3bc", None), ("6449455446", "IETF"),
        ("83010203", [1, 2, 3]), ("9f0102ff", [1, 2]), ("a26161016162820203", {"a": 1, "b": [2, 3]}),
        ("bf6161019f02ffff", None), ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
        ("5f42010243030405ff", b"\1\2\3\4\5"), ("7f657374726561646d696e67ff", "streaming"),
    ],
)  # fmt: skip
def test_the_examples_of_the_standard_are_read(text: str, value: Any) -> None:
    if text == "62c3bc":
        assert "\u00fc" == loads(bytes.fromhex(text))
    elif text == "bf6161019f02ffff":
        with pytest.raises(NotCBOR):  # a list is no key
            loads(bytes.fromhex(text))
    else:
        assert value == loads(bytes.fromhex(text))


def test_seconds_since_1970_are_told_apart_from_numbers() -> None:
    found = loads(bytes.fromhex("c11a514b67b0"))
    assert isinstance(found, Epoch)
    assert 1363896240 == found.seconds


@pytest.mark.parametrize(
    "text",
    ["", "ff", "18", "1c", "61", "62c328", "9f", "81", "a161", "a10101", "c001", "c1", "c161", "f8", "f820", "0000",
     "5f01ff", "7f4101ff", "a2616101616102", "9bffffffffffffffff", "bbffffffffffffffff", "5bffffffffffffffff",
     "1f", "df01", "fb00"],
)  # fmt: skip
def test_what_is_cut_off_or_unknown_is_refused(text: str) -> None:
    with pytest.raises(NotCBOR):
        loads(bytes.fromhex(text))


@pytest.mark.parametrize("begin", [b"\x81", b"\x9f", b"\xa1\x61a", b"\xc1"])
def test_nesting_has_an_end(begin: bytes) -> None:
    with pytest.raises(NotCBOR):
        loads(begin * (MAX_NESTING * 200) + b"\x00")


def test_what_cbor_has_no_word_for_is_not_written() -> None:
    for value in (object(), {1, 2}, 2**64):
        with pytest.raises(TypeError):
            dumps(value)
