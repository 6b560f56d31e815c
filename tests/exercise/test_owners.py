"""What is remembered of a secret ends with any change of it, and outlives changes of others.

Owners' rows are the product's own tables here: what they say of themselves is what is tried.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, select, text, update

from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.errors import Conflict, StoreUnavailable
from strongroom.kernel.storage.port import SnapshotMoved, Statement, Transaction
from strongroom.kernel.storage.schema import changed
from strongroom.services.secretsmanager.rules.identifiers import SecretRef
from strongroom.services.secretsmanager.store import creation, secrets, versions
from strongroom.services.secretsmanager.store.tables import label, policy, secret, tag, version

ACCOUNT, REGION = "111122223333", "us-east-1"
Opened = Callable[[], BatchStore]


def make(store: BatchStore, *names: str) -> list[int]:
    """Secrets with one version each; their numbers."""
    made = []
    for name in names:
        with store.write() as tx:
            values = {
                "account": ACCOUNT,
                "region": REGION,
                "name": name,
                "suffix": "AbCdEf",
                "created_ms": 1,
                "changed_ms": 1,
            }
            one = secrets.add_secret(tx, values)
            added = {"secret_pk": one.pk, "version_id": "v1", "created_ms": 1}
            added |= {"form": "SecretString", "sealed": b"1", "wrapped": b"key"}
            versions.add_version(tx, added, ["AWSCURRENT"])
            versions.write_labels(tx, one.pk, {}, {"AWSCURRENT": "v1"}, listed="v1")
            made.append(one.pk)
    return made


def value(tx: Transaction, name: str) -> Any:
    """A secret and its current version, remembered under its name."""
    memory = tx.memory
    kept = None if memory is None else memory.get(name)
    if kept is None:
        ref = SecretRef(ACCOUNT, REGION, name, None)
        kept = versions.find_value(tx, ref, stage="AWSCURRENT", version_id=None)
        if memory is not None:
            memory.put(name, kept)
    return kept


def look(store: BatchStore, name: str) -> Any:
    """The same, by a glance or else a transaction."""
    store.look()
    try:
        with store.glance() as tx:
            return value(tx, name)
    except SnapshotMoved:
        with store.read() as tx:
            return value(tx, name)
    finally:
        store.blink()


def remembered(store: BatchStore, *names: str) -> list[str]:
    """Which of them are remembered now."""
    with store.read() as tx:
        assert tx.memory is not None
        return [name for name in names if tx.memory.get(name) is not None]


def _put(tx: Transaction, pk: int, number: int) -> None:
    new = f"v{number}"
    before = versions.labels_of(tx, pk)
    versions.add_version(tx, {"secret_pk": pk, "version_id": new, "created_ms": number, "sealed": b"x"}, ["AWSCURRENT"])
    versions.write_labels(tx, pk, before, {**before, "AWSCURRENT": new}, listed=new)


def _rewrap(tx: Transaction, pk: int, number: int) -> None:
    one = versions.version_by_id(tx, pk, "v1")
    assert one is not None
    versions.add_wrapped(tx, one, kms_key_id="other", wrapped=b"again")


def _remove(tx: Transaction, pk: int, number: int) -> None:
    _put(tx, pk, number)
    one = versions.version_by_id(tx, pk, "v1")
    assert one is not None
    versions.remove_versions(tx, pk, [one.pk])


CHANGES: dict[str, Callable[[Transaction, int, int], Any]] = {
    "put": _put,
    "read on a new day": lambda tx, pk, n: versions.mark_read(tx, pk, _first(tx, pk), n * 86_400_000),
    "described": lambda tx, pk, n: secrets.change_secret(tx, pk, description=f"d{n}"),
    "tagged": lambda tx, pk, n: secrets.write_tags(tx, pk, [{"Key": "k", "Value": f"v{n}"}]),
    "policy": lambda tx, pk, n: secrets.write_policy(tx, pk, f"p{n}"),
    "deleted": lambda tx, pk, n: secrets.change_secret(tx, pk, deleted_ms=n),
    "wrapped again": _rewrap,
    "version removed": _remove,
}


PLACE = {"account": ACCOUNT, "region": REGION}
ROW = {"suffix": "AbCdEf", "created_ms": 1, "changed_ms": 1, "description": None, "tags": None}


def _whole(tx: Transaction, name: str) -> None:
    one = creation.to_be(**PLACE, **ROW, name=name)
    value = {"version_id": "v1", "form": "SecretString", "sealed": b"1", "wrapped": b"key"}
    creation.add(tx, one, value, [{"Key": "k", "Value": "v"}])


MAKES: dict[str, Callable[[Transaction, str], Any]] = {
    "whole": _whole,
    "its row": lambda tx, name: secrets.add_secret(tx, {**PLACE, **ROW, "name": name}),
    "as an import does": lambda tx, name: secrets.add_new(tx, ACCOUNT, REGION, [{**PLACE, **ROW, "name": name}]),
}


def _first(tx: Transaction, pk: int) -> int:
    one = versions.version_by_id(tx, pk, "v1")
    assert one is not None
    return one.pk


class TestOwners:
    """On both stores; on PostgreSQL a thread remembers from its first look on."""

    @pytest.mark.parametrize("change", CHANGES)
    def test_a_change_of_one_secret_ends_what_is_remembered_of_it_alone(
        self, store: BatchStore, opened: Opened, change: str
    ) -> None:
        mine, _ = make(store, "mine", "other")
        other = opened()
        for number in range(2, 6):
            for name in ("mine", "other"):
                look(store, name)
            with other.write() as tx:
                if change == "version removed" and number > 2:  # the last round has removed it
                    versions.add_version(tx, {"secret_pk": mine, "version_id": "v1", "created_ms": 1})
                CHANGES[change](tx, mine, number)
            assert ["other"] == remembered(store, "mine", "other")
            with opened().read() as tx:
                fresh = value(tx, "mine")
            assert fresh == look(store, "mine")

    def test_making_and_purging_secrets_ends_what_it_must(self, store: BatchStore, opened: Opened) -> None:
        _, other = make(store, "mine", "other")
        look(store, "mine"), look(store, "other")
        with opened().write() as tx:
            secrets.purge(tx, other)
        assert "other" not in remembered(store, "mine", "other")
        assert look(store, "other") is None
        make(opened(), "other")
        assert look(store, "other") is not None, "that there was none is forgotten with any change"

    @pytest.mark.parametrize("how", MAKES)
    def test_making_a_secret_ends_what_hangs_on_its_name_being_free_and_nothing_else(
        self, store: BatchStore, opened: Opened, how: str
    ) -> None:
        make(store, "mine")
        store.look()
        for name in ("new", "newer"):
            with store.read() as tx:
                assert tx.memory is not None
                assert secrets.find_secret(tx, SecretRef(ACCOUNT, REGION, name, None)) is None
                tx.memory.put(name, "free")
        look(store, "mine")
        with opened().write() as tx:
            MAKES[how](tx, "new")
        assert ["mine", "newer"] == remembered(store, "mine", "new", "newer")
        assert look(store, "new") is not None

    def test_rows_of_an_owner_found_by_name_end_everything_where_it_was_not_made_just_now(
        self, store: BatchStore, opened: Opened
    ) -> None:
        make(store, "mine", "other")
        for undone in (False, True):
            look(store, "mine"), look(store, "other")
            batch = opened().begin_write()
            if undone:
                batch.savepoint()
                with pytest.raises(Conflict):
                    MAKES["whole"](batch, "mine")
                batch.undo()
            batch.savepoint()
            batch.many(creation._TAG, [{**PLACE, "name": "mine", "key": f"k{undone}", "value": "v"}])
            batch.release()
            batch.commit()
            assert [] == remembered(store, "mine", "other")

    def test_a_change_that_is_taken_back_is_seen_by_nobody(self, store: BatchStore, opened: Opened) -> None:
        (mine,) = make(store, "mine")
        before = look(store, "mine")
        with pytest.raises(ZeroDivisionError), opened().write() as tx:
            _put(tx, mine, 2)
            raise ZeroDivisionError
        assert before == look(store, "mine")

    def test_what_was_read_without_saying_whose_it_is_ends_with_any_change(
        self, store: BatchStore, opened: Opened
    ) -> None:
        mine, _ = make(store, "mine", "other")
        loose = Statement(select(secret.c.description).where(secret.c.name == "other"))
        store.look()
        with store.read() as tx:
            assert tx.memory is not None
            assert tx.row(loose) == (None,)
            tx.memory.put("loose", "note")
        with opened().write() as tx:
            _put(tx, mine, 2)
        assert [] == remembered(store, "loose")

    def test_who_sleeps_through_more_changes_than_are_kept_forgets_all(
        self, store: BatchStore, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for engine in ("sqlite_write", "postgres_write"):
            monkeypatch.setattr(f"strongroom.kernel.storage.{engine}._CHANGES_KEPT", 4)
            monkeypatch.setattr(f"strongroom.kernel.storage.{engine}._FORGET_EVERY", 1)
        mine, _ = make(store, "mine", "other")
        other = opened()
        for rounds in (3, 30):
            look(store, "mine"), look(store, "other")
            for number in range(rounds):
                with other.write() as tx:
                    secrets.change_secret(tx, mine, description=f"{rounds}.{number}")
            assert (["other"] if rounds == 3 else []) == remembered(store, "mine", "other")
            assert f"{rounds}.{rounds - 1}" == look(store, "mine")[0].description
        with store.read() as tx:
            assert len(tx.rows(Statement(select(changed.c.number)))) <= 6

    def test_a_commit_of_very_many_secrets_ends_everything(self, store: BatchStore, opened: Opened) -> None:
        made = make(store, *[f"s{number}" for number in range(70)], "other")
        look(store, "other")
        with opened().write() as tx:
            for pk in made[:70]:
                secrets.change_secret(tx, pk, description="x")
        assert [] == remembered(store, "other")

    def test_readers_never_see_less_than_was_committed(self, store: BatchStore, opened: Opened) -> None:
        names = [f"s{number}" for number in range(4)]
        made = make(store, *names)
        committed = dict.fromkeys(names, 0)
        wrong: list[str] = []
        over = threading.Event()

        def watch() -> None:
            while not over.is_set():
                for name in names:
                    least = committed[name]
                    said = look(store, name)[0].description
                    if int(said or 0) < least:
                        wrong.append(f"{name}: {said} after {least}")

        watchers = [threading.Thread(target=watch) for _ in range(3)]
        for one in watchers:
            one.start()
        other = opened()
        for number in range(1, 120):
            at = number % 4
            with other.write() as tx:
                secrets.change_secret(tx, made[at], description=str(number))
            committed[names[at]] = number
        over.set()
        for one in watchers:
            one.join()
        assert [] == wrong


@pytest.mark.parametrize("engine", ["postgresql"])
class TestLooks:
    """On PostgreSQL alone."""

    def test_a_thread_remembers_from_its_first_look_on_and_others_do_not(self, store: BatchStore) -> None:
        make(store, "mine")
        with store.read() as tx:
            assert tx.memory is None
        look(store, "mine")
        assert ["mine"] == remembered(store, "mine")

    def test_between_look_and_blink_glances_ask_the_database_nothing(
        self, store: BatchStore, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine, _ = make(store, "mine", "other")
        before = look(store, "mine")
        store.look()
        with opened().write() as tx:
            _put(tx, mine, 2)
        with store.glance() as tx:
            assert before == value(tx, "mine"), "as of the look"
        with pytest.raises(SnapshotMoved), store.glance() as tx:
            value(tx, "other")
        store.blink()
        assert before != look(store, "mine")

    def test_what_glances_missed_is_read_together_and_hangs_on_its_owner(
        self, store: BatchStore, opened: Opened
    ) -> None:
        names = [f"s{number}" for number in range(20)]
        made = make(store, *names)
        store.look()
        for name in names:
            with pytest.raises(SnapshotMoved), store.glance() as tx:
                value(tx, name)
        store.study()
        for name in names:
            with store.glance() as tx:
                assert value(tx, name) is not None
        store.blink()
        with opened().write() as tx:
            _put(tx, made[7], 2)
        assert [name for name in names if name != "s7"] == remembered(store, *names)

    def test_a_lost_connection_loses_what_is_remembered_and_the_next_look_has_another(self, store: BatchStore) -> None:
        make(store, "mine")
        look(store, "mine")
        store.look()
        with store.read() as tx:
            (mine,) = tx.rows(Statement(text("SELECT pg_backend_pid()")))[0]
        with store.write() as tx:
            tx.rows(Statement(text(f"SELECT pg_terminate_backend({mine})")))
        with pytest.raises(StoreUnavailable):
            store.look()
        assert look(store, "mine") is not None

    def test_a_database_that_took_the_place_of_another_is_not_taken_for_it(self, store: BatchStore) -> None:
        """A replica that lagged takes over: the last commits are gone, and others come in their place."""
        (mine,) = make(store, "mine")
        with store.write() as tx:
            secrets.change_secret(tx, mine, description="kept")
        with store.read() as tx:
            seen = {row[0] for row in tx.rows(Statement(select(changed.c.number)))}
        with store.write() as tx:
            secrets.change_secret(tx, mine, description="lost")
        assert "lost" == look(store, "mine")[0].description
        with store.write() as tx:
            tx.run(Statement(delete(changed).where(changed.c.number.not_in(sorted(seen)))))
            tx._changes.of_all = False  # type: ignore[attr-defined]  # as if it had never been
            tx.run(Statement(update(secret).where(secret.c.pk == bindparam("one"))), one=mine, description="kept")
            tx._changes.of_all = False  # type: ignore[attr-defined]
        assert "kept" == look(store, "mine")[0].description


def test_every_table_that_belongs_to_a_secret_says_so() -> None:
    for table in (secret, version, label, tag, policy):
        assert table.c[table.info["owner"]] is not None
