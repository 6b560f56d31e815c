"""A glance is as fresh as a transaction, or it is given up: across threads, stores and processes, on both engines."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from strongroom.kernel.jobs import due
from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.port import NeedsWrite, SnapshotMoved, Transaction
from tests.exercise.test_caches import HAMMER, TOLD
from tests.exercise.things import ACCOUNT, ADD, KIND, NAMES, PUT, add, cached_number, make_things, number, process

SOMETIME = datetime(2026, 1, 2, tzinfo=UTC)
T = TypeVar("T")
Opened = Callable[[], BatchStore]


def look(store: BatchStore, ask: Callable[[Transaction], T]) -> T:
    """What a glance tells, or else a transaction."""
    try:
        with store.glance() as tx:
            return ask(tx)
    except SnapshotMoved:
        with store.read() as tx:
            return ask(tx)


def both(tx: Transaction) -> tuple[int | None, int | None]:
    """The same number through the cache and as a row."""
    return cached_number(tx), number(tx)


def noted(tx: Transaction) -> list[object]:
    """What is remembered under the one question there is."""
    found = None if tx.memory is None else tx.memory.get("question")
    return [] if found is None else [found]


def calm(store: BatchStore) -> None:
    """Let the store know its newest snapshot, so that the next look may be a glance without a transaction."""
    with store.read() as tx:
        cached_number(tx)


def test_what_another_process_acknowledged_is_seen_at_once(store: BatchStore, place: str) -> None:
    make_things(store, x=0)
    with process(TOLD, place) as other:
        assert other.stdin is not None and other.stdout is not None
        assert "ready\n" == other.stdout.readline()
        for expected in range(1, 200):
            for _ in range(3):
                assert (expected - 1, expected - 1) == look(store, both)
            other.stdin.write("add\n")
            assert "added\n" == other.stdout.readline()
            assert (expected, expected) == look(store, both)


def test_what_this_process_committed_is_seen_at_once(store: BatchStore, opened: Opened) -> None:
    make_things(store, x=0)
    other = opened()
    for expected in range(1, 60):
        add(other if expected % 2 else store)
        assert (expected, expected) == look(store, both) == look(store, both)


def test_cache_and_row_agree_in_every_glance_while_others_write(store: BatchStore, place: str) -> None:
    make_things(store, x=0)
    wrong: list[tuple[int | None, int | None]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            pair = look(store, both)
            if pair[0] != pair[1]:
                wrong.append(pair)

    watchers = [threading.Thread(target=watch) for _ in range(3)]
    with process(HAMMER, place, "150") as other:
        for watcher in watchers:
            watcher.start()
        assert other.stdout is not None
        assert ["ready\n", "done\n"] == [other.stdout.readline(), other.stdout.readline()]
        over.set()
        for watcher in watchers:
            watcher.join()
    assert [] == wrong
    assert (150, 150) == look(store, both)


def test_a_glance_writes_nothing(store: BatchStore) -> None:
    make_things(store, x=0)
    calm(store)
    with pytest.raises(NeedsWrite), store.glance() as tx:
        tx.run(ADD, named="x", more=1)


@pytest.mark.parametrize("engine", ["sqlite"])
class TestOnTheEmbeddedStore:
    """What is said of the WAL-index."""

    def test_a_commit_in_the_middle_gives_a_glance_up(self, store: BatchStore, opened: Opened) -> None:
        make_things(store, x=0, y=1)
        other = opened()
        calm(store)
        with store.glance() as tx:
            assert 0 == number(tx)
        with pytest.raises(SnapshotMoved), store.glance() as tx:
            assert 0 == number(tx)
            add(other)
            number(tx, "y")
        with store.glance() as tx:
            assert (1, 1) == both(tx)

    def test_a_known_row_is_not_asked_for_again_until_somebody_commits(
        self, store: BatchStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_things(store, x=0)
        calm(store)
        with store.glance() as tx:
            assert 0 == number(tx)
            asked: list[object] = []
            reading = type(tx)
            plain = reading._run  # type: ignore[attr-defined]

            def counted(*given: object) -> object:
                asked.append(given[1])
                return plain(*given)

            monkeypatch.setattr(reading, "_run", counted)
            assert 0 == number(tx)
            assert [] == asked
        add(store)
        assert 1 == look(store, number)
        assert 1 == len(asked)

    def test_what_is_remembered_of_a_snapshot_ends_with_it(self, store: BatchStore, opened: Opened) -> None:
        make_things(store, x=0)
        other = opened()
        with store.read() as tx:
            assert tx.memory is not None
            tx.memory.put("question", "answer")
        with store.glance() as tx:
            assert ["answer"] == noted(tx)
        add(other)
        with store.glance() as tx:
            assert [] == noted(tx)

    def test_a_commit_to_quiet_tables_alone_leaves_what_is_remembered(self, store: BatchStore, opened: Opened) -> None:
        make_things(store, x=0)
        other = opened()
        with store.read() as tx:
            assert tx.memory is not None
            tx.memory.put("question", "answer")
        with other.write() as tx:
            due.schedule(tx, kind="quiet", key="1", due=SOMETIME)
        with store.glance() as tx:
            assert ["answer"] == noted(tx)
            assert 0 == number(tx)
        with other.write() as tx:
            due.schedule(tx, kind="quiet", key="2", due=SOMETIME)
            tx.run(ADD, named="x", more=1)
        with store.glance() as tx:
            assert [] == noted(tx), "one change of anything else is enough"
            assert 1 == number(tx)

    def test_several_changes_sent_together_end_what_is_remembered(self, store: BatchStore, opened: Opened) -> None:
        make_things(store, x=0)
        with store.read() as tx:
            assert tx.memory is not None
            tx.memory.put("question", "answer")
        with opened().write() as tx:
            tx.many(ADD, [{"named": "x", "more": 1}, {"named": "x", "more": 1}])
        with store.glance() as tx:
            assert [] == noted(tx)
            assert 2 == number(tx)

    def test_a_raised_generation_alone_ends_what_is_remembered(self, store: BatchStore, opened: Opened) -> None:
        make_things(store, x=0)
        with store.read() as tx:
            assert tx.memory is not None
            tx.memory.put("question", "answer")
        with opened().write() as tx:
            tx.raise_generation(ACCOUNT, KIND)
        with store.glance() as tx:
            assert [] == noted(tx)

    def test_what_was_read_of_a_quiet_table_is_not_remembered(self, store: BatchStore) -> None:
        make_things(store, x=0)
        calm(store)
        with store.glance() as tx:
            assert tx.memory is not None
            tx.memory.put("question", due.count_due(tx, SOMETIME))
        with store.glance() as tx:
            assert [] == noted(tx)
        assert 0 == look(store, lambda tx: due.count_due(tx, SOMETIME))
        with store.write() as tx:
            due.schedule(tx, kind="quiet", key="1", due=SOMETIME)
        assert 1 == look(store, lambda tx: due.count_due(tx, SOMETIME))

    def test_what_is_remembered_of_a_snapshot_that_nobody_can_name_is_true_of_it(
        self, store: BatchStore, opened: Opened
    ) -> None:
        make_things(store, x=0)
        other = opened()
        for expected in range(1, 20):
            with store.read() as tx:
                add(other)  # between the beginning and the first statement: which side of it the snapshot is on is open
                assert tx.memory is not None
                assert noted(tx) in ([], [number(tx)])
                tx.memory.put("question", number(tx))
            assert (expected, expected) == look(store, both)
            with store.glance() as tx:
                assert noted(tx) in ([], [expected])

    def test_rows_left_unread_keep_no_snapshot_open(self, store: BatchStore, tmp_path: Path) -> None:
        make_things(store, x=0, y=1, z=2)
        calm(store)
        with store.glance() as tx:
            assert ("x",) == tx.row(NAMES)
        add(store)
        connection = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        try:
            assert 0 == connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], "nobody holds the log"
        finally:
            connection.close()

    def test_large_rows_are_not_kept(self, store: BatchStore) -> None:
        make_things(store)
        with store.write() as tx:
            tx.run(PUT, name="x" * 5_000, n=1)
        calm(store)
        with store.glance() as tx:
            assert tx.row(NAMES) is not None
            assert {} == tx._memory._rows  # type: ignore[attr-defined]

    def test_a_store_without_a_wal_index_that_is_understood_reads_all_the_same(
        self, place: str, monkeypatch: pytest.MonkeyPatch, opened: Opened
    ) -> None:
        monkeypatch.setattr("strongroom.kernel.storage.sqlite_index._VERSION", 1)
        store, other = opened(), opened()
        make_things(store, x=0)
        for expected in range(1, 20):
            add(other)
            assert (expected, expected) == look(store, both)
        with store.read() as tx:
            assert tx.memory is None
