"""Lines read back: the last statement of what is open, found from the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.kernel.journal.chain import MAX_LINE_BYTES, Chain
from strongroom.kernel.journal.reading import newest_statement, raw_lines, settlements


@dataclass(frozen=True)
class Made:
    """A finished event."""

    event_id: str
    event: dict[str, Any]
    writes: bool = True
    decision: dict[str, Any] | None = None


def segment(path: Path, *parts: dict[str, Any]) -> list[int]:
    """Write a segment of records and marks; answers where each line begins."""
    chain, begins, content = Chain("n-s-p"), [], b""
    for part in parts:
        added = chain.marks([part], 1) if "mark" in part else chain.records([Made("e", part)], 1)
        chain.take(added)
        begins.append(len(content))
        content += added.data
    path.write_bytes(content)
    return begins


def test_the_last_statement_is_found(tmp_path: Path) -> None:
    begins = segment(
        tmp_path / "s",
        {"mark": "segment", "open": []},
        {"eventName": "a"},
        {"mark": "checkpoint", "open": ["e"]},
        {"eventName": "b"},
        {"mark": "not committed", "id": "e"},
    )

    assert begins[2] == newest_statement(tmp_path / "s")


def test_a_statement_that_does_not_know_is_none(tmp_path: Path) -> None:
    segment(tmp_path / "s", {"mark": "segment", "open": None}, {"eventName": "a"})

    assert newest_statement(tmp_path / "s") is None


def test_an_events_own_words_are_no_statement(tmp_path: Path) -> None:
    begins = segment(
        tmp_path / "s",
        {"mark": "segment", "open": []},
        {"requestParameters": {"mark": "checkpoint", "open": ["e"]}, "open": ["e"]},
        {"text": '"mark":"checkpoint","open":[]'},
    )

    # A whole event of a client's making stands behind its record's own first members.
    assert begins[0] == newest_statement(tmp_path / "s")


def test_a_torn_statement_does_not_count(tmp_path: Path) -> None:
    begins = segment(tmp_path / "s", {"mark": "segment", "open": []}, {"mark": "closed", "open": []})
    (tmp_path / "s").write_bytes((tmp_path / "s").read_bytes()[:-1])

    assert begins[0] == newest_statement(tmp_path / "s")


def test_settlements_are_found_and_an_events_words_are_none(tmp_path: Path) -> None:
    segment(
        tmp_path / "s",
        {"mark": "segment", "open": []},
        {"mark": "settled", "chain": "a", "through": 7},
        {"requestParameters": {"mark": "settled", "chain": "b", "through": 1}},
        {"mark": "settled", "chain": "c", "through": 0},
        {"mark": "settled", "chain": "d", "through": "x"},
        {"mark": "closed", "open": []},
    )

    assert [("a", 7), ("c", 0)] == list(settlements(tmp_path / "s"))


def test_an_empty_segment_states_nothing(tmp_path: Path) -> None:
    (tmp_path / "s").touch()

    assert newest_statement(tmp_path / "s") is None
    assert [] == list(settlements(tmp_path / "s"))
    assert [] == list(raw_lines(tmp_path / "s"))


def test_lines_come_with_whether_they_are_whole_from_an_offset_on(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"one\ntwo\n\nthree")

    assert [(b"one", True), (b"two", True), (b"", True), (b"three", False)] == list(raw_lines(tmp_path / "s"))
    assert [(b"two", True), (b"", True), (b"three", False)] == list(raw_lines(tmp_path / "s", 4))


def test_a_line_without_end_is_not_read_into_memory_whole(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"x" * (2 * MAX_LINE_BYTES + 5))

    assert [MAX_LINE_BYTES, MAX_LINE_BYTES, 5] == [len(raw) for raw, _ in raw_lines(tmp_path / "s")]
