"""Secrets that were worked out before their turn are made where their names are free and the quota has room then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.errors import StoreUnavailable
from strongroom.kernel.storage.foresight import Foreseen, Foresight
from strongroom.kernel.storage.port import NeedsWrite, Statement, Transaction
from strongroom.services.secretsmanager.rules.identifiers import SecretRef
from strongroom.services.secretsmanager.store import counts, creation, secrets
from strongroom.services.secretsmanager.store.tables import label, secret, tag, version, word
from tests.exercise.test_foresight import played
from tests.exercise.test_owners import ACCOUNT, MAKES, PLACE, REGION, ROW, make

Opened = Callable[[], BatchStore]
VALUE = {"version_id": "v1", "form": "SecretString", "sealed": b"1", "wrapped": b"key"}
TAGS = [{"Key": "team", "Value": "red"}, {"Key": "k", "Value": ""}]
MOST = 5


def create(tx: Transaction, name: str, most: int = MOST, **more: Any) -> bool:
    """A new secret, as CreateSecret stores it; False where there are too many."""
    if secrets.find_secret(tx, SecretRef(ACCOUNT, REGION, name, None)) is not None:
        raise NeedsWrite
    well = counts.one_more(tx, ACCOUNT, REGION, most)
    columns = {**PLACE, **ROW, "name": name, "description": f"the {name}", **more}
    creation.add(tx, creation.to_be(**columns), VALUE, TAGS)
    return well


def foreseen(store: BatchStore, name: str, most: int = MOST, **more: Any) -> Foreseen:
    """The same, worked out."""
    with store.read() as tx:
        view = tx.foresee()
        assert view is not None
        assert create(view, name, most, **more)
        found = view.foreseen()
    assert found is not None
    return found


def rows(store: BatchStore) -> dict[str, list[Any]]:
    """All that a creation stores, the numbers of secrets and versions given as they come."""
    with store.read() as tx:
        return {
            table.name: sorted(map(repr, tx.rows(Statement(select(*table.c)))))
            for table in (secret, version, label, tag, word)
        }


def counted(store: BatchStore) -> int:
    """How many secrets there are said to be."""
    with store.read() as tx:
        return counts.secrets_of(tx, ACCOUNT, REGION)


def there(store: BatchStore) -> list[str]:
    """The names that are taken."""
    with store.read() as tx:
        return sorted(row[0] for row in tx.rows(Statement(select(secret.c.name))))


def test_a_count_is_exact_at_its_limit_in_any_transaction(store: BatchStore) -> None:
    for number in range(MOST + 1):
        with store.write() as tx:
            assert create(tx, f"s{number}") == (number < MOST)


def test_a_secret_may_be_made_after_one_of_its_name_was_refused_in_its_batch(store: BatchStore) -> None:
    batch = store.begin_write()
    batch.savepoint()
    create(batch, "s")
    batch.undo()
    batch.savepoint()
    create(batch, "s")
    batch.release()
    batch.commit()
    assert ["s"] == there(store)


@pytest.mark.parametrize("engine", ["sqlite"])
class TestCreations:
    """On the embedded store."""

    def test_many_are_stored_as_they_would_be_one_by_one(self, store: BatchStore, opened: Opened) -> None:
        names = [f"s{number}" for number in range(9)]
        for name in names:
            with store.write() as tx:
                assert create(tx, name, 99)
        one_by_one = rows(store)
        with store.write() as tx:
            for found in [secrets.find_secret(tx, SecretRef(ACCOUNT, REGION, name, None)) for name in names]:
                assert found is not None
                secrets.purge(tx, found.pk)
        assert not any(rows(store).values())
        plans = [foreseen(store, name, 99) for name in names]
        batch = store.begin_write()
        assert all(played(batch, plan) for plan in plans)
        batch.commit()
        together = rows(store)
        assert {table: len(all_of) for table, all_of in one_by_one.items()} == {
            table: len(all_of) for table, all_of in together.items()
        }
        assert 18 == counted(store)
        self._whole(store, names)

    @staticmethod
    def _whole(store: BatchStore, names: list[str]) -> None:
        """Each secret has what its name says, and its own version under its own label."""
        with store.read() as tx:
            for name in names:
                one = secrets.find_secret(tx, SecretRef(ACCOUNT, REGION, name, None))
                assert one is not None
                assert f"the {name}" == one.description
                mine = tx.rows(Statement(select(version.c.pk, version.c.labels).where(version.c.secret_pk == one.pk)))
                held = tx.rows(Statement(select(label.c.version_pk).where(label.c.secret_pk == one.pk)))
                assert [(held[0][0], '["AWSCURRENT"]')] == list(mine)
                said = tx.rows(Statement(select(word.c.word).where(word.c.secret_pk == one.pk)))
                assert {"the", *name} == {row[0] for row in said} - {"team", "red", "k"}
                tags = tx.rows(Statement(select(tag.c.key, tag.c.value).where(tag.c.secret_pk == one.pk)))
                assert {("team", "red"), ("k", "")} == set(tags)

    @pytest.mark.parametrize("how", MAKES)
    @pytest.mark.parametrize("where", ["committed", "in the batch"])
    def test_a_name_that_was_taken_meanwhile_ends_it_and_no_other(
        self, store: BatchStore, opened: Opened, how: str, where: str
    ) -> None:
        mine, others = foreseen(store, "mine"), foreseen(store, "other")
        if where == "committed":
            with opened().write() as tx:
                MAKES[how](tx, "mine")
            batch = store.begin_write()
        else:
            batch = store.begin_write()
            batch.savepoint()
            MAKES[how](batch, "mine")
            batch.release()
        assert not played(batch, mine)
        assert played(batch, others)
        batch.commit()
        assert ["mine", "other"] == there(store)

    @pytest.mark.parametrize("together", [True, False])
    def test_of_two_of_one_name_one_is_made(self, store: BatchStore, opened: Opened, together: bool) -> None:
        first, second = foreseen(store, "mine", description="1"), foreseen(opened(), "mine", description="2")
        batch = store.begin_write()
        assert played(batch, first)
        if not together:
            batch.commit()
            batch = store.begin_write()
        assert not played(batch, second)
        batch.commit()
        with store.read() as tx:
            one = secrets.find_secret(tx, SecretRef(ACCOUNT, REGION, "mine", None))
        assert one is not None
        assert "1" == one.description

    def test_a_name_that_was_free_taken_and_free_again_is_asked_for_anew(
        self, store: BatchStore, opened: Opened
    ) -> None:
        plan = foreseen(store, "mine")
        (pk,) = make(opened(), "mine")
        with opened().write() as tx:
            secrets.purge(tx, pk)
        batch = store.begin_write()
        assert not played(batch, plan)
        batch.rollback()

    @pytest.mark.parametrize("before", range(MOST + 1))
    def test_the_quota_is_exact_within_a_batch(self, store: BatchStore, before: int) -> None:
        plans = [foreseen(store, f"s{number}") for number in range(MOST + 2)]
        for number in range(before):
            with store.write() as tx:
                create(tx, f"before{number}")
        batch = store.begin_write()
        room = MOST - before
        assert [True] * room + [False] * (MOST + 2 - room) == [played(batch, plan) for plan in plans]
        batch.commit()
        assert MOST == counted(store) == len(there(store))

    def test_the_quota_counts_what_others_of_the_batch_make_and_take_back(self, store: BatchStore) -> None:
        plans = [foreseen(store, f"s{number}") for number in range(MOST + 1)]
        batch = store.begin_write()
        assert played(batch, plans[0])
        batch.savepoint()
        assert batch.play(plans[1])
        batch.undo()  # it was played, and is taken back
        assert played(batch, plans[2])
        batch.savepoint()
        create(batch, "slow")
        batch.undo()
        batch.savepoint()
        create(batch, "slower")
        batch.release()
        assert [True, True, False] == [played(batch, plan) for plan in (plans[3], plans[4], plans[5])]
        batch.commit()
        assert ["s0", "s2", "s3", "s4", "slower"] == there(store)
        assert MOST == counted(store)

    def test_one_that_was_played_and_taken_back_leaves_its_place_to_the_next(self, store: BatchStore) -> None:
        plans = [foreseen(store, f"s{number}", 1) for number in range(3)]
        batch = store.begin_write()
        batch.savepoint()
        assert batch.play(plans[0])
        batch.undo()
        assert [True, False] == [played(batch, plan) for plan in plans[1:]]
        batch.commit()
        assert ["s1"] == there(store)

    def test_accounts_are_counted_apart(self, store: BatchStore) -> None:
        mine = [foreseen(store, f"s{number}", 1) for number in range(2)]
        with store.read() as tx:
            view = tx.foresee()
            assert view is not None
            assert counts.one_more(view, "999988887777", REGION, 1)
            creation.add(view, creation.to_be(**{**PLACE, **ROW, "account": "999988887777"}, name="s0"), None, ())
            theirs = view.foreseen()
        assert theirs is not None
        batch = store.begin_write()
        assert [True, True, False] == [played(batch, one) for one in (mine[0], theirs, mine[1])]
        batch.commit()
        assert ["s0", "s0"] == there(store)

    def test_one_without_a_value_has_neither_version_nor_label(self, store: BatchStore) -> None:
        with store.read() as tx:
            view = tx.foresee()
            assert view is not None
            creation.add(view, creation.to_be(**PLACE, **ROW, name="bare"), None, ())
            plan = view.foreseen()
        assert plan is not None
        batch = store.begin_write()
        assert played(batch, plan)
        batch.commit()
        assert [] == rows(store)["secretsmanager_version"] == rows(store)["secretsmanager_label"]
        assert ["bare"] == there(store)

    def test_it_leaves_what_is_foreseen_of_others_as_it_was(self, store: BatchStore, opened: Opened) -> None:
        plan, later = foreseen(store, "new"), foreseen(store, "later")
        batch = opened().begin_write()
        assert played(batch, plan)
        batch.commit()
        batch = store.begin_write()
        assert played(batch, later)
        batch.commit()
        assert ["later", "new"] == there(store)

    def test_a_name_that_was_taken_without_a_word_loses_the_batch(self, store: BatchStore, opened: Opened) -> None:
        """It cannot be; were it, nothing of the batch would be kept."""
        plan, other = foreseen(store, "mine"), foreseen(store, "other")
        batch = store.begin_write()
        assert played(batch, other)
        batch._sent(f"INSERT INTO secretsmanager_secret SELECT {_columns()}", ())  # type: ignore[attr-defined]
        assert played(batch, plan)
        with pytest.raises(StoreUnavailable):
            batch.commit()
        assert [] == there(store)

    def test_rows_of_an_owner_who_was_not_made_are_not_foreseen(self, store: BatchStore) -> None:
        make(store, "mine")
        with store.read() as tx:
            view = tx.foresee()
            assert isinstance(view, Foresight)
            with pytest.raises(NeedsWrite):
                view.many(creation._TAG, [{**PLACE, "name": "mine", "key": "k", "value": "v"}])


def _columns() -> str:
    row = {**PLACE, **ROW, "name": "mine", "accessed_day": 0, "has_policy": 0}
    return ", ".join("NULL" if row.get(one.name) is None else repr(row[one.name]) for one in secret.c)
