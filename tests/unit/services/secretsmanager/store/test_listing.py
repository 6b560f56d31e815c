"""Pages of secrets and of versions: every order, and walks that miss nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.stores import fresh_sqlite

from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.store.listing import (
    ORDERS,
    Walk,
    candidates,
    place_of,
    secrets_among,
    secrets_page,
)

ACCOUNT, REGION = "123456789012", "us-east-1"
# name, created, changed, accessed, deleted, tags
ROWS: list[tuple[str, int, int, int, int | None, dict[str, str]]] = [
    ("testing1/one", 1, 50, 0, None, {"env": "prod"}),
    ("/testing2/two", 2, 40, 86_400_000, None, {"Env": "prod", "team": "x"}),
    ("testing3/three", 3, 30, 0, None, {}),
    ("/testing4/four", 3, 30, 172_800_000, None, {"environment": "test"}),
    ("gone", 4, 10, 0, 99, {"env": "prod"}),
]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SQLiteStore]:
    made = fresh_sqlite(tmp_path / "store.db")
    with made.write() as tx:
        for name, created, changed, accessed, deleted, tags in ROWS:
            values = {
                "account": ACCOUNT,
                "region": REGION,
                "name": name,
                "suffix": "aaaaaa",
                "created_ms": created,
            }
            values |= {"changed_ms": changed, "accessed_day": accessed, "deleted_ms": deleted}
            one = store.secrets.add_secret(tx, values)
            if tags:
                store.secrets.write_tags(tx, one.pk, [{"Key": k, "Value": v} for k, v in tags.items()])
        elsewhere = {"account": ACCOUNT, "region": "eu-west-1", "name": "elsewhere", "suffix": "a" * 6}
        store.secrets.add_secret(tx, elsewhere | {"created_ms": 0, "changed_ms": 0})
        store.secrets.add_secret(tx, elsewhere | {"account": "9" * 12, "created_ms": 0, "changed_ms": 0})
    yield made
    made.close()


def names(engine: SQLiteStore, **asked: Any) -> list[str]:
    with engine.read() as tx:
        page = secrets_page(tx, Walk(ACCOUNT, REGION, **asked), after=None, limit=9)
    return [one.name for one in page]


ALIVE = [name for name, *_, deleted, _tags in ROWS if deleted is None]


def test_the_oldest_come_first_and_scheduled_ones_only_if_asked_for(engine: SQLiteStore) -> None:
    assert ALIVE == names(engine)
    assert [*ALIVE, "gone"] == names(engine, scheduled_too=True)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("name", sorted(ALIVE)),
        ("last-changed-date", ["testing3/three", "/testing4/four", "/testing2/two", "testing1/one"]),
        ("last-accessed-date", ["testing1/one", "testing3/three", "/testing2/two", "/testing4/four"]),
    ],
)
def test_each_order_and_its_reverse(engine: SQLiteStore, order: str, expected: list[str]) -> None:
    assert expected == names(engine, order=order)
    assert expected[::-1] == names(engine, order=order, descending=True)


@pytest.mark.parametrize("order", sorted(ORDERS))
@pytest.mark.parametrize("descending", [False, True])
def test_a_walk_of_single_steps_meets_each_secret_once(engine: SQLiteStore, order: str, descending: bool) -> None:
    met, after = [], None
    walk = Walk(ACCOUNT, REGION, order, descending, scheduled_too=True)
    with engine.read() as tx:
        while page := secrets_page(tx, walk, after=after, limit=1):
            met.append(page[0].name)
            after = place_of(page[0], order)
    assert names(engine, order=order, descending=descending, scheduled_too=True) == met


@pytest.mark.parametrize(
    ("key", "prefix", "expected"),
    [
        ("name", "/", {"/testing2/two", "/testing4/four"}),
        ("name", "testing", {"testing1/one", "testing3/three"}),
        ("name", "~", set()),
        ("tag-key", "env", {"testing1/one", "/testing4/four", "gone"}),
        ("tag-value", "prod", {"testing1/one", "/testing2/two", "gone"}),
    ],
)
def test_an_index_knows_who_may_match_a_prefix(engine: SQLiteStore, key: str, prefix: str, expected: set[str]) -> None:
    here = {"account": ACCOUNT, "region": REGION}
    with engine.read() as tx:
        found = candidates(tx, **here, key=key, prefix=prefix, at_most=3)
        assert found is not None
        assert expected == {one.name for one in secrets_among(tx, **here, pks=found)}


def test_too_many_candidates_and_an_empty_prefix_are_no_help(engine: SQLiteStore) -> None:
    here = {"account": ACCOUNT, "region": REGION}
    with engine.read() as tx:
        assert candidates(tx, **here, key="name", prefix="t", at_most=1) is None
        assert candidates(tx, **here, key="name", prefix="", at_most=9) is None
        assert [] == secrets_among(tx, account="9" * 12, region=REGION, pks={1, 2, 3})


def test_versions_come_oldest_first_and_deprecated_ones_only_if_asked_for(engine: SQLiteStore) -> None:
    with engine.write() as tx:
        one = store.secrets.add_secret(
            tx,
            {
                "account": ACCOUNT,
                "region": REGION,
                "name": "v",
                "suffix": "a" * 6,
                "created_ms": 9,
                "changed_ms": 9,
            },
        )
        for at, version_id in enumerate("abc"):
            store.versions.add_version(tx, {"secret_pk": one.pk, "version_id": version_id, "created_ms": 9 - at})
        store.versions.write_labels(tx, one.pk, {}, {"X": "a", "Y": "c"})
        every = store.listing.versions_page(tx, one.pk, deprecated_too=True, after=None, limit=9)
        labelled = store.listing.versions_page(tx, one.pk, deprecated_too=False, after=None, limit=9)
        rest = store.listing.versions_page(
            tx, one.pk, deprecated_too=True, after=(every[0].created_ms, every[0].pk), limit=9
        )
    assert ["c", "b", "a"] == [each.version_id for each in every]
    assert ["c", "a"] == [each.version_id for each in labelled]
    assert ["b", "a"] == [each.version_id for each in rest]
