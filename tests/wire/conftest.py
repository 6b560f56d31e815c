"""One in-process server a store for all wire tests of a test process; an account of its own for each test.

The tests of Secrets Manager run on both stores: its rows are the product.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests import postgres
from tests.inprocess import Account, InProcess
from tests.journals import shown_members
from tests.processes.test_canaries import without_password

STORES = ("sqlite", "postgresql")
ON_BOTH = "test_secretsmanager_"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have the tests of Secrets Manager run once with each store."""
    if "strongroom" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2].startswith(ON_BOTH):
        metafunc.parametrize("strongroom", STORES, indirect=True)


@pytest.fixture(scope="session")
def databases() -> Iterator[postgres.Server]:
    """A PostgreSQL of this test process."""
    server = postgres.started()
    yield server
    postgres.remove(server)


@contextmanager
def opened(request: pytest.FixtureRequest, place: Path, **more: Any) -> Iterator[InProcess]:
    """A server whose clock can be moved, on the store that the test is run with (SQLite unless it says)."""
    if getattr(request, "param", "sqlite") == "postgresql":
        databases: postgres.Server = request.getfixturevalue("databases")
        more["store"], _ = without_password(databases.database(), place)
    server = InProcess(place / "data", dev_clock=True, **more)
    try:
        yield server
    finally:
        server.close()
        assert [] == shown_members(server.settings.data)


@pytest.fixture(scope="session")
def strongroom(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """The server."""
    with opened(request, tmp_path_factory.mktemp("strongroom")) as server:
        yield server


@pytest.fixture
def account(strongroom: InProcess) -> Account:
    """A new account with an administrator."""
    return strongroom.account()
