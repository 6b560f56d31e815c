"""A store with the tables of all imported rooms, one a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stores import fresh_sqlite

from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services import kms


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    assert kms.register is not None
    opened = fresh_sqlite(tmp_path / "store.db")
    yield opened
    opened.close()
