"""Messages between our own processes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.server.lines import MAX_LINE_BYTES, BadLine, Lines, encode

_TEXTS = st.text('ab\n"\u00e9\0{}', max_size=8)


@settings(max_examples=60)
@given(
    messages=st.lists(st.dictionaries(_TEXTS, st.integers() | _TEXTS), max_size=5),
    cuts=st.lists(st.integers(1, 30), min_size=1, max_size=5),
)
def test_messages_come_out_whole_however_they_are_cut(messages: list[dict[str, object]], cuts: list[int]) -> None:
    data = b"".join(map(encode, messages))
    lines, found, at = Lines(), [], 0
    while at < len(data):
        size = cuts[at % len(cuts)]
        found += lines.feed(data[at : at + size])
        at += size
    assert messages == found


def test_messages_not_taken_come_first_the_next_time() -> None:
    lines = Lines()
    assert {"a": 1} == next(lines.feed(b'{"a":1}\n{"b":2}\n{"c"'))
    assert [{"b": 2}, {"c": 3}] == list(lines.feed(b":3}\n"))


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"1\n", b"{\n", b"\xff\n", b"[" * 60_000 + b"\n"])
def test_what_is_no_object_is_refused(line: bytes) -> None:
    with pytest.raises(BadLine):
        list(Lines().feed(line))


@pytest.mark.parametrize("data", [b"x" * (MAX_LINE_BYTES + 1), b'"' + b"x" * MAX_LINE_BYTES + b'"\n'])
def test_a_line_without_bounds_is_refused_before_its_end(data: bytes) -> None:
    with pytest.raises(BadLine):
        list(Lines().feed(data))


def test_what_the_peer_would_refuse_is_not_sent() -> None:
    with pytest.raises(ValueError, match="too long"):
        encode({"a": "x" * MAX_LINE_BYTES})
