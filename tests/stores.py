"""Stores for tests: all declared tables, made without migrations."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from strongroom.kernel.storage.schema import METADATA
from strongroom.kernel.storage.sqlite import SQLiteStore


def fresh_sqlite(path: Path) -> SQLiteStore:
    """A new embedded store at ``path`` with every table that has been imported so far."""
    SQLiteStore(path).close()  # made private before anything is in it
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    METADATA.create_all(engine)
    engine.dispose()
    return SQLiteStore(path)
