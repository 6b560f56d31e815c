"""kernel/storage/migrations/collation: bytes decide the order of text on PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, Text, cast, select
from sqlalchemy.dialects.postgresql import psycopg as postgresql
from sqlalchemy.dialects.sqlite import pysqlite as sqlite
from sqlalchemy.schema import CreateTable

from strongroom.kernel.storage.migrations import collation

POSTGRESQL: Any = postgresql.dialect
SQLITE: Any = sqlite.dialect
TABLE = Table("room_noun", MetaData(), Column("pk", Integer), Column("name", Text), Column("c", Text(collation="C")))


def test_a_text_column_is_made_with_the_collation_on_postgresql_only() -> None:
    collation.install()
    on_postgresql = str(CreateTable(TABLE).compile(dialect=POSTGRESQL()))
    assert 'name TEXT COLLATE "C"' in on_postgresql
    assert 1 == on_postgresql.split("c TEXT")[1].count("COLLATE")
    assert "COLLATE" not in str(CreateTable(Table("t", MetaData(), Column("name", Text))).compile(dialect=SQLITE()))


def test_a_cast_stays_a_cast() -> None:
    collation.install()
    assert "CAST(room_noun.pk AS TEXT)" in str(select(cast(TABLE.c.pk, Text)).compile(dialect=POSTGRESQL()))
