"""Journal and store agree: the recorder between a real queue, a real store and a real journal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.stores import fresh_sqlite

from strongroom.base.clock import machine_clock
from strongroom.kernel.call import Record
from strongroom.kernel.journal.outcomes import FORGET_FROM
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.journal.settle import unsettled
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.schema import commit
from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.kernel.storage.writequeue import Outcome, Run, WriteQueue


@dataclass
class Room:
    """A store, a journal and the queue between them."""

    store: SQLiteStore
    journal: Journal
    queue: WriteQueue

    def write(self, *event_ids: str, keep: bool = True, times: int = 1) -> list[Outcome | BaseException]:
        """Write these, and wait for the answers."""
        answers: list[Outcome | BaseException] = []
        done = threading.Semaphore(0)

        def finished(answer: Outcome | BaseException) -> None:
            answers.append(answer)
            done.release()

        for event_id in event_ids:
            self.queue.submit(run_of(event_id, keep=keep, times=times), finished)
        for _ in event_ids:
            assert done.acquire(timeout=20)
        return answers

    def rows(self) -> int:
        """How many event ids the store holds."""
        with self.store.read() as tx:
            row = tx.row(select(func.count()).select_from(commit))
        assert row is not None
        return int(row[0])


def run_of(event_id: str, *, keep: bool, times: int = 1) -> Run:
    """A call with one record, or with the same one several times, which the store refuses."""

    def run(_tx: Transaction) -> Outcome:
        records = (Record(event_id, {"eventName": "x"}, writes=keep),) * times
        return Outcome(keep=keep, records=records, value=None)

    return run


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Everything open."""
    store = fresh_sqlite(tmp_path / "store.db")
    journal = Journal(tmp_path / "journal", node="n", process="w", clock=machine_clock)
    queue = WriteQueue(store, Recorder(journal, store, machine_clock))
    yield Room(store, journal, queue)
    queue.close()
    journal.close()
    store.close()


def test_the_table_of_event_ids_stays_bounded_while_the_process_lives(room: Room) -> None:
    written = 0
    for batch in range(3 * FORGET_FROM // 64):
        written += len(room.write(*(f"e{batch}-{number}" for number in range(64))))

    assert written > 1400
    assert room.rows() <= FORGET_FROM + 128


def test_after_an_orderly_end_nothing_is_open(room: Room, tmp_path: Path) -> None:
    for number in range(5):
        room.write(f"e{number}")
    room.queue.close()
    room.journal.close()

    assert [] == unsettled(tmp_path / "journal")


def test_a_batch_that_failed_is_not_taken_for_committed_by_the_next(room: Room, tmp_path: Path) -> None:
    room.write("e1")
    (answer,) = room.write("e2", times=2)
    assert isinstance(answer, Exception)
    room.write("e3")
    room.queue.close()
    room.journal.close()

    lines = b"".join(path.read_bytes() for path in sorted((tmp_path / "journal").glob("*.jsonl"))).splitlines()
    assert any(b'"mark":"not committed"' in line and b'"id":"e2"' in line for line in lines)
    assert [] == unsettled(tmp_path / "journal")


def test_a_call_that_was_not_kept_waits_for_no_commit(room: Room, tmp_path: Path) -> None:
    room.write("e1", keep=False)
    room.queue.close()
    room.journal.close()

    assert [] == unsettled(tmp_path / "journal")
    assert 0 == room.rows()
