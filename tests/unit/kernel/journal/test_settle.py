"""What a crash left open is settled at the next start."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.base.clock import machine_clock
from strongroom.kernel.call import Record
from strongroom.kernel.journal.files import chains
from strongroom.kernel.journal.reading import newest_statement
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.journal.settle import Settled, settle, unsettled
from strongroom.kernel.journal.verify import verify


def opened(directory: Path, process: str = "worker0", **settings: Any) -> Journal:
    """A journal of one process."""
    return Journal(directory, node="ab12", process=process, clock=machine_clock, **settings)


def write(number: int = 0) -> Record:
    """The record of a write."""
    return Record(str(uuid.uuid4()), {"eventName": "PutSecretValue", "number": number}, writes=True)


def die(journal: Journal) -> None:
    """End a journal as kill -9 does: no last mark; the kernel lets go of the lock."""
    journal._closing.set()
    journal._unsynced.set()
    journal._thread.join()
    journal._segment.close()


def started(directory: Path, store: set[str]) -> tuple[Settled, list[str]]:
    """The next start, with a store that holds these ids; answers also what it may delete there."""
    journal = opened(directory, "prepare")
    try:
        return settle(journal, directory, store.intersection), list(journal.checkpoint())
    finally:
        journal.close()


def marks(directory: Path, kind: str) -> list[dict[str, Any]]:
    """All marks of a kind."""
    lines = [
        orjson.loads(line)
        for names in chains(directory).values()
        for name in names
        for line in (directory / name.file).read_bytes().split(b"\n")
        if line.endswith(b"}")
    ]
    return [line for line in lines if line.get("mark") == kind]


def test_a_record_whose_commit_never_came_is_told_as_not_committed(tmp_path: Path) -> None:
    journal, lost = opened(tmp_path), write()
    journal.append_synced([lost])
    die(journal)

    assert [(lost.event_id, journal.chain_id)] == unsettled(tmp_path)
    assert (Settled(1, 1, 0), []) == started(tmp_path, set())
    (mark,) = marks(tmp_path, "not committed")
    assert (lost.event_id, journal.chain_id) == (mark["id"], mark["chain"])
    assert [] == unsettled(tmp_path)
    assert verify(tmp_path).whole


def test_a_record_whose_commit_came_is_left_alone_and_its_row_may_go(tmp_path: Path) -> None:
    journal, kept = opened(tmp_path), write()
    journal.append_synced([kept])
    die(journal)

    assert (Settled(1, 0, 0), [kept.event_id]) == started(tmp_path, {kept.event_id})
    assert [] == marks(tmp_path, "not committed")


def test_reads_and_refusals_have_no_commit_to_wait_for(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_synced([Record("e", {}, writes=False)])
    die(journal)

    assert [] == unsettled(tmp_path)


def test_a_second_start_does_not_look_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_synced([write() for _ in range(5)])
    die(journal)
    started(tmp_path, set())
    before = (tmp_path / "settled.json").read_text(encoding="ascii")

    assert (Settled(1, 0, 0), []) == started(tmp_path, set())  # the chain of the first start alone
    assert 5 == len(marks(tmp_path, "not committed"))
    assert before < (tmp_path / "settled.json").read_text(encoding="ascii")


def test_without_its_note_a_start_reads_the_marks_and_tells_nothing_twice(tmp_path: Path) -> None:
    journal, kept = opened(tmp_path), write()
    journal.append_synced([kept, write()])
    die(journal)
    started(tmp_path, {kept.event_id})
    (tmp_path / "settled.json").unlink()

    started(tmp_path, set())  # the row of what was committed is deleted by now
    assert 1 == len(marks(tmp_path, "not committed"))


def test_what_was_told_before_a_mark_is_not_asked_again(tmp_path: Path) -> None:
    journal, records = opened(tmp_path), [write() for _ in range(600)]
    journal.append_synced(records)
    journal.committed([one.event_id for one in records[:598]])
    deleted = list(journal.checkpoint())
    journal.committed([records[598].event_id])
    die(journal)
    store = {records[598].event_id}

    assert 598 == len(deleted)
    assert (Settled(1, 1, 0), [records[598].event_id]) == started(tmp_path, store)
    assert [records[599].event_id] == [mark["id"] for mark in marks(tmp_path, "not committed")]


def test_a_chain_that_told_of_a_failed_commit_itself_is_not_told_again(tmp_path: Path) -> None:
    journal, lost = opened(tmp_path), write()
    journal.append_synced([lost])
    journal.not_committed([lost.event_id], "OperationalError")
    die(journal)
    started(tmp_path, set())

    assert 1 == len(marks(tmp_path, "not committed"))


def test_a_chain_closed_in_order_leaves_open_what_nobody_told(tmp_path: Path) -> None:
    journal, last = opened(tmp_path), write()
    journal.append_synced([last])
    journal.close()

    assert [(last.event_id, journal.chain_id)] == unsettled(tmp_path)
    assert (Settled(1, 0, 0), [last.event_id]) == started(tmp_path, {last.event_id})


def test_a_record_left_open_many_segments_ago_is_found(tmp_path: Path) -> None:
    journal, old = opened(tmp_path, segment_max_bytes=2000), write()
    journal.append_synced([old])
    for number in range(50):
        later = write(number)
        journal.append([later])
        journal.committed([later.event_id])
    die(journal)

    assert len(chains(tmp_path)[journal.chain_id]) > 3
    assert old.event_id in [event_id for event_id, _ in unsettled(tmp_path)]


def test_a_long_chain_is_read_from_its_last_statement_alone(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    first, last = write(), write()
    journal.append_synced([first])
    filling = Record("reading", {"text": "t" * 100_000}, writes=False)
    for _ in range(25):
        journal.append([filling])
    journal.append_synced([last])
    die(journal)
    (name,) = chains(tmp_path)[journal.chain_id]
    path = tmp_path / name.file

    assert path.stat().st_size > 2_400_000
    assert newest_statement(path) > 2_000_000
    assert [(first.event_id, journal.chain_id), (last.event_id, journal.chain_id)] == unsettled(tmp_path)


def test_a_torn_last_line_is_told_and_stays_where_it_is(tmp_path: Path) -> None:
    journal, kept = opened(tmp_path), write()
    journal.append_synced([kept])
    die(journal)
    (name,) = chains(tmp_path)[journal.chain_id]
    whole = (tmp_path / name.file).read_bytes()
    torn = whole + b'{"seq":3,"prev":"0123'
    (tmp_path / name.file).write_bytes(torn)

    assert (Settled(1, 0, 1), [kept.event_id]) == started(tmp_path, {kept.event_id})
    (mark,) = marks(tmp_path, "recovered")
    assert (journal.chain_id, 2, 21, 0) == (
        mark["chain"],
        mark["after"],
        mark["torn_bytes"],
        mark["damaged_lines"],
    )
    assert torn == (tmp_path / name.file).read_bytes()
    findings = verify(tmp_path)
    assert findings.whole
    assert 1 == len(findings.notes)


@pytest.mark.parametrize("rubbish", [b"\x00" * 4096, b"\x00" * 4096 + b"\n", b"not json\n", b'{"seq":9}\n'])
def test_rubbish_at_the_end_stops_no_start(tmp_path: Path, rubbish: bytes) -> None:
    journal, lost = opened(tmp_path), write()
    journal.append_synced([lost])
    die(journal)
    (name,) = chains(tmp_path)[journal.chain_id]
    with (tmp_path / name.file).open("ab") as file:
        file.write(rubbish)

    assert (Settled(1, 1, 1), []) == started(tmp_path, set())
    assert 1 == len(marks(tmp_path, "recovered"))


def test_an_empty_segment_at_the_end_stops_no_start(tmp_path: Path) -> None:
    journal, lost = opened(tmp_path), write()
    journal.append_synced([lost])
    die(journal)
    (name,) = chains(tmp_path)[journal.chain_id]
    (tmp_path / name.file.replace("000001", "000002")).touch()

    assert (Settled(1, 1, 0), []) == started(tmp_path, set())


def test_chains_that_live_are_left_alone_and_not_passed_over(tmp_path: Path) -> None:
    living = opened(tmp_path, "worker0")
    open_write = write()
    living.append_synced([open_write])
    dead, kept = opened(tmp_path, "worker1"), write()
    dead.append_synced([kept, write()])
    die(dead)

    assert (Settled(1, 1, 0), [kept.event_id]) == started(tmp_path, {kept.event_id})
    die(living)  # and the row of what was kept is deleted by now
    assert [(open_write.event_id, living.chain_id)] == unsettled(tmp_path)
    started(tmp_path, set())
    told = {mark["id"] for mark in marks(tmp_path, "not committed")}
    assert open_write.event_id in told
    assert kept.event_id not in told


def test_a_store_that_cannot_be_asked_settles_nothing(tmp_path: Path) -> None:
    def unreachable(ids: Sequence[str]) -> set[str]:
        raise ConnectionError

    journal = opened(tmp_path)
    journal.append_synced([write()])
    die(journal)
    starting = opened(tmp_path, "prepare")
    with pytest.raises(ConnectionError):
        settle(starting, tmp_path, unreachable)
    starting.close()

    assert 1 == len(unsettled(tmp_path))


def test_a_new_directory_has_nothing_to_settle(tmp_path: Path) -> None:
    assert [] == unsettled(tmp_path / "journal")
    assert (Settled(0, 0, 0), []) == started(tmp_path / "journal", set())
