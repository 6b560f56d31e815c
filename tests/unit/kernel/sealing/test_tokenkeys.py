"""The keys of session tokens: two open, none older; kept sealed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.stores import fresh_sqlite

from strongroom.base.clock import from_ms
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing.keyring import Keyring, SealBroken
from strongroom.kernel.sealing.tokenkeys import PERIOD, has_token_keys, rotate, token_keys
from strongroom.kernel.storage.schema import token_key
from strongroom.kernel.storage.sqlite import SQLiteStore

KEYRING = Keyring(bytes(range(32)))
NOW = from_ms(1_700_000_000_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    """An empty store."""
    made = fresh_sqlite(tmp_path / "store.db")
    yield made
    made.close()


def rotated(store: SQLiteStore) -> Keyring:
    """The keyring of tokens after one more rotation."""
    with store.write() as tx:
        rotate(tx, KEYRING, SystemEntropy(), NOW)
    with store.read() as tx:
        return token_keys(tx, KEYRING).keyring


def test_a_store_that_was_not_prepared_has_none_and_says_so(store: SQLiteStore) -> None:
    with store.read() as tx:
        assert not has_token_keys(tx)
        with pytest.raises(LookupError, match="not prepared"):
            token_keys(tx, KEYRING)


def test_the_last_two_keys_open_and_none_before_them(store: SQLiteStore) -> None:
    sealed = rotated(store).seal("p", b"token", b"")

    assert b"token" == rotated(store).open("p", sealed, b"")
    with pytest.raises(SealBroken):
        rotated(store).open("p", sealed, b"")


def test_keys_lie_sealed_under_the_root_key_and_only_two_of_them(store: SQLiteStore) -> None:
    for _ in range(4):
        rotated(store)
    with store.read() as tx:
        rows = tx.rows(select(token_key.c.number, token_key.c.sealed).order_by(token_key.c.number))
        assert (4, NOW) == (token_keys(tx, KEYRING).number, token_keys(tx, KEYRING).made)
    assert [3, 4] == [number for number, _ in rows]
    with pytest.raises(SealBroken):
        KEYRING.open("token-key", rows[0][1], b"4")
    assert 32 == len(KEYRING.open("token-key", rows[0][1], b"3"))


def test_a_key_stays_longer_than_any_session_lasts() -> None:
    """Source: API reference, GetSessionToken: 129600 seconds at most."""
    assert timedelta(seconds=129_600) < PERIOD
