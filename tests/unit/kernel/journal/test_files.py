"""Names of segments, and which chains live."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.kernel.journal.files import (
    SegmentName,
    SettledNote,
    chains,
    lives,
    new_start,
    parse_name,
    read_settled,
    settled_through,
    write_settled,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def test_a_name_says_node_start_process_and_number() -> None:
    name = SegmentName("ab12", "20260102T030405678Z", "test-clock", 7)

    assert "ab12-20260102T030405678Z-test-clock-000007.jsonl" == name.file
    assert name == parse_name(name.file)


@pytest.mark.parametrize("file", ["settled.json", "a-b-c-1.jsonl", "ab12-20260102T030405678Z-w-000007.jsonl.xz", ""])
def test_other_files_are_no_segments(file: str) -> None:
    assert parse_name(file) is None


def test_a_start_is_later_than_every_chain_there_is_whatever_the_clock_says(tmp_path: Path) -> None:
    assert "20260102T030405678Z" == new_start(tmp_path, "n", "p", NOW)
    (tmp_path / SegmentName("other", "20991231T235959999Z", "p", 1).file).touch()

    assert "21000101T000000000Z" == new_start(tmp_path, "n", "p", NOW)


@pytest.mark.parametrize(("node", "process"), [("", "p"), ("a-b", "p"), ("n", "../p"), ("n", "p" * 33), ("é", "p")])
def test_what_cannot_stand_in_a_files_name_is_refused(tmp_path: Path, node: str, process: str) -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        new_start(tmp_path, node, process, NOW)


def test_chains_come_oldest_first_with_their_segments_in_order(tmp_path: Path) -> None:
    names = [SegmentName("n", f"2026010{day}T000000000Z", "p", number) for day in (1, 2) for number in (1, 2, 10)]
    for name in reversed(names):
        (tmp_path / name.file).touch()
    (tmp_path / "notes.txt").touch()

    assert {"n-20260101T000000000Z-p": names[:3], "n-20260102T000000000Z-p": names[3:]} == chains(tmp_path)
    assert {} == chains(tmp_path / "nowhere")


def test_a_chain_lives_while_its_newest_segment_is_locked(tmp_path: Path) -> None:
    names = [SegmentName("n", "20260101T000000000Z", "p", number) for number in (1, 2)]
    for name in names:
        (tmp_path / name.file).touch()
    handle = os.open(tmp_path / names[1].file, os.O_WRONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)

    assert lives(tmp_path, names)
    os.close(handle)
    assert not lives(tmp_path, names)
    assert not lives(tmp_path, [SegmentName("n", "20260101T000000000Z", "gone", 1)])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"through": "x"}', '{"through": "x", "later": {"a": "b"}}'])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "settled.json").write_text(content, encoding="ascii")

    assert read_settled(tmp_path) is None
    assert "" == settled_through(tmp_path)


def test_the_note_is_private_and_read_back(tmp_path: Path) -> None:
    note = SettledNote("20260102T030405678Z", {"n-20260102T030405679Z-p": 7})
    write_settled(tmp_path, note)

    assert note == read_settled(tmp_path)
    assert "20260102T030405678Z" == settled_through(tmp_path)
    assert 0o600 == (tmp_path / "settled.json").stat().st_mode & 0o777
    assert ["settled.json"] == [path.name for path in tmp_path.iterdir()]


def test_a_note_covers_older_chains_and_the_later_ones_it_names_as_far_as_they_went() -> None:
    note = SettledNote("20260102T000000000Z", {"late": 7})

    assert note.covers("any", "20260102T000000000Z", 1)
    assert note.covers("late", "20260103T000000000Z", 7)
    assert not note.covers("late", "20260103T000000000Z", 8)
    assert not note.covers("other", "20260103T000000000Z", 7)


def test_a_packed_segment_has_the_place_of_the_segment_that_it_was() -> None:
    name = SegmentName("ab12", "20260102T030405678Z", "w", 7)

    assert name == parse_name(name.file) == parse_name(f"{name.file}.gz")
