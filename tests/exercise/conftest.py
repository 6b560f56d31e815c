"""One suite, both engines: every test that takes ``store`` or ``place`` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.migrations import migrate
from strongroom.kernel.storage.open import open_store
from tests import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """This test process's PostgreSQL."""
    started = postgres.started()
    yield started
    postgres.remove(started)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """The engine's name."""
    named: str = request.param
    return named


@pytest.fixture
def empty_place(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a store may be made: nothing is there yet."""
    if engine == "sqlite":
        yield f"sqlite:{tmp_path / 'store.db'}"
        return
    running: postgres.Server = request.getfixturevalue("server")
    url = running.database("template0")
    yield url
    running.drop(url)


@pytest.fixture
def place(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, migrated store."""
    if engine == "sqlite":
        address = f"sqlite:{tmp_path / 'store.db'}"
        migrate(address)
        yield address
        return
    running: postgres.Server = request.getfixturevalue("server")
    url = running.database()
    yield url
    running.drop(url)


@pytest.fixture
def opened(place: str) -> Iterator[Callable[[], BatchStore]]:
    """Opens further stores on ``place``, as other processes would."""
    stores: list[BatchStore] = []

    def another() -> BatchStore:
        stores.append(open_store(place))
        return stores[-1]

    yield another
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], BatchStore]) -> BatchStore:
    """A store on ``place``."""
    return opened()
