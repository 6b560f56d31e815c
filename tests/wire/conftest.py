"""One in-process server for all wire tests of a test process; an account of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.inprocess import Account, InProcess


@pytest.fixture(scope="session")
def strongroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server on SQLite whose clock can be moved."""
    server = InProcess(tmp_path_factory.mktemp("strongroom") / "data", dev_clock=True)
    yield server
    server.close()


@pytest.fixture
def account(strongroom: InProcess) -> Account:
    """A new account with an administrator."""
    return strongroom.account()
