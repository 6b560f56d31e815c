"""Rows in and out: a secret with its versions, labels, tags and policy, and nothing after the purge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.stores import fresh_sqlite

from strongroom.kernel.storage.port import NeedsWrite
from strongroom.kernel.storage.schema import METADATA
from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.rules.identifiers import SecretRef
from strongroom.services.secretsmanager.store import Secret, Summary, Version, tables

ACCOUNT, REGION = "123456789012", "us-east-1"
V1, V2 = "1" * 32, "2" * 32


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SQLiteStore]:
    made = fresh_sqlite(tmp_path / "store.db")
    yield made
    made.close()


def new(tx: object, name: str, **values: object) -> Secret:
    given = {
        "account": ACCOUNT,
        "region": REGION,
        "name": name,
        "suffix": "aB3dE6",
        "created_ms": 1,
        "changed_ms": 1,
        **values,
    }
    return store.secrets.add_secret(tx, given)  # type: ignore[arg-type]


def with_versions(tx: object, one: Secret, *version_ids: str) -> None:
    for at, version_id in enumerate(version_ids):
        store.versions.add_version(
            tx,  # type: ignore[arg-type]
            {
                "secret_pk": one.pk,
                "version_id": version_id,
                "created_ms": at,
                "form": "SecretString",
                "sealed": b"sealed",
                "wrapped": b"wrapped",
            },
        )


def ref(name: str, suffix: str | None = None) -> SecretRef:
    return SecretRef(ACCOUNT, REGION, name, suffix)


def test_a_row_type_has_the_tables_columns_in_order() -> None:
    assert list(tables.secret.c.keys()) == list(Secret._fields)
    assert list(tables.version.c.keys()) == list(Version._fields)
    assert set(Summary._fields) <= set(Version._fields)


def test_a_secret_is_found_by_name_and_by_its_own_suffix_only(engine: SQLiteStore) -> None:
    with engine.write() as tx:
        made = new(tx, "db", description="d")
    with engine.read() as tx:
        assert made == store.secrets.find_secret(tx, ref("db"))
        assert made == store.secrets.find_secret(tx, ref("db", "aB3dE6"))
        assert store.secrets.find_secret(tx, ref("db", "AB3DE6")) is None
        assert store.secrets.find_secret(tx, ref("DB")) is None
        assert store.secrets.find_secret(tx, SecretRef("999999999999", REGION, "db")) is None
        assert store.secrets.find_secret(tx, SecretRef(ACCOUNT, "eu-west-1", "db")) is None


def test_a_value_is_read_with_its_secret_by_label_and_by_id(engine: SQLiteStore) -> None:
    with engine.write() as tx:
        one = new(tx, "db")
        with_versions(tx, one, V1, V2)
        store.versions.write_labels(tx, one.pk, {}, {"AWSCURRENT": V2, "X": V2, "AWSPREVIOUS": V1})
    with engine.read() as tx:
        found = store.versions.find_value(tx, ref("db"), stage="AWSCURRENT", version_id=None)
        assert found is not None
        assert (one, V2, ["AWSCURRENT", "X"]) == (found[0], found[1].version_id, found[1].stages)  # type: ignore[union-attr]
        found = store.versions.find_value(tx, ref("db"), stage="AWSCURRENT", version_id=V1)
        assert found is not None
        assert V1 == found[1].version_id  # type: ignore[union-attr]
        assert (one, None) == store.versions.find_value(tx, ref("db"), stage="Y", version_id=None)
        assert store.versions.find_value(tx, ref("no"), stage="AWSCURRENT", version_id=None) is None
        assert store.versions.find_value(tx, ref("db", "zzzzzz"), stage="AWSCURRENT", version_id=None) is None


@pytest.mark.parametrize("special", [{}, {"deleted_ms": 1}, {"owning_service": "rds"}, {"has_policy": 1}, {"copy": 1}])
def test_a_plain_read_finds_the_same_and_knows_what_is_more_than_plain(
    engine: SQLiteStore, special: dict[str, Any]
) -> None:
    with engine.write() as tx:
        if special.pop("copy", 0):
            special["primary_pk"] = new(tx, "primary").pk
        one = new(tx, "db", **special)
        with_versions(tx, one, V1, V2)
        store.versions.write_labels(tx, one.pk, {}, {"AWSCURRENT": V2, "X": V2, "AWSPREVIOUS": V1})
        new(tx, "empty")
    with engine.read() as tx:
        found, whole = (
            store.versions.find_current(tx, ref("db", "aB3dE6")),
            store.versions.find_value(tx, ref("db"), stage="AWSCURRENT", version_id=None),
        )
        assert found is not None
        assert whole is not None
        assert whole[1] is not None
        both = {**whole[1]._asdict(), **whole[0]._asdict(), "created_ms": whole[1].created_ms}
        both |= {"accessed_day": whole[1].accessed_day, "special": bool(special)}
        assert {name: both[name] for name in found._fields} == {**found._asdict(), "special": bool(found.special)}
        assert store.versions.find_current(tx, ref("db", "AB3DE6")) is None
        assert store.versions.find_current(tx, ref("DB")) is None
        empty = store.versions.find_current(tx, ref("empty"))
        assert empty is not None
        assert (None, None, None) == (empty.version_id, empty.sealed, empty.wrapped)


def test_labels_are_kept_alike_in_both_places(engine: SQLiteStore) -> None:
    steps = [
        {"AWSCURRENT": V1},
        {"AWSCURRENT": V2, "AWSPREVIOUS": V1, "X": V1},
        {"AWSCURRENT": V2, "X": V2},
        {"AWSCURRENT": V1, "AWSPREVIOUS": V2},
    ]
    with engine.write() as tx:
        one = new(tx, "db")
        with_versions(tx, one, V1, V2)
        before: dict[str, str] = {}
        for after in steps:
            store.versions.write_labels(tx, one.pk, before, after)
            assert after == store.versions.labels_of(tx, one.pk)
            shown = {name: each.version_id for each in _versions(tx, one) for name in each.stages}
            assert after == shown
            before = after
        assert {one.pk: before} == store.versions.labels_of_many(tx, [one.pk])


def _versions(tx: object, one: Secret) -> list[Version]:
    found = [store.versions.version_by_id(tx, one.pk, version_id) for version_id in (V1, V2)]  # type: ignore[arg-type]
    return [each for each in found if each is not None]


def test_an_earlier_key_is_kept_behind_the_new_one(engine: SQLiteStore) -> None:
    with engine.write() as tx:
        one = new(tx, "db")
        with_versions(tx, one, V1)
        for key in ("k1", "k2"):
            version = store.versions.version_by_id(tx, one.pk, V1)
            assert version is not None
            store.versions.add_wrapped(tx, version, kms_key_id=key, wrapped=key.encode())
        version = store.versions.version_by_id(tx, one.pk, V1)
        assert version is not None
        assert ("k2", b"k2") == (version.kms_key_id, version.wrapped)
        assert [("k1", b"k1"), (None, b"wrapped")] == store.versions.earlier_wrapped(tx, version.pk)
        assert {version.pk: ["k1", None]} == store.versions.earlier_key_ids(tx, one.pk)


def test_tags_remember_whether_there_ever_were_any(engine: SQLiteStore) -> None:
    with engine.write() as tx:
        one = new(tx, "db")
        assert one.tags is None
        store.secrets.write_tags(tx, one.pk, [{"Key": "a", "Value": "1"}])
        assert [{"Key": "a", "Value": "1"}] == _again(tx, one).tag_list
        store.secrets.write_tags(tx, one.pk, [])
        assert "[]" == _again(tx, one).tags


def _again(tx: object, one: Secret) -> Secret:
    found = store.secrets.secret_by_pk(tx, one.pk)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_purge_leaves_no_row_of_a_secret_in_any_table(engine: SQLiteStore) -> None:
    with engine.write() as tx:
        one = new(tx, "db")
        store.versions.add_version(
            tx,
            {
                "secret_pk": one.pk,
                "version_id": V1,
                "created_ms": 1,
                "form": "SecretString",
                "sealed": b"canary-sealed" * 9,
                "wrapped": b"canary-wrapped" * 9,
            },
        )
        version = store.versions.version_by_id(tx, one.pk, V1)
        assert version is not None
        store.versions.add_wrapped(tx, version, kms_key_id="k", wrapped=b"canary-second")
        store.versions.write_labels(tx, one.pk, {}, {"AWSCURRENT": V1})
        store.secrets.write_tags(tx, one.pk, [{"Key": "a", "Value": "1"}])
        store.secrets.write_policy(tx, one.pk, "{}")
    with engine.write() as tx:
        store.secrets.purge(tx, one.pk)
    with engine.read() as tx:
        for table in METADATA.sorted_tables:
            if table.name.startswith("secretsmanager_"):
                assert (0,) == tx.row(select(func.count()).select_from(table)), table.name


def test_the_number_of_a_purged_secret_never_names_another(engine: SQLiteStore) -> None:
    with engine.write() as tx:
        first = new(tx, "db")
        store.secrets.purge(tx, first.pk)
    with engine.write() as tx:
        assert new(tx, "db").pk > first.pk


def test_reading_transactions_change_nothing(engine: SQLiteStore) -> None:
    with engine.write() as tx:
        one = new(tx, "db")
    with engine.read() as tx, pytest.raises(NeedsWrite):
        store.secrets.change_secret(tx, one.pk, description="x")
    with engine.read() as tx, pytest.raises(NeedsWrite):
        new(tx, "other")
