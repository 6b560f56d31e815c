"""Changes that were worked out beforehand are made where nothing has changed that they were worked out from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, insert, select, text, update

from strongroom.kernel.storage.batch import Batch, BatchStore
from strongroom.kernel.storage.errors import StoreUnavailable
from strongroom.kernel.storage.foresight import Foreseen
from strongroom.kernel.storage.port import NeedsWrite, Statement, Transaction
from strongroom.kernel.storage.schema import setting
from strongroom.services.secretsmanager.store import rotations, secrets, versions
from strongroom.services.secretsmanager.store.tables import version
from tests.exercise.test_owners import CHANGES, make

Opened = Callable[[], BatchStore]
Change = Callable[[BatchStore, int], None]
RELABEL = Statement(
    update(version)
    .where(version.c.secret_pk == bindparam("of_secret"), version.c.version_id == bindparam("wanted"))
    .values(labels=bindparam("v_labels"))
)
DROP = Statement(
    delete(version).where(version.c.secret_pk == bindparam("of_secret"), version.c.version_id == bindparam("wanted"))
)
SETTING = Statement(insert(setting))


def put(tx: Transaction, pk: int, new: str) -> None:
    """A new current version of a secret, as PutSecretValue stores it."""
    one = secrets.secret_by_pk(tx, pk)
    assert one is not None
    stood = versions.standing_of(tx, pk, new)
    after = {**stood.labels, "AWSCURRENT": new, "AWSPREVIOUS": stood.labels["AWSCURRENT"]}
    versions.add_version(tx, {"secret_pk": pk, "version_id": new, "created_ms": 9, "sealed": b"x"}, ["AWSCURRENT"])
    versions.write_labels(tx, pk, stood.labels, after, listed=new)
    secrets.change_secret(tx, pk, changed_ms=one.changed_ms + 1)


def foreseen(store: BatchStore, pk: int, new: str = "v2") -> Foreseen:
    """The same, worked out."""
    with store.read() as tx:
        view = tx.foresee()
        assert view is not None
        put(view, pk, new)
        found = view.foreseen()
    assert found is not None
    return found


def state(store: BatchStore, pk: int) -> Any:
    """All that a put changes."""
    with store.read() as tx:
        one = secrets.secret_by_pk(tx, pk)
        assert one is not None
        return (
            one.changed_ms,
            versions.labels_of(tx, pk),
            {each.version_id: each.labels for each in versions.versions_of(tx, pk)},
        )


def played(batch: Batch, one: Foreseen) -> bool:
    """Play it as a call of its own."""
    batch.savepoint()
    well = batch.play(one)
    batch.release()
    return well


def test_on_postgresql_nothing_is_foreseen(store: BatchStore) -> None:
    with store.read() as tx:
        assert (tx.foresee() is None) == (store.engine == "postgresql")
    with store.write() as tx:
        assert tx.foresee() is None


@pytest.mark.parametrize("engine", ["sqlite"])
class TestForesight:
    """On the embedded store, which knows whose rows were read and changed."""

    def test_what_was_foreseen_is_what_would_have_been_done(self, store: BatchStore) -> None:
        mine, same = make(store, "mine", "same")
        plan = foreseen(store, mine)
        with store.write() as tx:
            put(tx, same, "v2")
        batch = store.begin_write()
        assert played(batch, plan)
        batch.commit()
        assert state(store, same) == state(store, mine)
        assert {"AWSCURRENT": "v2", "AWSPREVIOUS": "v1"} == state(store, mine)[1]

    @pytest.mark.parametrize("change", CHANGES)
    @pytest.mark.parametrize("elsewhere", [False, True])
    def test_any_change_of_what_was_read_ends_it(
        self, store: BatchStore, opened: Opened, change: str, elsewhere: bool
    ) -> None:
        mine, other = make(store, "mine", "other")
        plan, others = foreseen(store, mine, "v9"), foreseen(store, other, "v9")
        with (opened() if elsewhere else store).write() as tx:
            CHANGES[change](tx, mine, 2)
        before = state(store, mine)
        batch = store.begin_write()
        assert not played(batch, plan)
        assert played(batch, others), "another's is as good as before"
        batch.commit()
        assert before == state(store, mine)
        assert "v9" == state(store, other)[1]["AWSCURRENT"]

    @pytest.mark.parametrize("change", CHANGES)
    def test_any_change_of_it_in_the_same_batch_ends_it(self, store: BatchStore, change: str) -> None:
        mine, other = make(store, "mine", "other")
        plan, others = foreseen(store, mine, "v9"), foreseen(store, other, "v9")
        batch = store.begin_write()
        batch.savepoint()
        CHANGES[change](batch, mine, 2)
        batch.release()
        assert not played(batch, plan)
        assert played(batch, others)
        batch.commit()
        assert "v9" == state(store, other)[1]["AWSCURRENT"]

    def test_of_two_that_were_foreseen_from_the_same_state_one_is_good(self, store: BatchStore) -> None:
        (mine,) = make(store, "mine")
        first, second = foreseen(store, mine, "v2"), foreseen(store, mine, "v3")
        batch = store.begin_write()
        assert [True, False] == [played(batch, first), played(batch, second)]
        batch.commit()
        batch = store.begin_write()
        assert not played(batch, second)
        batch.rollback()
        assert {"AWSCURRENT": "v2", "AWSPREVIOUS": "v1"} == state(store, mine)[1]

    @pytest.mark.parametrize("where", ["committed", "in the batch"])
    def test_a_change_of_rows_without_owners_ends_all(self, store: BatchStore, opened: Opened, where: str) -> None:
        (mine,) = make(store, "mine")
        plan = foreseen(store, mine)
        batch = None
        if where == "committed":
            with opened().write() as tx:
                tx.run(SETTING, name="n", value="v")
        else:
            batch = store.begin_write()
            batch.run(SETTING, name="n", value="v")
        batch = batch or store.begin_write()
        assert not played(batch, plan)
        batch.commit()

    def test_a_raised_generation_ends_all(self, store: BatchStore, opened: Opened) -> None:
        (mine,) = make(store, "mine")
        plan = foreseen(store, mine)
        with opened().write() as tx:
            tx.raise_generation("111122223333", "iam")
        batch = store.begin_write()
        assert not played(batch, plan)
        batch.rollback()

    def test_a_change_that_was_taken_back_ends_nothing_for_good(self, store: BatchStore, opened: Opened) -> None:
        (mine,) = make(store, "mine")
        plan = foreseen(store, mine)
        lost = opened().begin_write()
        put(lost, mine, "v7")
        lost.rollback()
        batch = store.begin_write()
        assert played(batch, plan)
        batch.commit()
        assert "v2" == state(store, mine)[1]["AWSCURRENT"]

    def test_who_waits_for_longer_than_changes_are_kept_is_not_believed(
        self, store: BatchStore, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("strongroom.kernel.storage.sqlite_write._CHANGES_KEPT", 4)
        monkeypatch.setattr("strongroom.kernel.storage.sqlite_write._FORGET_EVERY", 2)
        mine, other = make(store, "mine", "other")
        plan = foreseen(store, mine)
        third = opened()
        for number in range(30):
            with third.write() as tx:
                secrets.change_secret(tx, other, description=str(number))
        again = foreseen(store, mine)
        batch = store.begin_write()
        assert not played(batch, plan)
        assert played(batch, again)
        batch.commit()

    def test_changes_that_many_batches_tell_are_all_heard(self, store: BatchStore, opened: Opened) -> None:
        mine, other = make(store, "mine", "other")
        third = opened()
        for number in range(2, 9):
            stale, good = foreseen(store, mine, f"v{number}"), foreseen(store, other, f"v{number}")
            with third.write() as tx:
                put(tx, mine, f"w{number}")
            batch = store.begin_write()
            assert [False, True] == [played(batch, stale), played(batch, good)]
            batch.commit()
            again = foreseen(store, mine, f"v{number}")
            batch = store.begin_write()
            assert played(batch, again)
            batch.commit()
            assert f"v{number}" == state(store, mine)[1]["AWSCURRENT"]

    def test_a_call_that_is_refused_takes_nothing_of_the_others_back(self, store: BatchStore) -> None:
        first, refused, last = make(store, "first", "refused", "last")
        plans = foreseen(store, first), foreseen(store, last), foreseen(store, refused)
        batch = store.begin_write()
        assert played(batch, plans[0])
        batch.savepoint()
        put(batch, refused, "v2")
        batch.undo()
        assert played(batch, plans[1])
        batch.savepoint()
        assert batch.play(plans[2]) is False, "it was changed here, though that was taken back"
        batch.undo()
        batch.commit()
        assert ["v2", "v1", "v2"] == [state(store, pk)[1]["AWSCURRENT"] for pk in (first, refused, last)]

    def test_one_that_is_taken_back_leaves_nothing(self, store: BatchStore) -> None:
        mine, other = make(store, "mine", "other")
        plans = foreseen(store, mine), foreseen(store, other)
        batch = store.begin_write()
        assert played(batch, plans[0])
        batch.savepoint()
        assert batch.play(plans[1])
        batch.undo()
        batch.commit()
        assert ["v2", "v1"] == [state(store, pk)[1]["AWSCURRENT"] for pk in (mine, other)]

    def test_what_comes_after_it_in_the_batch_sees_it(self, store: BatchStore) -> None:
        (mine,) = make(store, "mine")
        plan = foreseen(store, mine)
        batch = store.begin_write()
        assert played(batch, plan)
        batch.savepoint()
        assert "v2" == versions.labels_of(batch, mine)["AWSCURRENT"]
        put(batch, mine, "v3")
        batch.release()
        batch.commit()
        assert {"AWSCURRENT": "v3", "AWSPREVIOUS": "v2"} == state(store, mine)[1]

    def test_what_it_changes_ends_what_readers_remember(self, store: BatchStore) -> None:
        (mine,) = make(store, "mine")
        with store.glance() as tx:
            assert "v1" == versions.labels_of(tx, mine)["AWSCURRENT"]
        plan = foreseen(store, mine)
        batch = store.begin_write()
        assert played(batch, plan)
        batch.commit()
        assert "v2" == state(store, mine)[1]["AWSCURRENT"]

    def test_a_change_that_does_not_find_its_row_loses_the_whole_batch(self, store: BatchStore) -> None:
        mine, other = make(store, "mine", "other")
        with store.read() as tx:
            view = tx.foresee()
            assert view is not None
            versions.labels_of(view, mine)
            view.many(RELABEL, [{"of_secret": mine, "wanted": "nobody", "v_labels": "[]"}])
            wrong = view.foreseen()
        assert wrong is not None
        good = foreseen(store, other)
        batch = store.begin_write()
        assert played(batch, good)
        assert played(batch, wrong)
        with pytest.raises(StoreUnavailable):
            batch.commit()
        with pytest.raises(StoreUnavailable):
            batch.savepoint()
        assert "v1" == state(store, other)[1]["AWSCURRENT"]

    def test_a_broken_rule_of_the_tables_loses_the_whole_batch(self, store: BatchStore) -> None:
        mine, other = make(store, "mine", "other")
        with store.read() as tx:
            view = tx.foresee()
            assert view is not None
            versions.labels_of(view, mine)
            versions.add_version(view, {"secret_pk": mine, "version_id": "v1", "created_ms": 1})
            wrong = view.foreseen()
        assert wrong is not None
        good = foreseen(store, other)
        batch = store.begin_write()
        assert played(batch, good)
        assert played(batch, wrong)
        batch.savepoint()
        with pytest.raises(StoreUnavailable):
            versions.labels_of(batch, other)
        with pytest.raises(StoreUnavailable):
            batch.undo()
        assert "v1" == state(store, other)[1]["AWSCURRENT"]

    def test_more_owners_than_a_commit_can_tell_go_the_long_way(self, store: BatchStore) -> None:
        made = make(store, *[f"s{number}" for number in range(66)])
        plans = [foreseen(store, pk) for pk in made]
        batch = store.begin_write()
        assert [True] * 64 + [False] * 2 == [played(batch, one) for one in plans]
        batch.commit()
        assert 64 == sum(state(store, pk)[1]["AWSCURRENT"] == "v2" for pk in made)

    def test_what_cannot_be_told_beforehand_needs_its_turn(self, store: BatchStore) -> None:
        (mine,) = make(store, "mine")
        value = {"of_secret": mine, "wanted": "v1", "v_labels": "[]"}
        plan = foreseen(store, mine)
        tries: dict[str, Callable[[Transaction], Any]] = {
            "how many rows": lambda tx: tx.run(RELABEL, **value),
            "an answer": lambda tx: secrets.add_secret(tx, {"account": "1", "region": "r", "name": "n"}),
            "rows of nobody": lambda tx: tx.many(SETTING, [{"name": "n", "value": "v"}]),
            "a part": lambda tx: tx.attempt().__enter__(),
            "a generation": lambda tx: tx.raise_generation("1", "iam"),
            "to be played": lambda tx: tx.play(plan),
        }
        for said, tried in tries.items():
            with store.read() as tx:
                view = tx.foresee()
                assert view is not None
                with pytest.raises(NeedsWrite):
                    tried(view)
                assert view.foreseen() is None, said

    def test_no_look_is_taken_at_what_would_have_changed(self, store: BatchStore) -> None:
        (mine,) = make(store, "mine")
        looks: list[Callable[[Transaction], Any]] = [
            lambda tx: versions.labels_of(tx, mine),
            lambda tx: secrets.secret_by_pk(tx, mine),
            lambda tx: tx.cached("1", "iam", "k", lambda: 1),
        ]
        for look in looks:
            with store.read() as tx:
                view = tx.foresee()
                assert view is not None
                look(view)
                view.many(DROP, [{"of_secret": mine, "wanted": "v1"}])
                with pytest.raises(NeedsWrite):
                    look(view)
                assert view.memory is None

    def test_what_hangs_on_rows_that_nobody_watches_is_not_foreseen(self, store: BatchStore) -> None:
        (mine,) = make(store, "mine")
        unknown = Statement(select(version.c.pk).where(version.c.version_id == "v1"))
        looks: list[Callable[[Transaction], Any]] = [
            lambda tx: rotations.under_way(tx, mine),
            lambda tx: tx.row(Statement(text("SELECT 1"))),
            lambda tx: tx.rows(unknown),
        ]
        for look in looks:
            with store.read() as tx:
                view = tx.foresee()
                assert view is not None
                look(view)
                put(view, mine, "v2")
                assert view.foreseen() is None

    def test_who_changes_nothing_has_nothing_to_play(self, store: BatchStore) -> None:
        (mine,) = make(store, "mine")
        with store.read() as tx:
            view = tx.foresee()
            assert view is not None
            versions.labels_of(view, mine)
            view.many(RELABEL, [])
            assert view.foreseen() is None
