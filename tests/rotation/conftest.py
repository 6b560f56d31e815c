"""One server for the tests of rotations, its clock movable."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.inprocess import Account, InProcess


@pytest.fixture(scope="session")
def strongroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server whose functions are isolated; bubblewrap is one of the packages that `make test` brings."""
    assert shutil.which("bwrap"), "bubblewrap is missing: apt-get install bubblewrap"
    server = InProcess(tmp_path_factory.mktemp("rotation") / "data", dev_clock=True, function_processes=6)
    yield server
    server.close()


@pytest.fixture
def account(strongroom: InProcess) -> Account:
    """A new account with an administrator."""
    return strongroom.account()
