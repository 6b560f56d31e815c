"""Many sets of values by few statements of SQLite do what they would do one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text, bindparam, delete, insert, select, update
from sqlalchemy.sql.expression import Executable

from strongroom.kernel.storage.compile import Plan, bind, bind_many
from strongroom.kernel.storage.port import Statement
from strongroom.kernel.storage.sqlite_together import ROWS_AT_MOST, insert_together, update_together
from strongroom.kernel.storage.upsert import Upsert

TABLES = MetaData()
THING = Table(
    "thing",
    TABLES,
    Column("pk", Integer, primary_key=True),
    Column("name", Text, unique=True),
    Column("note", Text),
    Column("data", LargeBinary),
)
MARK = Table("mark", TABLES, Column("name", Text, primary_key=True), Column("of", Integer))
FOUND = select(THING.c.pk).where(THING.c.name == bindparam("of_name")).scalar_subquery()
ADD = Statement(insert(THING).values(name=bindparam("name"), note=bindparam("note"), data=bindparam("data")))
MARKED = Statement(Upsert(MARK, {"name": bindparam("mark"), "of": FOUND}, lambda new: {"of": new.of}))
NOTE = Statement(
    update(THING).where(THING.c.pk == bindparam("at"), THING.c.name == bindparam("of_name")).values(note=bindparam("v"))
)
ODD = ["", "plain", "'", '"', "\\", "?", "é", "\U0001f511", "\n\t\x01\x7f", "[1]", '{"a": null}', "$[0]", "x" * 9_000]


class Desk:
    """A database, and how many statements were sent to it."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.texts: list[str] = []
        self.connection.execute("CREATE TABLE thing (pk INTEGER PRIMARY KEY, name TEXT UNIQUE, note TEXT, data BLOB)")
        self.connection.execute('CREATE TABLE mark (name TEXT PRIMARY KEY, "of" INTEGER)')

    def execute(self, sql: str, parameters: Sequence[Any]) -> sqlite3.Cursor:
        """As a batch runs a statement."""
        self.texts.append(sql)
        return self.connection.execute(sql, parameters)

    def one_by_one(self, statement: Statement, values: Sequence[dict[str, Any]]) -> None:
        """The plain way."""
        plan, each = planned(statement, values)
        self.connection.executemany(plan.sql, each)

    def state(self) -> list[Any]:
        """All rows."""
        return [
            self.connection.execute(f"SELECT * FROM {one} ORDER BY 1").fetchall()
            for one in ("thing", "mark")
        ]


def planned(statement: Statement, values: Sequence[dict[str, Any]]) -> tuple[Plan, Sequence[Sequence[Any]]]:
    """The statement as a batch has it."""
    return bind_many(statement, "sqlite", values)


def things(count: int) -> list[dict[str, Any]]:
    """Rows of all kinds of values."""
    notes = [*ODD, None]
    return [{"name": f"n{at}", "note": notes[at % len(notes)], "data": bytes([at % 256])} for at in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 24, 63, 64, 65, 200])
def test_rows_come_in_as_they_would_one_by_one(count: int) -> None:
    one_by_one, together = Desk(), Desk()
    plan, values = planned(ADD, things(count))
    one_by_one.one_by_one(ADD, things(count))
    assert count == insert_together(together.execute, plan, values)
    assert one_by_one.state() == together.state()
    assert len(together.texts) <= count // ROWS_AT_MOST + 2


def test_the_texts_of_all_sizes_are_few() -> None:
    texts = set()
    for count in range(1, 150):
        desk = Desk()
        insert_together(desk.execute, *planned(ADD, things(count)))
        texts |= set(desk.texts)
    assert 20 == len(texts)


def test_what_replaces_a_row_finds_its_values_for_each() -> None:
    one_by_one, together = Desk(), Desk()
    rows = [{"mark": f"m{at % 5}", "of_name": f"n{at}"} for at in range(12)]
    for desk in (one_by_one, together):
        desk.one_by_one(ADD, things(12))
    plan, values = planned(MARKED, rows)
    one_by_one.one_by_one(MARKED, rows)
    assert 12 == insert_together(together.execute, plan, values)
    assert one_by_one.state() == together.state()


def test_rows_change_as_they_would_one_by_one() -> None:
    one_by_one, together = Desk(), Desk()
    for desk in (one_by_one, together):
        desk.one_by_one(ADD, things(40))
    rows = [{"at": at + 1, "of_name": f"n{at}", "v": [*ODD, None][at % (len(ODD) + 1)]} for at in range(40)]
    plan, values = planned(NOTE, rows[::-1])
    one_by_one.one_by_one(NOTE, rows[::-1])
    assert 40 == update_together(together.execute, plan, values)
    assert one_by_one.state() == together.state()
    assert 1 == len(together.texts)


def test_a_row_that_is_not_there_is_not_counted() -> None:
    desk = Desk()
    desk.one_by_one(ADD, things(3))
    rows = [{"at": 1, "of_name": "n0", "v": "a"}, {"at": 2, "of_name": "n0", "v": "b"}]
    assert 1 == update_together(desk.execute, *planned(NOTE, rows))


@pytest.mark.parametrize("value", [b"bytes", "a\0b", 1.5])
def test_what_json_does_not_hold_as_it_is_goes_another_way(value: Any) -> None:
    desk = Desk()
    rows = [{"at": 1, "of_name": "n0", "v": value}, {"at": 2, "of_name": "n1", "v": "b"}]
    assert update_together(desk.execute, *planned(NOTE, rows)) is None
    assert [] == desk.texts


@pytest.mark.parametrize(
    "construct",
    [
        delete(THING).where(THING.c.pk == bindparam("at")),
        insert(THING).from_select(["name"], select(THING.c.note).where(THING.c.pk == bindparam("at"))),
        insert(THING).values([{"name": bindparam("at")}, {"name": bindparam("v")}]),
        update(THING).where(THING.c.pk == bindparam("at")).values(note=FOUND),
        update(THING).where(THING.c.pk == bindparam("at"), THING.c.name.in_(select(MARK.c.name))).values(note="x"),
        update(THING).where(THING.c.pk == bindparam("at"), THING.c.name == MARK.c.name).values(note=bindparam("v")),
        update(THING).values(note=bindparam("v")),
    ],
)
def test_other_statements_are_left_alone(construct: Executable) -> None:
    desk = Desk()
    given = {name: "1" for name, one in construct.compile().binds.items() if one.required}  # type: ignore[attr-defined]
    plan, parameters = bind(Statement(construct), "sqlite", given)
    assert insert_together(desk.execute, plan, [parameters] * 3) is None
    assert update_together(desk.execute, plan, [parameters] * 3) is None


def test_an_insert_with_values_behind_its_row_is_left_alone() -> None:
    more = Statement(
        Upsert(MARK, {"name": bindparam("mark"), "of": bindparam("n")}, lambda _: {"of": MARK.c.of + bindparam("n")})
    )
    desk = Desk()
    assert insert_together(desk.execute, *planned(more, [{"mark": "a", "n": 1}, {"mark": "b", "n": 2}])) is None
    assert [] == desk.texts
