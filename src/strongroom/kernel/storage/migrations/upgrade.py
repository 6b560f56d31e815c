"""The steps themselves, run by Alembic inside one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from strongroom.kernel.storage.errors import StoreError
from strongroom.kernel.storage.migrations import (
    HEAD,
    collation,
    on_postgres,
    on_sqlite,
    refuse_newer,
    version,
)
from strongroom.kernel.storage.open import sqlite_path

HERE = Path(__file__).parent


def config_for(connection: Connection) -> Config:
    """Alembic's settings: the scripts beside this file, and the connection to run them on."""
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(where: str, to: str = HEAD) -> Sequence[str]:
    """Run the missing steps under the writer's lock. Raises as migrations.migrate."""
    path = sqlite_path(where)
    collation.install()
    try:
        with on_postgres.locked(where) if path is None else on_sqlite.locked(path) as connection:
            command.upgrade(config_for(connection), to)
    except DBAPIError as error:
        cause = type(error.orig).__name__
        raise StoreError(f"the migration failed and nothing was changed: {cause}") from error
    reached = version(where)
    refuse_newer(reached)  # a newer program may have been waiting with us
    return (f"The store's tables are at schema {reached}.",)
