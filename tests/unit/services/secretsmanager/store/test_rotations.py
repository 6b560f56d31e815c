"""Rotations as rows: what is due, what history is kept, and which versions nobody may drop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stores import fresh_sqlite

from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.store import rotations

FILLED = {"form": "SecretString", "sealed": b"s", "wrapped": b"w"}


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    """A transaction on a new store."""
    made: SQLiteStore = fresh_sqlite(tmp_path / "store.db")
    with made.write() as one:
        yield one
    made.close()


@pytest.fixture
def pk(tx: Transaction) -> int:
    """A secret's number."""
    return a_secret(tx, "a")


def a_secret(tx: Transaction, name: str) -> int:
    place = {"account": "1" * 12, "region": "us-east-1", "name": name, "suffix": "aaaaaa"}
    return store.secrets.add_secret(tx, place | {"created_ms": 0, "changed_ms": 0}).pk


def begun(tx: Transaction, pk: int, number: int, *, filled: bool = False, test: bool = False) -> rotations.Rotation:
    version_id = f"v{number}"
    store.versions.add_version(
        tx, {"secret_pk": pk, "version_id": version_id, "created_ms": number} | (FILLED if filled else {})
    )
    return rotations.add(tx, secret_pk=pk, version_id=version_id, test=test, began_ms=number)


def test_what_is_pending_is_run_the_longest_due_first_and_again_when_its_next_attempt_is_due(
    tx: Transaction, pk: int
) -> None:
    first, second = begun(tx, pk, 1), begun(tx, a_secret(tx, "b"), 2)
    assert [first, second] == rotations.to_run(tx, 2, 10)
    assert [first] == rotations.to_run(tx, 1, 10) == rotations.to_run(tx, 2, 1)
    rotations.note_failure(tx, first.pk, step="setSecret", message="refused", next_ms=9)
    assert [second] == rotations.to_run(tx, 8, 10)
    assert [second.pk, first.pk] == [one.pk for one in rotations.to_run(tx, 9, 10)]
    rotations.end(tx, second.pk, rotations.SUCCEEDED, 5)
    assert [first.pk] == [one.pk for one in rotations.to_run(tx, 9, 10)]
    assert rotations.under_way(tx, second.secret_pk) is None


def test_versions_of_rotations_since_the_last_success_are_unfinished(tx: Transaction, pk: int) -> None:
    for number, state in enumerate((rotations.ABANDONED, rotations.SUCCEEDED, rotations.CANCELLED, None)):
        one = begun(tx, pk, number, filled=True)
        if state is not None:
            rotations.end(tx, one.pk, state, number)
    tested = begun(tx, pk, 9, test=True)
    assert {"v2", "v3"} == rotations.unfinished_versions(tx, pk)
    rotations.end(tx, tested.pk, rotations.SUCCEEDED, 9)
    assert {"v2", "v3"} == rotations.unfinished_versions(tx, pk), "a test says nothing about the target"
    last = begun(tx, pk, 10, filled=True)
    rotations.end(tx, last.pk, rotations.SUCCEEDED, 10)
    assert frozenset() == rotations.unfinished_versions(tx, pk)


def test_history_is_bounded_but_for_what_may_still_be_needed(tx: Transaction, pk: int) -> None:
    needed = begun(tx, pk, 0, filled=True)
    rotations.end(tx, needed.pk, rotations.ABANDONED, 0)
    for number in range(1, rotations.HISTORY + 50):
        rotations.end(tx, begun(tx, pk, number).pk, rotations.ABANDONED, number)
    kept = rotations.history(tx, pk, 1000)
    assert rotations.HISTORY + 1 == len(kept)
    assert "v0" == kept[-1].version_id
    assert {"v0"} <= rotations.unfinished_versions(tx, pk)


def test_a_purged_secret_takes_its_rotations_with_it(tx: Transaction, pk: int) -> None:
    begun(tx, pk, 1)
    store.secrets.purge(tx, pk)
    assert [] == rotations.history(tx, pk) == rotations.to_run(tx, 99, 99)
