"""kernel/storage/sqlite_index: one descriptor a file and process, looked at before it is trusted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from strongroom.kernel.storage.sqlite_file import connect
from strongroom.kernel.storage.sqlite_index import HEADER_BYTES, close_index, open_index


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    made = sqlite3.connect(path)
    made.execute("PRAGMA journal_mode = WAL")
    made.execute("CREATE TABLE t (n INTEGER)")
    made.close()
    return path


def test_the_header_changes_with_every_commit_and_with_nothing_else(database: Path) -> None:
    reader, writer = connect(database, writing=False), connect(database, writing=True)
    reader.execute("SELECT count(*) FROM t").fetchall()
    index = open_index(database)
    assert index is not None and index.understood
    seen = {index.header()}
    for _ in range(50):
        writer.execute("INSERT INTO t VALUES (1)")
        assert index.header() not in seen
        seen.add(index.header())
        before = index.header()
        reader.execute("SELECT count(*) FROM t").fetchall()
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO t VALUES (1)")
        assert before == index.header(), "nothing is committed yet"
        writer.execute("ROLLBACK")
        writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
        assert before == index.header()
    for connection in (reader, writer):
        connection.close()
    close_index(index, nothing_open=True)


def test_two_that_open_it_share_one_descriptor(database: Path) -> None:
    connection = connect(database, writing=False)
    connection.execute("SELECT count(*) FROM t").fetchall()
    first, second = open_index(database), open_index(database)
    assert first is not None and first is second
    close_index(first, nothing_open=True)
    assert HEADER_BYTES == len(second.header()), "the other still has it"
    connection.close()
    close_index(second, nothing_open=True)
    with pytest.raises(ValueError, match="closed"):
        second.header()


def test_it_stays_open_while_a_connection_is(database: Path) -> None:
    connection = connect(database, writing=False)
    connection.execute("SELECT count(*) FROM t").fetchall()
    index = open_index(database)
    assert index is not None
    close_index(index, nothing_open=False)
    assert index is open_index(database)
    connection.close()
    close_index(index, nothing_open=True)


def test_where_there_is_none_nobody_gets_one(tmp_path: Path) -> None:
    assert open_index(tmp_path / "none.db") is None


@pytest.mark.parametrize("spoilt", [0, 50])
def test_another_layout_is_not_understood(tmp_path: Path, spoilt: int) -> None:
    header = bytearray((3007000).to_bytes(4, "little") + bytes(44)) * 2
    header[spoilt] ^= 1
    (tmp_path / "s.db-shm").write_bytes(bytes(header))
    index = open_index(tmp_path / "s.db")
    assert index is not None and not index.understood
    close_index(index, nothing_open=True)
