"""kernel/storage/sqlite_file: a private file, opened with the settings that the promises need."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from strongroom.kernel.storage.errors import Conflict, StoreBusy, StoreError, StoreUnavailable
from strongroom.kernel.storage.sqlite_file import connect, make_private, translated


def test_a_new_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    make_private(tmp_path / "s.db")
    assert 0o600 == (tmp_path / "s.db").stat().st_mode & 0o777


def test_an_open_file_is_closed_to_others(tmp_path: Path) -> None:
    for name in ("s.db", "s.db-wal", "s.db-shm"):
        (tmp_path / name).touch(0o644)
        (tmp_path / name).chmod(0o664)
    make_private(tmp_path / "s.db")
    assert {0o600} == {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("pragma", "expected"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("cell_size_check", 1),
        ("trusted_schema", 0),
        ("temp_store", 2),
        ("secure_delete", 1),
        ("busy_timeout", 5000),
    ],
)
@pytest.mark.parametrize("writing", [True, False])
def test_every_connection_has_the_settings(tmp_path: Path, pragma: str, expected: object, writing: bool) -> None:
    make_private(tmp_path / "s.db")
    connection = connect(tmp_path / "s.db", writing=writing)
    assert (expected,) == connection.execute(f"PRAGMA {pragma}").fetchone()
    connection.close()


def test_a_reading_connection_cannot_write(tmp_path: Path) -> None:
    make_private(tmp_path / "s.db")
    connection = connect(tmp_path / "s.db", writing=False)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("CREATE TABLE t (x)")
    connection.close()


def test_a_missing_directory_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"cannot use .*No such file"):
        make_private(tmp_path / "nowhere" / "s.db")


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        connect(tmp_path / "s.db", writing=True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_CONSTRAINT_UNIQUE", Conflict),
        ("SQLITE_BUSY", StoreBusy),
        ("SQLITE_BUSY_SNAPSHOT", StoreBusy),
        ("SQLITE_FULL", StoreUnavailable),
        ("SQLITE_IOERR_FSYNC", StoreUnavailable),
        ("SQLITE_CORRUPT", StoreUnavailable),
        ("SQLITE_ERROR", StoreError),
        ("", StoreError),
    ],
)
def test_errors_have_the_stores_names(name: str, kind: type[Exception]) -> None:
    error = sqlite3.OperationalError("said")
    error.sqlite_errorname = name
    assert kind is type(translated(error))
