"""INSERT, or else UPDATE of the row that is there already: one statement that no other writer comes between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.sql.expression import Executable

from strongroom.base.classes import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Upsert:
    """What is inserted, and what ``changes`` where a row of the same primary key is there.

    ``changes`` is called with the row that was to be inserted (SQL's ``excluded``).
    Spelled in an engine's own dialect when that engine first runs it: a server imports only the dialect it speaks.
    """

    into: Table
    values: Mapping[str, Any]
    changes: Callable[[Any], Mapping[str, Any]]
    returning: Sequence[ColumnElement[Any]] = ()

    def construct(self, engine: str) -> Executable:
        """The statement in the words of ``sqlite`` or ``postgresql``."""
        insert = import_module(f"sqlalchemy.dialects.{engine}").insert
        made = insert(self.into).values(self.values)
        made = made.on_conflict_do_update(
            index_elements=list(self.into.primary_key.columns), set_=self.changes(made.excluded)
        )
        whole: Executable = made.returning(*self.returning) if self.returning else made
        return whole
