"""kernel/storage/writequeue: what happens when the writer's place, the disk or the start fails."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import bindparam, insert, select
from tests.stores import fresh_sqlite

from strongroom.kernel.storage.errors import StoreBusy, StoreUnavailable
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import setting
from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.kernel.storage.sqlite_write import SQLiteBatch
from strongroom.kernel.storage.writequeue import Answers, Outcome, Waiter, WriteQueue

PUT = Statement(insert(setting))
GET = Statement(select(setting.c.value).where(setting.c.name == bindparam("named")))


class Told:
    """A ledger that only notes."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def before_commit(self, tx: Transaction, outcomes: Sequence[Outcome]) -> None:
        """As Ledger.before_commit."""
        self.lines.append(f"before {len(outcomes)}")

    def committed(self, outcomes: Sequence[Outcome]) -> None:
        """As Ledger.committed."""
        self.lines.append(f"committed {len(outcomes)}")

    def not_committed(self, outcomes: Sequence[Outcome], reason: str) -> None:
        """As Ledger.not_committed."""
        self.lines.append(f"not committed {len(outcomes)}")

    def unknown(self, outcomes: Sequence[Outcome]) -> None:
        """As Ledger.unknown."""
        self.lines.append(f"unknown {len(outcomes)}")


class Impatient(SQLiteStore):
    """Waits for the writer's place no longer than a test may."""

    def begin_write(self, wait_s: float = 0.1) -> SQLiteBatch:
        """As BatchStore.begin_write."""
        return super().begin_write(min(wait_s, 0.1))


def test_a_writers_place_that_never_comes_free_is_told_to_all_that_wait(tmp_path: Path) -> None:
    holder = fresh_sqlite(tmp_path / "s.db")
    held = holder.begin_write()
    store, ledger = Impatient(tmp_path / "s.db"), Told()
    queue = WriteQueue(store, ledger)
    answers: list[Outcome | BaseException] = []

    def call(tx: Transaction) -> Outcome:
        return Outcome(True, (), tx.run(PUT, name="a", value=""))

    for _ in range(3):
        queue.submit(call, answers.append)
    queue.close()
    assert [StoreBusy] * 3 == [type(answer) for answer in answers]
    assert [] == ledger.lines
    held.rollback()
    holder.close()
    store.close()


def test_a_call_that_fills_the_disk_takes_its_batch_with_it_and_the_rest_runs(tmp_path: Path) -> None:
    store, ledger = fresh_sqlite(tmp_path / "s.db"), Told()
    queue = WriteQueue(store, ledger)
    queued = threading.Event()
    runs: list[str] = []

    def fine(name: str, tx: Transaction) -> Outcome:
        runs.append(name)
        queued.wait(10)
        return Outcome(True, (), tx.run(PUT, name=name, value=""))

    def fills(tx: Transaction) -> Outcome:
        assert isinstance(tx, SQLiteBatch)
        runs.append("b")
        pages = tx._connection.execute("PRAGMA page_count").fetchone()[0]
        tx._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        try:
            for at in range(1000):
                tx.run(PUT, name=f"big{at}", value="v" * 4000)
        finally:
            tx._connection.execute("PRAGMA max_page_count = 1000000")
        return Outcome(True, (), None)

    answers: list[tuple[str, type]] = []
    for name, run in (("a", None), ("b", fills), ("c", None)):
        queue.submit(
            run or (lambda tx, name=name: fine(name, tx)),  # type: ignore[misc]
            lambda answer, name=name: answers.append((name, type(answer))),  # type: ignore[misc]
        )
    queued.set()
    queue.close()
    assert [("a", StoreUnavailable), ("b", StoreUnavailable), ("c", Outcome)] == answers
    assert ["a", "b", "c"] == runs
    assert ["not committed 1", "before 1", "committed 1"] == ledger.lines
    with store.read() as tx:
        assert [None, ("",)] == [tx.row(GET, named="a"), tx.row(GET, named="c")]
    store.close()


def test_a_batch_in_which_every_call_raised_needs_no_ledger(tmp_path: Path) -> None:
    store, ledger = fresh_sqlite(tmp_path / "s.db"), Told()
    queue = WriteQueue(store, ledger)
    answers: list[Outcome | BaseException] = []

    def breaks(tx: Transaction) -> Outcome:
        raise ZeroDivisionError

    queue.submit(breaks, answers.append)
    queue.close()
    assert [ZeroDivisionError] == [type(answer) for answer in answers]
    assert [] == ledger.lines
    store.close()


def test_a_thread_that_waits_is_answered_though_nobody_delivers(tmp_path: Path) -> None:
    """An event loop that closes the queue delivers nothing meanwhile."""
    left: list[int] = []

    def deliver(answers: Answers) -> None:
        left.append(len(answers))

    queue = WriteQueue(fresh_sqlite(tmp_path / "s.db"), Told(), on_batch_done=deliver)
    waiter, refused = Waiter(), Waiter()

    queue.submit(lambda _tx: Outcome(keep=True, records=(), value="kept"), waiter)
    queue.submit(lambda _tx: Outcome(keep=True, records=(), value="delivered"), left.append)  # type: ignore[arg-type]

    assert "kept" == waiter.wait(60).value
    queue.close()
    assert [1] == left
    with pytest.raises(TimeoutError):
        refused.wait(0)
    refused(StoreUnavailable("gone"))
    with pytest.raises(StoreUnavailable):
        refused.wait(0)
