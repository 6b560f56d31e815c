"""kernel/storage/schema: every declared table keeps to what both engines store alike."""

from __future__ import annotations

import re

from sqlalchemy import BigInteger, Integer, LargeBinary, Text
from tools.new_migration import declared

from strongroom.kernel.storage.schema import METADATA

PLAIN = (BigInteger, Integer, LargeBinary, Text)


def test_tables_are_named_by_room_and_noun() -> None:
    declared()
    assert [] == [name for name in METADATA.tables if not re.fullmatch(r"[a-z0-9]+_[a-z0-9_]+", name)]


def test_columns_hold_numbers_texts_and_bytes_only() -> None:
    declared()
    others = [
        f"{table.name}.{column.name}"
        for table in METADATA.tables.values()
        for column in table.columns
        if type(column.type) not in PLAIN
    ]
    assert [] == others


def test_no_column_has_a_default_that_a_plain_statement_would_miss() -> None:
    declared()
    columns = [column for table in METADATA.tables.values() for column in table.columns]
    assert [] == [str(column) for column in columns if column.default is not None or column.onupdate is not None]
