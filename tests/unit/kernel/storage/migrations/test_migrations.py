"""kernel/storage/migrations: how far a store has come."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.kernel.storage import migrations
from strongroom.kernel.storage.errors import SchemaMismatch


def test_a_place_without_a_file_is_new_and_asking_makes_none(tmp_path: Path) -> None:
    assert migrations.version(f"sqlite:{tmp_path / 's.db'}") is None
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("found", [None, "0000", migrations.HEAD])
def test_what_this_program_knows_is_accepted(found: str | None) -> None:
    migrations.refuse_newer(found)
    assert found is None or found <= migrations.HEAD


def test_what_it_does_not_know_is_refused() -> None:
    with pytest.raises(SchemaMismatch, match="newer Strongroom"):
        migrations.refuse_newer("9999")
