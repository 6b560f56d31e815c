"""The first administrator, the way back in, and retiring the first key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stores import fresh_sqlite

from strongroom.base.clock import from_ms
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services.iam.administrator import (
    ADMINISTRATOR,
    account_exists,
    create_administrator,
    retire_administrator,
)
from strongroom.services.iam.principals import Principals
from strongroom.services.iam.rules.names import GROUP, USER, Entity, mint_id
from strongroom.services.iam.store import entities, holdings, keys, members

ACCOUNT = "123456789012"
NOW = from_ms(1_700_000_000_000)
ENTROPY = SystemEntropy()
KEYRING = Keyring(bytes(32))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    """An empty store with the room's tables."""
    made = fresh_sqlite(tmp_path / "store.db")
    yield made
    made.close()


def administrator(store: SQLiteStore, user: str = "admin") -> tuple[str, str]:
    """An administrator made in a transaction of its own."""
    with store.write() as tx:
        return create_administrator(tx, account=ACCOUNT, now=NOW, entropy=ENTROPY, keyring=KEYRING, user=user)


def test_the_first_administrator_can_do_everything(store: SQLiteStore) -> None:
    key_id, secret = administrator(store)
    principals = Principals(KEYRING)
    with store.read() as tx:
        found = principals.credential(tx, key_id, None, NOW)
        assert found is not None
        policies = principals.policies(tx, found.principal)

    assert (secret, "arn:aws:iam::123456789012:user/admin") == (found.secret, found.principal.arn)
    assert [ADMINISTRATOR] == [document.label for document in policies.documents]


def test_the_secret_is_not_in_the_store(store: SQLiteStore, tmp_path: Path) -> None:
    _, secret = administrator(store)
    store.close()

    assert not any(secret.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_an_account_is_there_once_it_has_an_administrator(store: SQLiteStore) -> None:
    with store.read() as tx:
        before = account_exists(tx, ACCOUNT)
    administrator(store)
    with store.read() as tx:
        assert (False, True, False) == (
            before,
            account_exists(tx, ACCOUNT),
            account_exists(tx, "000000000001"),
        )


def test_a_reset_leaves_nothing_on_the_user_that_could_deny(store: SQLiteStore) -> None:
    old_key, _ = administrator(store)
    with store.write() as tx:
        admin = entities.find(tx, ACCOUNT, USER, "admin")
        assert admin is not None
        group = Entity(mint_id(GROUP, ENTROPY), ACCOUNT, GROUP, "denied", "/", NOW)
        entities.add(tx, group)
        members.add(tx, group.id, admin.id)
        holdings.put_inline(tx, admin.id, "deny", "{}")
        holdings.detach(tx, admin.id, ADMINISTRATOR)
        entities.set_boundary(tx, admin, "arn:aws:iam::123456789012:policy/none")
    new_key, _ = administrator(store)
    with store.read() as tx:
        after = entities.by_id(tx, admin.id)
        assert after is not None
        held = (
            after.boundary,
            holdings.attached_with_groups(tx, admin.id),
            holdings.inline_with_groups(tx, admin.id),
        )

        assert (None, [ADMINISTRATOR], []) == held
        assert [new_key] == [key.id for key in keys.of_user(tx, admin.id)]
    assert old_key != new_key


def test_the_last_administrator_cannot_be_retired(store: SQLiteStore) -> None:
    key_id, _ = administrator(store)
    with store.write() as tx, pytest.raises(LookupError, match="the only administrator"):
        retire_administrator(tx, ACCOUNT, key_id)


def test_an_administrator_without_an_active_key_does_not_count(store: SQLiteStore) -> None:
    key_id, _ = administrator(store)
    other_id, _ = administrator(store, "ann")
    with store.write() as tx:
        keys.set_status(tx, other_id, "Inactive")
        with pytest.raises(LookupError, match="the only administrator"):
            retire_administrator(tx, ACCOUNT, key_id)


def test_a_retired_key_is_gone(store: SQLiteStore) -> None:
    key_id, _ = administrator(store)
    administrator(store, "ann")
    with store.write() as tx:
        assert "admin" == retire_administrator(tx, ACCOUNT, key_id)
    with store.read() as tx:
        assert Principals(KEYRING).credential(tx, key_id, None, NOW) is None


@pytest.mark.parametrize("account", [ACCOUNT, "210987654321"])
def test_a_key_that_is_not_the_accounts_cannot_be_retired(store: SQLiteStore, account: str) -> None:
    key_id, _ = administrator(store)
    asked = key_id if account != ACCOUNT else "AKIAQAAAAAAAAAAAAAAA"
    with store.write() as tx, pytest.raises(LookupError, match="no access key"):
        retire_administrator(tx, account, asked)
