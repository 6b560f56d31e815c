"""Every table that holds something sealed, found by its columns, and under which roots the rows lie."""

from __future__ import annotations

import importlib
import pkgutil

from sqlalchemy import LargeBinary, select

import strongroom.services
from strongroom.console import store as console_store
from strongroom.kernel.storage.port import Store
from strongroom.kernel.storage.schema import METADATA

for room in pkgutil.walk_packages(strongroom.services.__path__, "strongroom.services."):
    if room.name.endswith("store") or ".store." in room.name:
        importlib.import_module(room.name)

assert console_store.session.name in METADATA.tables
NOT_UNDER_THE_ROOT: dict[str, str] = {
    "secretsmanager_version.sealed": "a value under its data key",
    "secretsmanager_version.wrapped": "a data key under a KMS key",
    "secretsmanager_earlier_key.wrapped": "a data key under a KMS key",
    "sealing_root.under_next": "a root under its successor",
    "sealing_root.under_previous": "a root under its predecessor",
    "trail_piece.packed": "records, which hold no secret",
    "nodes_question.sealed": "a question of a node to others, under the key of clients' tokens, for seconds",
    "nodes_answer.sealed": "an answer to it, likewise",
}
"""Sealed columns that lie under something else than the root key, each with what that is."""


def sealed_columns() -> set[str]:
    """``table.column`` of everything binary that is not excused."""
    found = {
        f"{table.name}.{column.name}"
        for table in METADATA.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    return found - set(NOT_UNDER_THE_ROOT)


def roots_met(store: Store) -> dict[str, set[bytes]]:
    """The root ids under which the rows of each such column lie, for those that have rows."""
    met: dict[str, set[bytes]] = {}
    with store.read() as tx:
        for name in sorted(sealed_columns()):
            table, column = name.split(".")
            rows = tx.rows(select(METADATA.tables[table].c[column]))
            if rows:
                met[name] = {bytes(sealed)[1:9] for (sealed,) in rows}
    return met
