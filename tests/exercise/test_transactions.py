"""Snapshots, one writer, and reads that wait for nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import bindparam, insert, select, text

from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.errors import Conflict, StoreBusy, StoreError, StoreUnavailable
from strongroom.kernel.storage.port import NeedsWrite, Statement
from tests.exercise.things import ADD, BY_NAME, PUT, add, make_things, number, process, thing

Opened = Callable[[], BatchStore]

ADDER = """
import sys
from strongroom.kernel.storage.open import open_store
from tests.exercise.things import ADD, number
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with store.write() as tx:
        n = number(tx)
        tx.run(ADD, named="x", more=1)
        assert number(tx) == n + 1
store.close()
print("done", flush=True)
"""
HOLDER = """
import sys
from strongroom.kernel.storage.open import open_store
from tests.exercise.things import ADD
store = open_store(sys.argv[1])
tx = store.begin_write()
tx.run(ADD, named="x", more=1)
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_block_that_ends_well_is_kept_and_one_that_raises_is_not(store: BatchStore) -> None:
    make_things(store, x=1)
    with store.write() as tx:
        assert tx.writable
        tx.run(ADD, named="x", more=1)
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        tx.run(ADD, named="x", more=10)
        raise ZeroDivisionError
    with store.read() as tx:
        assert 2 == number(tx)


def test_a_reader_sees_one_moment_from_first_to_last(store: BatchStore, opened: Opened) -> None:
    make_things(store, x=1)
    other = opened()
    with store.read() as tx:
        assert 1 == number(tx)
        thread = threading.Thread(target=add, args=(other,))
        thread.start()
        thread.join()
        assert 1 == number(tx)
    with store.read() as tx:
        assert 2 == number(tx)


def test_a_read_does_not_wait_for_a_writer_nor_see_its_work(store: BatchStore, opened: Opened) -> None:
    make_things(store, x=1)
    writing = opened().begin_write()
    writing.run(ADD, named="x", more=1)
    with store.read() as tx:
        before = time.monotonic()
        assert 1 == number(tx)
        assert time.monotonic() - before < 1
    writing.rollback()


def test_reads_of_several_threads_run_side_by_side(store: BatchStore) -> None:
    make_things(store, x=1)
    both = threading.Barrier(3, timeout=10)

    def read() -> None:
        with store.read() as tx:
            both.wait()
            assert 1 == number(tx)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not both.broken


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: tx.run(ADD, named="x", more=1),
        lambda tx: tx.rows(insert(thing).values(name="y").returning(thing.c.pk)),
        lambda tx: tx.row(PUT, name="y"),
        lambda tx: tx.raise_generation("1", "iam"),
    ],
)
def test_a_reading_transaction_that_must_write_says_so(store: BatchStore, change: Callable[[object], object]) -> None:
    make_things(store, x=1)
    with store.read() as tx:
        assert not tx.writable
        with pytest.raises(NeedsWrite):
            change(tx)
        assert 1 == number(tx)


def test_a_change_hidden_in_plain_text_is_refused_in_a_read(store: BatchStore) -> None:
    make_things(store, x=1)
    with pytest.raises(StoreError), store.read() as tx:
        tx.rows(text("DELETE FROM exercise_thing"))
    with store.read() as tx:
        assert 1 == number(tx)


def test_a_transaction_inside_a_transaction_is_refused(store: BatchStore) -> None:
    make_things(store, x=1)
    for outer in (store.read, store.write):
        with outer() as tx:
            for inner in (store.read, store.write):
                with pytest.raises(RuntimeError), inner():
                    pass
            assert 1 == number(tx)
    with store.read() as tx:
        assert 1 == number(tx)


def test_a_transaction_cannot_be_used_after_its_end(store: BatchStore) -> None:
    make_things(store, x=1)
    with store.read() as tx:
        pass
    with pytest.raises(RuntimeError):
        tx.rows(BY_NAME, named="x")
    with pytest.raises(RuntimeError):
        tx.cached("1", "iam", "key", lambda: 1)
    with store.write() as tx:
        pass
    with pytest.raises(StoreUnavailable):
        tx.run(ADD, named="x", more=1)


def test_a_second_writer_waits_its_turn(store: BatchStore, opened: Opened) -> None:
    make_things(store, x=1)
    other = opened()
    first = store.begin_write()
    first.run(ADD, named="x", more=1)
    seen: list[int | None] = []

    def second() -> None:
        with other.write() as tx:
            seen.append(number(tx))

    waiting = threading.Thread(target=second)
    waiting.start()
    time.sleep(0.1)
    assert not seen
    first.commit()
    waiting.join(10)
    assert [2] == seen


@pytest.mark.parametrize("same_process_store", [True, False])
def test_waiting_for_the_writers_place_is_bounded(store: BatchStore, opened: Opened, same_process_store: bool) -> None:
    make_things(store, x=1)
    other = store if same_process_store else opened()
    held = store.begin_write()
    failures: list[BaseException] = []

    def wait() -> None:
        try:
            other.begin_write(0.3).rollback()
        except StoreBusy as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    began = time.monotonic()
    waiting.start()
    waiting.join(10)
    assert 1 == len(failures)
    assert 0.2 < time.monotonic() - began < 5
    held.rollback()
    with other.write() as tx:
        assert 1 == number(tx)


