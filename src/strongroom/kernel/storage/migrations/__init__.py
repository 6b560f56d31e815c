"""Tables brought up to date, once, whatever the number of processes and nodes that start together.

A store says in ``kernel_migration`` which step it has reached. Steps are numbered; ``HEAD`` is the last
that this program knows (a test compares it with the files). A start that finds HEAD costs one query and
imports no Alembic.
"""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.kernel.storage.errors import SchemaMismatch
from strongroom.kernel.storage.open import sqlite_path

HEAD = "0001"
VERSION_TABLE = "kernel_migration"


def migrate(where: str) -> Sequence[str]:
    """Bring the store at ``where`` to HEAD, creating it where it is missing; what was done, in sentences.

    One transaction under the writer's lock: it happens whole or not at all, and whoever waited finds it done.
    Raises SchemaMismatch where the store is newer than the program, StoreBusy, StoreUnavailable.
    """
    found = version(where)
    refuse_newer(found)
    if found == HEAD:
        return ()
    from strongroom.kernel.storage.migrations.upgrade import upgrade  # noqa: PLC0415  imports Alembic

    return upgrade(where)


def version(where: str) -> str | None:
    """The step that a store has reached, or None where it is new."""
    path = sqlite_path(where)
    if path is not None:
        from strongroom.kernel.storage.migrations import on_sqlite  # noqa: PLC0415

        return on_sqlite.version(path)
    from strongroom.kernel.storage.migrations import on_postgres  # noqa: PLC0415

    return on_postgres.version(where)


def refuse_newer(found: str | None) -> None:
    """Raise SchemaMismatch for a step that this program does not know."""
    if found is not None and found > HEAD:
        raise SchemaMismatch(
            f"The store was written by a newer Strongroom (schema {found}); this one knows schemas up to {HEAD}."
        )
