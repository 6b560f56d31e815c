"""kernel/storage/open: what names a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.kernel.storage.open import open_store, sqlite_path

DATA = Path("/data")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("sqlite:/a/b.db", Path("/a/b.db")),
        ("sqlite:b.db", Path("b.db")),
        ("sqlite:////a/b.db", Path("/a/b.db")),
        ("/a/b.db", Path("/a/b.db")),
        ("sqlite:", DATA / "store.db"),
        ("", DATA / "store.db"),
        ("postgresql://host/name", None),
        ("postgres://host/name", None),
    ],
)
def test_an_address_names_a_file_or_a_database(where: str, expected: Path | None) -> None:
    assert expected == sqlite_path(where, DATA)


@pytest.mark.parametrize("where", ["mysql://user:canary@host/name", "http://canary", "oracle://x"])
def test_other_addresses_are_refused_and_not_repeated(where: str) -> None:
    with pytest.raises(ValueError, match="a store is") as refused:
        sqlite_path(where, DATA)
    assert "canary" not in str(refused.value)


def test_no_path_needs_a_data_directory() -> None:
    with pytest.raises(ValueError, match="data directory"):
        sqlite_path("sqlite:")


def test_an_opened_file_is_the_embedded_store(tmp_path: Path) -> None:
    store = open_store("sqlite:", tmp_path)
    assert ("sqlite", True) == (store.engine, store.embedded)
    assert (tmp_path / "store.db").exists()
    store.close()
