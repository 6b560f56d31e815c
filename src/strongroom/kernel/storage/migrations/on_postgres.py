"""Migrations on PostgreSQL: under the advisory lock of the one writer, so that nobody writes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from strongroom.kernel.storage.postgres_connection import LOCK, connect, translated

WAIT_MS = 60_000  # for another node's migration


def version(where: str) -> str | None:
    """As migrations.version."""
    raw = connect(where)
    try:
        found = raw.execute("SELECT to_regclass('kernel_migration')").fetchone()
        if found is None or found[0] is None:
            return None
        row = raw.execute("SELECT version_num FROM kernel_migration").fetchone()
        return None if row is None else str(row[0])
    except psycopg.Error as error:
        raise translated(error) from None
    finally:
        raw.close()


@contextmanager
def locked(where: str) -> Iterator[Connection]:
    """A connection inside a transaction that holds the writer's place, committed at the end."""
    raw = connect(where)
    engine = create_engine("postgresql+psycopg://", creator=lambda: raw, poolclass=NullPool)
    try:
        raw.execute(f"SET lock_timeout = {WAIT_MS}; SET statement_timeout = 0")
        raw.autocommit = False
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            yield connection
            connection.commit()
    except psycopg.Error as error:
        raise translated(error) from None
    finally:
        engine.dispose()
        raw.close()
