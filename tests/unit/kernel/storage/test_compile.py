"""kernel/storage/compile: one text an engine, values in order."""

from __future__ import annotations

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.sql.expression import Executable

from strongroom.kernel.storage.compile import MAX_LIST, bind
from strongroom.kernel.storage.port import Statement

ROOM = Table(
    "room_noun",
    MetaData(),
    Column("pk", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("n", BigInteger),
)
BY_NAME = select(ROOM.c.pk).where(ROOM.c.name == bindparam("named"))
LISTED = select(ROOM.c.pk).where(ROOM.c.name.in_(bindparam("names", expanding=True)))


def bound(construct: Executable, engine: str = "sqlite", **values: object) -> tuple[str, list[object]]:
    """The text on one line, and its values."""
    plan, parameters = bind(Statement(construct), engine, values)
    return " ".join(plan.sql.split()), list(parameters)


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("sqlite", "SELECT room_noun.pk FROM room_noun WHERE room_noun.name = ?"),
        ("postgresql", "SELECT room_noun.pk FROM room_noun WHERE room_noun.name = %s::VARCHAR"),
    ],
)
def test_each_engine_gets_its_own_text(engine: str, expected: str) -> None:
    assert (expected, ["db"]) == bound(BY_NAME, engine, named="db")


def test_a_statement_is_compiled_once_an_engine() -> None:
    statement = Statement(BY_NAME)
    first, _ = bind(statement, "sqlite", {"named": "a"})
    second, _ = bind(statement, "sqlite", {"named": "b"})
    assert first is second
    assert ["sqlite"] == list(statement.compiled)


def test_values_stand_where_their_names_stand_and_as_often() -> None:
    twice = select(ROOM.c.pk).where(
        ROOM.c.n > bindparam("low"), ROOM.c.name != bindparam("other"), ROOM.c.n < bindparam("low") + 5
    )
    sql, values = bound(twice, low=1, other="x")
    assert [1, "x", 1, 5] == values
    assert 4 == sql.count("?")


def test_what_the_construct_brought_needs_no_value() -> None:
    assert ["a", 3, 0] == bound(BY_NAME.limit(3), named="a")[1]
    assert [None, 7] == bound(insert(ROOM).values(name=None, n=bindparam("number")), number=7)[1]


@pytest.mark.parametrize(("count", "places"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1000, 1024)])
def test_a_list_is_filled_up_to_a_power_of_two_with_its_last_value(count: int, places: int) -> None:
    names = [f"n{at}" for at in range(count)]
    sql, values = bound(LISTED, names=names)
    assert places == sql.count("?")
    assert names + names[-1:] * (places - count) == values


def test_an_empty_list_matches_nothing() -> None:
    assert "1!=1" in bound(LISTED, names=[])[0]


def test_lists_of_many_lengths_make_a_handful_of_texts() -> None:
    statement = Statement(LISTED)
    for count in range(1, 300):
        bind(statement, "sqlite", {"names": range(count)})
    assert 10 == len(statement.compiled["sqlite"].variants)


def test_a_list_beyond_the_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="names"):
        bound(LISTED, names=range(MAX_LIST + 1))


def test_a_list_in_a_change_goes_with_columns_set_by_name() -> None:
    change = update(ROOM).where(ROOM.c.pk.in_(bindparam("pks", expanding=True)))
    sql, values = bound(change, pks=[1, 2], name="b")
    assert ("UPDATE room_noun SET name=? WHERE room_noun.pk IN (?, ?)", ["b", 1, 2]) == (sql, values)


def test_an_insert_without_values_sets_the_columns_that_are_named() -> None:
    assert "INSERT INTO room_noun (name, n) VALUES (?, ?)" == bound(insert(ROOM), name="a", n=1)[0]
    assert "INSERT INTO room_noun (name) VALUES (?)" == bound(insert(ROOM), name="a")[0]


def test_no_returning_is_added_that_nobody_asked_for() -> None:
    plan, _ = bind(Statement(insert(ROOM)), "postgresql", {"name": "a"})
    assert not plan.returns
    assert "RETURNING" not in plan.sql


@pytest.mark.parametrize(
    ("construct", "writes"),
    [
        (BY_NAME, False),
        (insert(ROOM), True),
        (delete(ROOM), True),
        (update(ROOM).values(n=1), True),
    ],
)
def test_a_plan_knows_whether_it_changes_rows(construct: Executable, writes: bool) -> None:
    values = {"named": "a"} if construct is BY_NAME else {"name": "a"} if construct.is_insert else {}
    assert writes == bind(construct, "sqlite", values)[0].writes


@pytest.mark.parametrize("values", [{}, {"name": "a"}, {"named": "a", "more": 1}])
def test_missing_and_unknown_values_are_refused_by_name(values: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"takes the values \['named'\]"):
        bind(Statement(BY_NAME), "sqlite", values)


def test_a_default_computed_in_python_is_refused() -> None:
    table = Table("room_other", MetaData(), Column("pk", Integer, primary_key=True), Column("n", Integer, default=len))
    with pytest.raises(TypeError, match="default"):
        bound(insert(table), pk=1)


def test_percent_signs_survive_on_their_way_to_postgresql() -> None:
    assert "SELECT 7 %% 2, %s" == bound(text("SELECT 7 % 2, :a"), "postgresql", a=1)[0]


LEASES = Table("room_lease", MetaData(), Column("pk", Integer, primary_key=True), info={"quiet": True})


@pytest.mark.parametrize(
    ("construct", "noisy", "reads_quiet"),
    [
        (select(ROOM.c.pk), False, False),
        (select(LEASES.c.pk), False, True),
        (select(ROOM.c.pk).where(ROOM.c.pk.in_(select(LEASES.c.pk))), False, True),
        (select(ROOM.c.pk).outerjoin(LEASES, LEASES.c.pk == ROOM.c.pk), False, True),
        (insert(ROOM).values(pk=1), True, False),
        (insert(LEASES).values(pk=1), False, False),
        (insert(LEASES).from_select(["pk"], select(ROOM.c.pk)), False, False),
        (insert(ROOM).from_select(["pk"], select(LEASES.c.pk)), True, True),
        (update(LEASES).values(pk=2), False, False),
        (delete(ROOM), True, False),
        (text("DELETE FROM room_noun"), True, True),
    ],
)
def test_what_a_statement_changes_and_reads_is_told_by_its_tables(
    construct: Executable, noisy: bool, reads_quiet: bool
) -> None:
    plan, _ = bind(Statement(construct), "sqlite", {})
    assert (noisy, reads_quiet) == (plan.noisy, plan.reads_quiet)
