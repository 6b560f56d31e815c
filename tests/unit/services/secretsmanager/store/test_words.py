"""The index of words follows names, descriptions and tags, whatever changes them, and is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.stores import fresh_sqlite

from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services.secretsmanager import store
from strongroom.services.secretsmanager.store import Secret, words
from strongroom.services.secretsmanager.store.tables import word

ACCOUNT = "000000000012"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SQLiteStore]:
    made = fresh_sqlite(tmp_path / "store.db")
    yield made
    made.close()


def added(engine: SQLiteStore, name: str, **more: Any) -> Secret:
    values = {"account": ACCOUNT, "region": "us-east-1", "name": name, "suffix": "aaaaaa"}
    with engine.write() as tx:
        return store.secrets.add_secret(tx, values | {"created_ms": 1, "changed_ms": 1} | more)


def rows(engine: SQLiteStore) -> set[tuple[int, str]]:
    with engine.read() as tx:
        found = tx.rows(select(word.c.secret_pk, word.c.word, word.c.mark))
    assert {12} >= {row[2] for row in found}
    return {(row[0], row[1]) for row in found}


def found(engine: SQLiteStore, begin: str, account: str = ACCOUNT, at_most: int = 9) -> set[int] | None:
    with engine.read() as tx:
        return words.with_word(tx, account, begin, at_most)


def test_the_index_has_what_a_search_can_ask_for(engine: SQLiteStore) -> None:
    one = added(engine, "prod/shopDB-7", description="The shop's gr\u00f6\u00dfte Ablage \u00e4")

    assert {(one.pk, text) for text in ("prod", "shop", "db", "7", "the", "s", "gr", "ablage")} == rows(engine)


def test_the_index_follows_descriptions_and_tags_and_ends_with_the_secret(engine: SQLiteStore) -> None:
    one, other = added(engine, "one", description="first"), added(engine, "other")
    with engine.write() as tx:
        store.secrets.change_secret(tx, one.pk, description="second one", changed_ms=2)
        store.secrets.write_tags(tx, one.pk, [{"Key": "team", "Value": "second"}])
    assert {(one.pk, "one"), (one.pk, "second"), (one.pk, "team"), (other.pk, "other")} == rows(engine)
    with engine.write() as tx:
        store.secrets.change_secret(tx, one.pk, description=None)
        store.secrets.change_secret(tx, other.pk, changed_ms=3)
    assert found(engine, "second") == {one.pk}, "the tag still says it"
    with engine.write() as tx:
        store.secrets.write_tags(tx, one.pk, [])
    assert {(one.pk, "one"), (other.pk, "other")} == rows(engine)

    with engine.write() as tx:
        store.secrets.purge(tx, one.pk)

    assert {(other.pk, "other")} == rows(engine)


def test_a_secret_of_very_many_words_costs_one_row_and_is_looked_at_in_every_search(engine: SQLiteStore) -> None:
    long = added(
        engine, "long", description=" ".join(f"{at} w{chr(97 + at % 26)}{chr(97 + at // 26)}" for at in range(90))
    )
    short = added(engine, "short")

    assert {(long.pk, words.EVERY), (short.pk, "short")} == rows(engine)
    assert {long.pk, short.pk} == found(engine, "sho")
    assert {long.pk} == found(engine, "nothing")
    with engine.write() as tx:
        store.secrets.change_secret(tx, long.pk, description="few")
    assert {(long.pk, "long"), (long.pk, "few"), (short.pk, "short")} == rows(engine)


def test_a_word_that_is_longer_than_a_row_is_found_by_all_of_it(engine: SQLiteStore) -> None:
    one = added(engine, "z" * 100)

    assert {(one.pk, "z" * words.CHARS_AT_MOST)} == rows(engine)
    assert {one.pk} == found(engine, "z" * 100)
    assert {one.pk} == found(engine, "zz")


def test_too_many_are_told_as_such_and_other_accounts_do_not_count(engine: SQLiteStore) -> None:
    pks = {added(engine, f"app/{at}").pk for at in range(3)}

    assert pks == found(engine, "app", at_most=3)
    assert found(engine, "app", at_most=2) is None
    assert set() == found(engine, "app", account="111111111111", at_most=2)


def test_accounts_of_one_mark_are_told_apart_by_the_secrets_themselves(engine: SQLiteStore) -> None:
    other = str(int(ACCOUNT) + words.MARKS).zfill(12)
    assert words.mark(other) == words.mark(ACCOUNT)
    mine, theirs = added(engine, "prod"), added(engine, "prod", account=other)

    both = found(engine, "prod")

    assert both == {mine.pk, theirs.pk}
    with engine.read() as tx:
        for account, one in ((ACCOUNT, mine), (other, theirs)):
            left = store.listing.candidates_among(tx, account=account, region="us-east-1", pks=both or set())
            assert [one.pk] == [each.pk for each in left]
    assert [] == [account for account in ("000000000013",) if found(engine, "prod", account)]
