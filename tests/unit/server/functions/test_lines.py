"""What a function prints: cut into lines, bounded, complete when its answer leaves."""

from __future__ import annotations

import os

import pytest

from strongroom.server.functions.lines import MOST_BYTES, Printed


def fed(*chunks: bytes) -> list[str]:
    """The lines of some output."""
    printed = Printed()
    reading, writing = os.pipe()
    try:
        for chunk in chunks:
            os.write(writing, chunk)
            assert printed.read_from(reading)
        os.close(writing)
        assert not printed.read_from(reading)
    finally:
        os.close(reading)
    printed.close()
    return [text for _, text in printed.take()]


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\ntw", b"o"], ["one", "two"]),
        ([b"\n\n"], []),
        ([b"\xff\xfe\n"], ["\N{REPLACEMENT CHARACTER}" * 2]),
        ([b"Traceback\r  line\r\n"], ["Traceback\r  line"]),
    ],
)
def test_output_becomes_lines(chunks: list[bytes], lines: list[str]) -> None:
    assert lines == fed(*chunks)


def test_our_own_line_comes_after_what_was_printed_before_it() -> None:
    printed = Printed()
    reading, writing = os.pipe()
    os.write(writing, b"no end of line")
    printed.read_from(reading)
    printed.note("END")
    os.close(reading)
    os.close(writing)
    assert ["no end of line", "END"] == [text for _, text in printed.take()]


def test_what_is_printed_without_end_is_cut_and_told_once() -> None:
    lines = fed(*[b"x" * 999 + b"\n"] * (MOST_BYTES // 999 + 50))
    assert MOST_BYTES // 999 == len(lines) - 1
    assert "the rest was dropped" in lines[-1]


def test_a_new_invocation_has_its_own_share() -> None:
    printed = Printed()
    printed._left = 0
    printed.begin()
    assert MOST_BYTES == printed._left