def test_writers_of_two_processes_never_lose_an_addition(store: BatchStore, place: str) -> None:
    make_things(store, x=0)
    with process(ADDER, place, "60") as one, process(ADDER, place, "60") as two:
        for each in (one, two):
            assert each.stdout is not None and each.stdin is not None
            assert "ready\n" == each.stdout.readline()
        for each in (one, two):
            assert each.stdin is not None
            each.stdin.write("go\n")
        for _ in range(30):
            with store.write() as tx:
                tx.run(ADD, named="x", more=1)
        for each in (one, two):
            assert each.stdout is not None
            assert "done\n" == each.stdout.readline()
    with store.read() as tx:
        assert 150 == number(tx)


def test_a_killed_writer_frees_its_place_and_leaves_nothing(store: BatchStore, place: str) -> None:
    make_things(store, x=1)
    with process(HOLDER, place) as holder:
        assert holder.stdout is not None
        assert "held\n" == holder.stdout.readline()
        with pytest.raises(StoreBusy):
            store.begin_write(0.2)
        holder.kill()
        holder.wait()
        with store.write() as tx:
            assert 1 == number(tx)


def test_savepoints_keep_and_undo_one_call_at_a_time(store: BatchStore) -> None:
    make_things(store, x=0)
    batch = store.begin_write()
    for more, keep in ((1, True), (10, False), (100, True), (1000, False), (10000, True)):
        batch.savepoint()
        batch.run(ADD, named="x", more=more)
        (batch.release if keep else batch.undo)()
    batch.commit()
    with store.read() as tx:
        assert 10101 == number(tx)


def test_a_call_that_failed_in_its_statement_is_undone_alone(store: BatchStore) -> None:
    make_things(store, x=0)
    batch = store.begin_write()
    batch.savepoint()
    batch.run(ADD, named="x", more=1)
    batch.release()
    batch.savepoint()
    with pytest.raises(Conflict):
        batch.run(PUT, name="x", n=5)
    batch.undo()
    batch.savepoint()
    batch.run(ADD, named="x", more=2)
    batch.release()
    batch.commit()
    with store.read() as tx:
        assert 3 == number(tx)


def test_a_closed_store_refuses(store: BatchStore) -> None:
    make_things(store, x=1)
    store.close()
    with pytest.raises(StoreUnavailable), store.read():
        pass
    with pytest.raises(StoreUnavailable), store.write():
        pass


def test_a_read_in_progress_survives_the_closing_of_the_store(store: BatchStore) -> None:
    make_things(store, x=1)
    inside, closed = threading.Event(), threading.Event()
    seen: list[int | None] = []

    def read() -> None:
        with store.read() as tx:
            inside.set()
            closed.wait(10)
            seen.append(number(tx))

    reading = threading.Thread(target=read)
    reading.start()
    inside.wait(10)
    store.close()
    closed.set()
    reading.join(10)
    assert [1] == seen


def test_an_attempt_that_raises_takes_back_its_own_changes_and_no_others(store: BatchStore) -> None:
    make_things(store, x=1)
    with store.write() as tx:
        tx.run(ADD, named="x", more=1)
        with tx.attempt():
            tx.run(ADD, named="x", more=10)
        with pytest.raises(ZeroDivisionError), tx.attempt():
            tx.run(ADD, named="x", more=100)
            with tx.attempt():
                tx.run(ADD, named="x", more=1000)
            raise ZeroDivisionError
        assert 12 == number(tx)
    with store.read() as tx:
        assert 12 == number(tx)


def test_a_transaction_outlives_an_attempt_that_broke_a_rule(store: BatchStore) -> None:
    make_things(store, x=1)
    with store.write() as tx:
        with pytest.raises(Conflict), tx.attempt():
            tx.run(PUT, name="x", n=2, b=None)
        tx.run(ADD, named="x", more=1)
    with store.read() as tx:
        assert 2 == number(tx)


def test_what_an_undone_attempt_had_raised_and_learnt_is_forgotten(store: BatchStore) -> None:
    """Else the next raising would not be written, and others would go on with what they know."""
    make_things(store, x=1)

    def known() -> int:
        with store.read() as tx:
            return tx.cached("a", "things", "x", lambda: number(tx))

    assert 1 == known()
    with store.write() as tx:
        with pytest.raises(ZeroDivisionError), tx.attempt():
            tx.raise_generation("a", "things")
            raise ZeroDivisionError
        tx.run(ADD, named="x", more=1)
        tx.raise_generation("a", "things")
    assert 2 == known()


def test_many_rows_are_changed_at_once_or_not_at_all(store: BatchStore) -> None:
    make_things(store, x=1)
    put = Statement(insert(thing).values({name: bindparam(f"v_{name}") for name in ("name", "n", "b")}))
    rows = [{"v_name": f"m{at}", "v_n": at, "v_b": bytes((0, at))} for at in range(20)]
    with store.write() as tx:
        tx.many(put, rows)
        tx.many(put, [])
        with pytest.raises(Conflict), tx.attempt():
            tx.many(put, [{"v_name": "new", "v_n": 1, "v_b": None}, {"v_name": "m3", "v_n": 1, "v_b": None}])
    with store.read() as tx:
        found = tx.rows(select(thing.c.name, thing.c.n, thing.c.b).where(thing.c.name != "x").order_by(thing.c.pk))
        assert [(row["v_name"], row["v_n"], row["v_b"]) for row in rows] == list(found)
        with pytest.raises(NeedsWrite):
            tx.many(put, rows)
        with pytest.raises(NeedsWrite):
            tx.attempt()
