"""From the operator's words to a store."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.base.entropy import Entropy
from strongroom.kernel.storage.compile import dialect_of

if TYPE_CHECKING:
    from strongroom.kernel.storage.batch import BatchStore

FILE_NAME = "store.db"


def sqlite_path(where: str, directory: Path | None = None) -> Path | None:
    """The file that ``where`` names, or None where it names a PostgreSQL database.

    ``sqlite:`` alone, and ``""``, mean ``store.db`` in the data directory.
    Raises ValueError for anything that is neither.
    """
    if where.startswith(("postgresql://", "postgres://")):
        return None
    if "://" in where and not where.startswith("sqlite:"):
        raise ValueError("a store is sqlite:PATH or postgresql://...")
    named = where.removeprefix("sqlite:")
    named = named.removeprefix("///")  # as SQLAlchemy writes it
    if named:
        return Path(named)
    if directory is None:
        raise ValueError("sqlite: without a path needs a data directory")
    return directory / FILE_NAME


def import_engine(where: str) -> None:
    """Import what a store at ``where`` needs, and open nothing: before a fork, so that all children share it."""
    module, engine = ("postgres", "postgresql") if sqlite_path(where, Path()) is None else ("sqlite", "sqlite")
    import_module(f"strongroom.kernel.storage.{module}")
    dialect_of(engine)


def open_store(where: str, directory: Path | None = None, *, entropy: Entropy | None = None) -> BatchStore:
    """The store at ``where``: ``sqlite:PATH``, a plain path, or a ``postgresql://`` address.

    Its tables are expected to be there: see ``migrate``. Open it after forking. No message or repr shows a
    password. Raises StoreUnavailable, ValueError.
    """
    path = sqlite_path(where, directory)
    if path is None:
        from strongroom.kernel.storage.postgres import PostgresStore  # noqa: PLC0415

        return PostgresStore(where, entropy=entropy)
    from strongroom.kernel.storage.sqlite import SQLiteStore  # noqa: PLC0415

    return SQLiteStore(path, entropy=entropy)
