"""Everything sealed is registered for re-wrapping, and a batch leaves what nothing opens where it is."""

from __future__ import annotations

from pathlib import Path

from tests.sealedrows import sealed_columns

from strongroom.app import Facts, Product
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.settings import Settings


def test_every_sealed_column_of_every_table_is_registered_for_the_rotation_of_the_root_key(tmp_path: Path) -> None:
    """Red for a new one: register its rows with ``add_sealed``, or say in tests/sealedrows.py what it lies under."""
    registry = Product(Settings(data=tmp_path)).registry(Facts("", dev_clock=False), Keyring(bytes(32)))
    assert sealed_columns() == set(registry.sealed)
