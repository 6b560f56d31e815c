"""Rotations as rows: what is due, what history is kept, and which versions nobody may drop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stores import fresh_sqlite

from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.store import attempts, rotations

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
    return rotations.add(tx, secret_pk=pk, version_id=version_id, test=test, began_ms=number, token=b"t")


def test_one_is_under_way_until_it_ends_and_an_ended_one_can_be_taken_up_again(tx: Transaction, pk: int) -> None:
    one = begun(tx, pk, 1)
    assert one == rotations.under_way(tx, pk) == rotations.by_pk(tx, one.pk)
    rotations.note_failure(tx, one.pk, next_ms=9)
    assert one._replace(attempts=1, next_ms=9) == rotations.under_way(tx, pk)
    rotations.end(tx, one.pk, rotations.CANCELLED, 5)
    assert rotations.under_way(tx, pk) is None
    rotations.run_at(tx, one.pk, 12)
    assert one._replace(attempts=1, next_ms=12) == rotations.under_way(tx, pk)


def test_the_newest_failed_attempts_are_kept_and_no_more(tx: Transaction, pk: int) -> None:
    one, other = begun(tx, pk, 1), begun(tx, pk, 2)
    for number in range(attempts.KEPT + 3):
        attempts.add(tx, attempts.Attempt(one.pk, number, number, "setSecret", b"told"))
    attempts.add(tx, attempts.Attempt(other.pk, 0, 0, None, b"told"))
    kept = attempts.newest(tx, one.pk, 1000)
    assert list(range(attempts.KEPT + 2, 2, -1)) == [each.began_ms for each in kept]
    assert [None] == [each.step for each in attempts.newest(tx, other.pk)]


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
    one = begun(tx, pk, 1)
    attempts.add(tx, attempts.Attempt(one.pk, 1, 1, "setSecret", b"told"))
    store.secrets.purge(tx, pk)
    assert [] == rotations.history(tx, pk) == attempts.newest(tx, one.pk)
