"""kernel/storage/sqlite: connections of threads, forks, and a disk that is full."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, insert, select
from tests.stores import fresh_sqlite

from strongroom.kernel.storage.errors import StoreUnavailable
from strongroom.kernel.storage.port import Statement
from strongroom.kernel.storage.schema import setting
from strongroom.kernel.storage.sqlite import SQLiteStore

PUT = Statement(insert(setting))
GET = Statement(select(setting.c.value).where(setting.c.name == bindparam("named")))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    """A store with the kernel's tables."""
    made = fresh_sqlite(tmp_path / "store.db")
    yield made
    made.close()


def test_its_files_belong_to_their_owner_alone(store: SQLiteStore) -> None:
    with store.write() as tx:
        tx.run(PUT, name="a", value="1")
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in store.path.parent.iterdir()}
    assert {"store.db": "0o600", "store.db-wal": "0o600", "store.db-shm": "0o600"} == modes


def test_a_second_store_on_the_file_takes_no_lock_from_the_first(store: SQLiteStore) -> None:
    """POSIX locks are lost when any descriptor of the file is closed: opening must not open and close it."""
    held = store.begin_write()
    SQLiteStore(store.path).close()
    done = os.fork()
    if done == 0:
        try:
            SQLiteStore(store.path).begin_write(0.2).rollback()
        except BaseException:
            os._exit(7)
        os._exit(0)
    assert 7 == os.waitstatus_to_exitcode(os.waitpid(done, 0)[1])
    held.rollback()


def test_a_forked_child_refuses_to_use_its_copy(store: SQLiteStore) -> None:
    with store.read() as tx:
        assert tx.row(GET, named="a") is None
    child = os.fork()
    if child == 0:
        refused = 0
        for begin in (store.read, store.write):
            try:
                with begin():
                    pass
            except StoreUnavailable:
                refused += 1
        os._exit(refused)
    assert 2 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with store.write() as tx:
        tx.run(PUT, name="a", value="1")


def test_a_thread_that_ends_gives_its_connection_back(store: SQLiteStore) -> None:
    def read() -> None:
        with store.read() as tx:
            tx.row(GET, named="a")

    for _ in range(20):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    assert 0 == len(store._readings)


def test_a_read_block_that_raises_ends_its_snapshot(store: SQLiteStore) -> None:
    with pytest.raises(ZeroDivisionError), store.read() as tx:
        tx.row(GET, named="a")
        raise ZeroDivisionError
    with store.write() as tx:
        tx.run(PUT, name="a", value="1")
    with store.read() as tx:
        assert ("1",) == tx.row(GET, named="a")


def test_a_row_left_unread_keeps_no_snapshot_open(store: SQLiteStore) -> None:
    with store.write() as tx:
        for at in range(10):
            tx.run(PUT, name=f"n{at}", value="1")
    with store.read() as tx:
        tx.row(select(setting.c.name))
    with store.write() as tx:
        tx.run(PUT, name="a", value="1")
    with store.read() as tx:
        assert ("1",) == tx.row(GET, named="a")


def test_a_full_disk_ends_the_transaction_and_nothing_runs_outside_one(store: SQLiteStore) -> None:
    with store.write() as tx:
        tx.run(PUT, name="a", value="1")
    limited = store.begin_write()
    limited._connection.execute("PRAGMA max_page_count = 30")
    limited.savepoint()
    with pytest.raises(StoreUnavailable, match="SQLITE_FULL"):
        for at in range(1000):
            limited.run(PUT, name=f"big{at}", value="v" * 4000)
    with pytest.raises(StoreUnavailable):
        limited.run(PUT, name="outside", value="1")
        limited.commit()
    limited.rollback()
    with store.read() as tx:
        assert ("1",) == tx.row(GET, named="a")
        assert tx.row(GET, named="big0") is None
        assert tx.row(GET, named="outside") is None


def test_its_repr_is_its_path(store: SQLiteStore) -> None:
    assert f"SQLiteStore('{store.path}')" == repr(store)
