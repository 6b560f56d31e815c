"""Migrations on the embedded store: under BEGIN IMMEDIATE, so that a second process finds the work done."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from strongroom.kernel.storage.errors import StoreUnavailable
from strongroom.kernel.storage.sqlite_file import connect, make_private, translated

WAIT_MS = 60_000  # for another process's migration


def version(path: Path) -> str | None:
    """As migrations.version."""
    if not path.exists():
        return None
    raw = connect(path, writing=False)
    try:
        if raw.execute("SELECT 1 FROM sqlite_master WHERE name = 'kernel_migration'").fetchone() is None:
            return None
        row = raw.execute("SELECT version_num FROM kernel_migration").fetchone()
        return None if row is None else str(row[0])
    except sqlite3.Error as error:
        raise translated(error) from None
    finally:
        raw.close()


@contextmanager
def locked(path: Path) -> Iterator[Connection]:
    """A connection inside a transaction that holds the writer's place, committed at the end."""
    make_private(path)
    raw = connect(path, writing=True)
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=NullPool)
    try:
        # A table that is rebuilt is dropped in between: its references are checked at the end instead.
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
        with engine.connect() as connection:
            # Through SQLAlchemy, so that Alembic sees a transaction begun and commits nothing by itself.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            if raw.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise StoreUnavailable("the migration would leave rows that point nowhere; it was undone")
            connection.commit()
    except sqlite3.Error as error:
        raise translated(error) from None
    finally:
        engine.dispose()
        raw.close()
