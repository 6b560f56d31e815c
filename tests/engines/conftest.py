"""A server with ready-made functions, and the targets that they rotate, each started when it is first asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.engines.rotating import Rotating
from tests.inprocess import InProcess
from tests.targets import mariadb, postgresql, redis_server
from tests.targets.mariadb import MariaDBTarget
from tests.targets.postgresql import PostgreSQLTarget
from tests.targets.redis_server import RedisTarget


@pytest.fixture(scope="session")
def strongroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server whose functions are isolated; bubblewrap is one of the packages that `make test` brings."""
    assert shutil.which("bwrap"), "bubblewrap is missing: apt-get install bubblewrap"
    server = InProcess(tmp_path_factory.mktemp("engines") / "data", dev_clock=True, function_processes=4)
    yield server
    server.close()


@pytest.fixture
def rotating(strongroom: InProcess, monkeypatch: pytest.MonkeyPatch) -> Rotating:
    """A new account, and ``strongroom rotation`` as its administrator."""
    return Rotating(strongroom.account(), monkeypatch)


@pytest.fixture(scope="session")
def postgres_target() -> Iterator[PostgreSQLTarget]:
    """PostgreSQL over TCP with TLS."""
    with postgresql.target() as found:
        yield found


@pytest.fixture(scope="session")
def mariadb_target() -> Iterator[MariaDBTarget]:
    """MariaDB with TLS."""
    with mariadb.target() as found:
        yield found


@pytest.fixture(scope="session")
def redis_target() -> Iterator[RedisTarget]:
    """Redis, plain and with TLS."""
    with redis_server.target() as found:
        yield found
