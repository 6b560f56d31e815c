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
    and_,
    bindparam,
    delete,
    insert,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.expression import Executable

from strongroom.kernel.storage.compile import MAX_LIST, bind
from strongroom.kernel.storage.port import Statement
from strongroom.kernel.storage.schema import of_one
from strongroom.kernel.storage.upsert import Upsert

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


OWNED = Table(
    "room_owned",
    MetaData(),
    Column("pk", Integer, primary_key=True),
    Column("owner_pk", Integer, nullable=False),
    Column("name", Text),
    info=of_one("owner_pk"),
)
LABEL = Table(
    "room_label",
    MetaData(),
    Column("owner_pk", Integer, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("n", Integer),
    info=of_one("owner_pk"),
)
_OWNER, _OTHER = bindparam("owner"), bindparam("other")


@pytest.mark.parametrize(
    "construct",
    [
        insert(OWNED).values(owner_pk=_OWNER, name=_OTHER),
        insert(OWNED).values([{"owner_pk": _OWNER, "name": _OTHER}, {"owner_pk": _OWNER, "name": bindparam("name")}]),
        update(OWNED).where(OWNED.c.owner_pk == _OWNER).values(name=_OTHER),
        update(OWNED).where(OWNED.c.pk == _OTHER, OWNED.c.owner_pk == _OWNER).values(name=bindparam("name")),
        update(OWNED).where(and_(OWNED.c.pk == _OTHER, OWNED.c.owner_pk == _OWNER)).values(name=bindparam("name")),
        delete(OWNED).where(OWNED.c.owner_pk == _OWNER, OWNED.c.name.in_(bindparam("names", expanding=True))),
        Upsert(
            LABEL,
            {"owner_pk": _OWNER, "label": _OTHER, "n": bindparam("n")},
            lambda new: {"n": new.n},
        ).construct("sqlite"),
    ],
)
def test_a_change_of_one_owners_rows_says_which_value_names_it(construct: Executable) -> None:
    values = {"owner": 7, "other": 1, "name": "a", "n": 1, "names": ["a", "b"]}
    wanted = construct.compile().params  # type: ignore[attr-defined]
    plan, _ = bind(Statement(construct), "sqlite", {name: values[name] for name in wanted})
    assert plan.noisy
    assert "owner" == plan.owner


@pytest.mark.parametrize(
    "construct",
    [
        insert(OWNED),
        insert(OWNED).values(name=_OTHER),
        insert(OWNED).values(owner_pk=7, name=_OTHER),
        insert(OWNED).values([{"owner_pk": 1, "name": "a"}, {"owner_pk": 2, "name": "b"}]),
        insert(OWNED).values([{"owner_pk": _OWNER, "name": "a"}, {"owner_pk": _OTHER, "name": "b"}]),
        insert(OWNED).from_select(["owner_pk"], select(OWNED.c.owner_pk).where(OWNED.c.owner_pk == _OWNER)),
        # What a replaced row belonged to is nobody's to say where the owner is no part of the key.
        sqlite_insert(OWNED)
        .values(pk=_OTHER, owner_pk=_OWNER)
        .on_conflict_do_update(index_elements=[OWNED.c.pk], set_={"name": "a"}),
        update(OWNED).where(OWNED.c.owner_pk == _OWNER),
        update(OWNED).where(OWNED.c.pk == _OTHER).values(name=bindparam("name")),
        update(OWNED).where(OWNED.c.owner_pk == _OWNER).values(owner_pk=_OTHER),
        update(OWNED).where(OWNED.c.owner_pk > _OWNER).values(name=_OTHER),
        update(OWNED).where(or_(OWNED.c.owner_pk == _OWNER, OWNED.c.pk == _OTHER)).values(name=bindparam("name")),
        update(OWNED).where(not_(OWNED.c.owner_pk == _OWNER)).values(name=_OTHER),
        update(OWNED).where(OWNED.c.owner_pk == LABEL.c.owner_pk).values(name=_OTHER),
        delete(OWNED).where(OWNED.c.owner_pk.in_(bindparam("owners", expanding=True))),
        delete(OWNED).where(OWNED.c.owner_pk == 7),
        delete(OWNED),
        delete(ROOM).where(ROOM.c.pk == _OWNER),
        text("DELETE FROM room_owned WHERE owner_pk = :owner"),
    ],
)
def test_what_may_change_rows_of_others_names_no_owner(construct: Executable) -> None:
    plan, _ = bind(Statement(construct), "sqlite", _values_of(construct))
    assert plan.noisy
    assert plan.owner is None


NAMED = Table(
    "room_named",
    MetaData(),
    Column("pk", Integer, primary_key=True),
    Column("place", Text),
    Column("name", Text),
    Column("note", Text),
    info=of_one("pk", named_by=("place", "name")),
)
_PLACE, _NAME, _NOTE = bindparam("p"), bindparam("n"), bindparam("note")
_FOUND = select(NAMED.c.pk).where(NAMED.c.name == _NAME, NAMED.c.place == _PLACE)


def test_who_makes_an_owner_says_which_values_are_its_name() -> None:
    made = bind(Statement(insert(NAMED).values(name=_NAME, place=_PLACE)), "sqlite", {"p": "a", "n": "b"})[0]
    assert (("p", "n"), None, None) == (made.makes, made.follows, made.owner)
    rows = insert(OWNED).values(owner_pk=_FOUND.scalar_subquery(), name=bindparam("own"))
    followed = bind(Statement(rows), "sqlite", {"p": "a", "n": "b", "own": "c"})[0]
    assert (None, ("p", "n"), None) == (followed.makes, followed.follows, followed.owner)


@pytest.mark.parametrize(
    "construct",
    [
        insert(NAMED).values(name=_NAME),
        insert(NAMED).values(name=_NAME, place="here"),
        insert(NAMED).values(pk=_OWNER, name=_NAME, place=_PLACE),
        insert(NAMED).values([{"name": _NAME, "place": _PLACE}, {"name": bindparam("m"), "place": _PLACE}]),
        sqlite_insert(NAMED)
        .values(name=_NAME, place=_PLACE)
        .on_conflict_do_update(index_elements=[NAMED.c.pk], set_={"note": "a"}),
        update(NAMED).where(NAMED.c.pk == _OWNER).values(name=_NAME),
        insert(OWNED).values(owner_pk=select(NAMED.c.pk).where(NAMED.c.name == _NAME).scalar_subquery()),
        insert(OWNED).values(owner_pk=_FOUND.where(NAMED.c.note == _NOTE).scalar_subquery()),
        insert(OWNED).values(owner_pk=select(NAMED.c.pk).where(or_(*_FOUND.whereclause.clauses)).scalar_subquery()),  # type: ignore[union-attr]
        insert(OWNED).values(owner_pk=select(NAMED.c.note).where(*_FOUND.whereclause.clauses).scalar_subquery()),  # type: ignore[union-attr]
        insert(OWNED).values(
            owner_pk=select(NAMED.c.pk).where(NAMED.c.name == _NAME, NAMED.c.place > _PLACE).scalar_subquery()
        ),
        insert(OWNED).values(owner_pk=select(OWNED.c.pk).where(OWNED.c.name == _NAME).scalar_subquery()),
        insert(ROOM).values(pk=_FOUND.scalar_subquery()),
        update(OWNED).where(OWNED.c.owner_pk == _FOUND.scalar_subquery()).values(name=bindparam("own")),
    ],
)
def test_what_may_make_or_follow_anything_names_nobody(construct: Executable) -> None:
    plan, _ = bind(Statement(construct), "sqlite", _values_of(construct))
    assert plan.noisy
    assert (None, None, None) == (plan.owner, plan.makes, plan.follows)


def _values_of(construct: Executable) -> dict[str, object]:
    compiled = construct.compile()  # type: ignore[attr-defined]
    given = {name: None for name, one in compiled.binds.items() if one.required}
    if isinstance(construct, UpdateBase) and not given and "VALUES" in str(compiled) and construct is not None:
        return {} if construct._values or getattr(construct, "_multi_values", None) else {"owner_pk": 1, "name": "a"}
    return {name: [1] if name == "owners" else 1 for name in given}
