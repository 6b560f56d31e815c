"""Text on PostgreSQL sorted and compared by its bytes, as on SQLite, whatever the database's own locale.

Without it the two engines would page through the same names in different orders, and an upgrade of the
machine's locale data would corrupt indexes.
Our choice: every text column of ours gets ``COLLATE "C"`` when its table is made.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Text
from sqlalchemy.ext.compiler import compiles


def install() -> None:
    """Have every TEXT column that is created from here on get the collation. May be called again."""
    compiles(Text, "postgresql")(_text)


def _text(element: Text, compiler: Any, **named: Any) -> str:
    plain: str = compiler.visit_TEXT(element, **named)
    if element.collation or not isinstance(named.get("type_expression"), Column):
        return plain  # casts render types too, and take no collation
    return f'{plain} COLLATE "C"'
