"""What is cached is never stale: across threads, stores, processes, and inside a changing transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from strongroom.kernel.storage.batch import BatchStore
from tests.exercise.things import (
    ACCOUNT,
    ADD,
    KIND,
    add,
    cached_number,
    make_things,
    number,
    process,
)

Opened = Callable[[], BatchStore]

# Adds one whenever it is told to, and answers when that is committed.
TOLD = """
import sys
from strongroom.kernel.storage.open import open_store
from tests.exercise.things import add
store = open_store(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    add(store)
    print("added", flush=True)
"""
HAMMER = """
import sys
from strongroom.kernel.storage.open import open_store
from tests.exercise.things import add
store = open_store(sys.argv[1])
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    add(store)
store.close()
print("done", flush=True)
"""


def read_cached(store: BatchStore, name: str = "x") -> int | None:
    """One cached read in a transaction of its own."""
    with store.read() as tx:
        return cached_number(tx, name)


def loads(store: BatchStore, kind: str = KIND, account: str = ACCOUNT) -> bool:
    """Whether a cached read has to load."""
    asked: list[int] = []

    def load() -> int:
        asked.append(1)
        return 1

    with store.read() as tx:
        tx.cached(account, kind, ("probe",), load)
    return bool(asked)


def test_an_answer_is_loaded_once_while_nothing_changes(store: BatchStore) -> None:
    make_things(store, x=1)
    assert [True, False, False] == [loads(store) for _ in range(3)]


def test_a_raised_generation_ends_its_own_kind_and_account_only(store: BatchStore) -> None:
    make_things(store, x=1)
    for kind, account in ((KIND, ACCOUNT), ("other", ACCOUNT), (KIND, "999999999999")):
        loads(store, kind, account)
    add(store)
    assert loads(store)
    assert not loads(store, "other")
    assert not loads(store, KIND, "999999999999")


def test_a_commit_that_raises_nothing_ends_nothing(store: BatchStore) -> None:
    make_things(store, x=1)
    loads(store)
    with store.write() as tx:
        tx.run(ADD, named="x", more=1)
    assert not loads(store)


def test_threads_share_what_is_cached(store: BatchStore) -> None:
    make_things(store, x=1)
    loads(store)
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(loads(store)))
    thread.start()
    thread.join()
    assert [False] == seen


def test_what_this_process_committed_is_seen_at_once(store: BatchStore) -> None:
    make_things(store, x=0)
    for expected in range(1, 30):
        add(store)
        assert expected == read_cached(store)


def test_what_another_store_committed_is_seen_at_once(store: BatchStore, opened: Opened) -> None:
    make_things(store, x=0)
    other = opened()
    for expected in range(1, 30):
        add(other)
        assert expected == read_cached(store) == read_cached(other)


def test_what_another_process_acknowledged_is_seen_at_once(store: BatchStore, place: str) -> None:
    make_things(store, x=0)
    with process(TOLD, place) as other:
        assert other.stdin is not None and other.stdout is not None
        assert "ready\n" == other.stdout.readline()
        for expected in range(1, 60):
            assert expected - 1 == read_cached(store)
            other.stdin.write("add\n")
            assert "added\n" == other.stdout.readline()
            assert expected == read_cached(store)


def test_cache_and_row_agree_in_every_snapshot_while_others_write(store: BatchStore, place: str) -> None:
    make_things(store, x=0)
    wrong: list[tuple[int | None, int | None]] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            with store.read() as tx:
                pair = (cached_number(tx), number(tx))
            if pair[0] != pair[1]:
                wrong.append(pair)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    with process(HAMMER, place, "150") as other:
        assert other.stdout is not None
        assert "ready\n" == other.stdout.readline()
        for looker in lookers:
            looker.start()
        for _ in range(50):
            add(store)
        assert "done\n" == other.stdout.readline()
        over.set()
        for looker in lookers:
            looker.join()
    assert [] == wrong
    assert 200 == read_cached(store)


def test_an_old_snapshot_keeps_its_own_answer(store: BatchStore, opened: Opened) -> None:
    make_things(store, x=1)
    other = opened()
    with store.read() as tx:
        assert 1 == cached_number(tx)
        for changing in (other, store):
            thread = threading.Thread(target=add, args=(changing,))
            thread.start()
            thread.join()
        assert 1 == cached_number(tx)
        assert 1 == number(tx)
    assert 3 == read_cached(store)


def test_an_old_snapshot_leaves_nothing_stale_behind(store: BatchStore) -> None:
    """The old reader loads after the change was committed, and must not pass its answer off as new."""
    make_things(store, x=1)
    with store.read() as tx:
        assert 1 == number(tx)
        thread = threading.Thread(target=add, args=(store,))
        thread.start()
        thread.join()
        assert 1 == cached_number(tx)
    assert 2 == read_cached(store)


def test_a_writing_transaction_sees_its_own_change(store: BatchStore) -> None:
    make_things(store, x=1)
    read_cached(store)
    with store.write() as tx:
        assert 1 == cached_number(tx)
        tx.run(ADD, named="x", more=1)
        tx.raise_generation(ACCOUNT, KIND)
        assert 2 == cached_number(tx)
        tx.run(ADD, named="x", more=1)
        assert 3 == cached_number(tx)
    assert 3 == read_cached(store)


def test_a_change_that_was_rolled_back_was_never_cached(store: BatchStore) -> None:
    make_things(store, x=1)
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        tx.run(ADD, named="x", more=1)
        tx.raise_generation(ACCOUNT, KIND)
        assert 2 == cached_number(tx)
        raise ZeroDivisionError
    assert 1 == read_cached(store)


@pytest.mark.parametrize("keep", [True, False])
def test_what_was_read_before_the_generation_was_raised_is_not_kept(store: BatchStore, keep: bool) -> None:
    """A handler that changes, looks through the cache, and only then raises: nobody else sees that look."""
    make_things(store, x=1)
    batch = store.begin_write()
    batch.savepoint()
    batch.run(ADD, named="x", more=1)
    assert 2 == cached_number(batch)
    if keep:
        batch.raise_generation(ACCOUNT, KIND)
        batch.release()
    else:
        batch.undo()
    batch.commit()
    assert (2 if keep else 1) == read_cached(store)


def test_a_later_call_of_the_batch_does_not_keep_what_an_earlier_one_changed(store: BatchStore) -> None:
    make_things(store, x=1)
    batch = store.begin_write()
    batch.savepoint()
    batch.run(ADD, named="x", more=1)
    batch.raise_generation(ACCOUNT, KIND)
    batch.undo()
    batch.savepoint()
    assert 1 == cached_number(batch)
    batch.release()
    batch.savepoint()
    batch.run(ADD, named="x", more=5)
    batch.raise_generation(ACCOUNT, KIND)
    assert 6 == cached_number(batch)
    batch.release()
    batch.savepoint()
    assert 6 == cached_number(batch)
    batch.release()
    batch.commit()
    assert 6 == read_cached(store)


def test_a_generation_raised_again_after_an_undone_call_is_written(store: BatchStore, opened: Opened) -> None:
    make_things(store, x=1)
    other = opened()
    assert 1 == read_cached(other)
    batch = store.begin_write()
    for more, keep in ((7, False), (1, True)):
        batch.savepoint()
        batch.run(ADD, named="x", more=more)
        batch.raise_generation(ACCOUNT, KIND)
        (batch.release if keep else batch.undo)()
    batch.commit()
    assert 2 == read_cached(other)


def test_a_writer_warms_the_cache_for_what_it_did_not_change(store: BatchStore) -> None:
    make_things(store, x=1)
    with store.write() as tx:
        tx.cached(ACCOUNT, "principals", ("probe",), lambda: 1)
    assert not loads(store, "principals")
