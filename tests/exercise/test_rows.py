"""What goes in comes out, the same on both engines."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, delete, func, insert, literal, select, text, union_all, update
from sqlalchemy.dialects.postgresql import insert as upsert

from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.errors import Conflict
from strongroom.kernel.storage.port import NeedsWrite, Statement
from strongroom.kernel.storage.schema import setting
from tests.exercise.things import BY_NAME, NAMES, PUT, make_things, thing

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(TEXTS, st.sampled_from(["\0", "a\0b", "\ufdd0", "\ufdd00", "\ufdd0m\0", "%s", "%", "'", "\\"])),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.one_of(st.none(), st.binary(max_size=200)),
)
def test_every_value_comes_back_as_it_was(store: BatchStore, name: str, n: int | None, b: bytes | None) -> None:
    with store.read() as tx:
        made = tx.rows(text(_TABLES[store.engine]))
    if not made:
        make_things(store)
    with store.write() as tx:
        tx.run(delete(thing))
        tx.run(PUT, name=name, n=n, b=b)
        row = tx.row(select(thing.c.name, thing.c.n, thing.c.b).where(thing.c.name == bindparam("named")), named=name)
    assert (name, n, b) == row
    with store.read() as tx:
        again = tx.row(select(thing.c.name, thing.c.n, thing.c.b).where(thing.c.name == name))
    assert (name, n, b) == again
    assert [str, type(n), type(b)] == [type(one) for one in again or ()]


_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE name = 'exercise_thing'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE tablename = 'exercise_thing'",
}


def test_names_sort_by_their_bytes(store: BatchStore) -> None:
    names = ["b", "a", "B", "A", "-", "ä", "z", "aB", "a/b", "a-b"]
    make_things(store, **dict.fromkeys(names, 1))
    with store.read() as tx:
        found = [name for (name,) in tx.rows(NAMES)]
        after = [name for (name,) in tx.rows(select(thing.c.name).where(thing.c.name > "a").order_by(thing.c.name))]
    assert sorted(names, key=str.encode) == found
    assert [name for name in found if name.encode() > b"a"] == after


def test_migrated_text_sorts_by_its_bytes_too(store: BatchStore) -> None:
    with store.write() as tx:
        for name in ("b", "A", "a", "B"):
            tx.run(insert(setting), name=name, value="")
        found = [name for (name,) in tx.rows(select(setting.c.name).order_by(setting.c.name))]
    assert ["A", "B", "a", "b"] == found


def test_like_minds_case(store: BatchStore) -> None:
    make_things(store, abc=1, ABC=2)
    with store.read() as tx:
        found = tx.rows(select(thing.c.name).where(thing.c.name.like(bindparam("pattern"))), pattern="ab%")
    assert [("abc",)] == found


@pytest.mark.parametrize("sought", [[], ["a"], ["a", "b", "z"], ["a"] * 5, [f"n{i}" for i in range(5000)] + ["c"]])
@pytest.mark.parametrize("again", [1, 2])
def test_a_list_of_any_length_stands_in_for_in(store: BatchStore, sought: list[str], again: int) -> None:
    make_things(store, a=1, b=2, c=3)
    listed = Statement(select(thing.c.name).where(thing.c.name.in_(bindparam("names", expanding=True))))
    unlisted = Statement(select(thing.c.name).where(thing.c.name.not_in(bindparam("names", expanding=True))))
    with store.read() as tx:
        for _ in range(again):
            found = {name for (name,) in tx.rows(listed, names=sought)}
            others = {name for (name,) in tx.rows(unlisted, names=sought)}
    assert {"a", "b", "c"} & set(sought) == found
    assert {"a", "b", "c"} - set(sought) == others


def test_a_change_says_how_many_rows_it_touched(store: BatchStore) -> None:
    make_things(store, a=1, b=2, c=3)
    with store.write() as tx:
        assert 2 == tx.run(update(thing).where(thing.c.n > 1).values(n=thing.c.n * 10))
        assert 1 == tx.run(insert(thing), name="d", n=4)
        assert 0 == tx.run(delete(thing).where(thing.c.name == "nobody"))
        assert 4 == tx.run(delete(thing).returning(thing.c.name))


def test_returning_gives_the_changed_rows(store: BatchStore) -> None:
    make_things(store)
    kept = Statement(insert(thing).returning(thing.c.pk))
    with store.write() as tx:
        first, second = tx.row(kept, name="a", n=1), tx.row(kept, name="b", n=2)
        assert first is not None and second is not None and first[0] < second[0]
        raised = tx.rows(update(thing).values(n=thing.c.n + 1).returning(thing.c.name, thing.c.n))
    assert [("a", 2), ("b", 3)] == sorted(raised)


def test_insert_or_else_update_has_one_form_for_both(store: BatchStore) -> None:
    make_things(store, a=1)
    put = Statement(
        upsert(thing)
        .values(name=bindparam("named"), n=bindparam("number"))
        .on_conflict_do_update(index_elements=[thing.c.name], set_={"n": bindparam("number")})
    )
    with store.write() as tx:
        tx.run(put, named="a", number=5)
        tx.run(put, named="b", number=6)
        assert [(5,), (6,)] == [tx.row(BY_NAME, named="a"), tx.row(BY_NAME, named="b")]


def test_sums_and_questions_are_whole_numbers(store: BatchStore) -> None:
    make_things(store, a=2**40, b=2**40)
    with store.read() as tx:
        row = tx.row(select(func.sum(thing.c.n), func.count(), func.max(thing.c.n), select(literal(1)).exists()))
    assert (2**41, 2, 2**40, 1) == row
    assert int is type(row[0])


def test_yes_and_no_are_stored_as_one_and_zero(store: BatchStore) -> None:
    make_things(store)
    with store.write() as tx:
        tx.run(PUT, name="yes", n=True)
        assert (1,) == tx.row(BY_NAME, named="yes")


def test_a_union_and_a_limit_are_read_like_a_select(store: BatchStore) -> None:
    make_things(store, a=1, b=2)
    one = select(thing.c.name).where(thing.c.n == bindparam("one"))
    two = select(thing.c.name).where(thing.c.n == bindparam("two"))
    with store.read() as tx:
        assert [("a",), ("b",)] == sorted(tx.rows(union_all(one, two), one=1, two=2))
        assert ("a",) == tx.row(select(thing.c.name).order_by(thing.c.name).limit(bindparam("most")), most=1)


def test_a_constraint_refuses_in_the_same_words_of_ours(store: BatchStore) -> None:
    make_things(store, a=1)
    for values in ({"name": "a", "n": 2}, {"name": None, "n": 2}):
        with pytest.raises(Conflict) as refused, store.write() as tx:
            tx.run(PUT, **values)
        assert "canary" not in str(refused.value)
    with pytest.raises(Conflict) as refused, store.write() as tx:
        tx.run(PUT, name="canary", n=1)
        tx.run(PUT, name="canary", n=2)
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None or "canary" not in str(refused.value.__cause__)


def test_missing_and_unknown_values_are_a_mistake_in_the_program(store: BatchStore) -> None:
    make_things(store, a=1)
    with store.write() as tx:
        for wrong in ({}, {"other": 1}, {"named": "a", "other": 1}):
            with pytest.raises(TypeError, match="named"):
                tx.rows(BY_NAME, **wrong)


SEVERAL = [{"name": name, "n": number, "b": b"\0" + name.encode()} for number, name in enumerate(("a", "b\0", "c"))]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_one_change_is_made_with_each_of_several_sets_of_values(store: BatchStore, count: int) -> None:
    make_things(store, z=9)
    with store.write() as tx:
        tx.many(PUT, SEVERAL[:count])
    with store.read() as tx:
        found = tx.rows(select(thing.c.name, thing.c.n, thing.c.b).where(thing.c.b.is_not(None)).order_by(thing.c.name))
    assert [tuple(one.values()) for one in SEVERAL[:count]] == found


def test_of_several_sets_none_is_kept_where_one_is_refused(store: BatchStore) -> None:
    make_things(store)
    batch = store.begin_write()
    batch.savepoint()
    batch.many(PUT, SEVERAL[:1])
    batch.release()
    batch.savepoint()
    with pytest.raises(Conflict):
        batch.many(PUT, [SEVERAL[1], SEVERAL[0], SEVERAL[2]])
    batch.undo()
    batch.savepoint()
    batch.many(PUT, SEVERAL[2:])
    batch.release()
    batch.commit()
    with store.read() as tx:
        assert ["a", "c"] == [name for (name,) in tx.rows(NAMES)]


def test_a_reading_transaction_refuses_several_sets_as_it_refuses_one(store: BatchStore) -> None:
    make_things(store)
    with pytest.raises(NeedsWrite), store.read() as tx:
        tx.many(PUT, SEVERAL)


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (Statement(select(thing.c.n).where(thing.c.name == bindparam("named"))), [{"named": "a"}, {"named": "b"}]),
        (Statement(insert(thing).returning(thing.c.pk)), SEVERAL),
        (Statement(delete(thing).where(thing.c.n.in_(bindparam("ns", expanding=True)))), [{"ns": [1]}, {"ns": [2]}]),
        (PUT, [{"name": "a", "n": 1}, {"name": "b", "n": 1, "b": b""}]),
    ],
    ids=["answers rows", "returns", "a list", "other columns"],
)
def test_what_is_not_one_change_is_not_made_several_times(
    store: BatchStore, statement: Statement, values: list[dict[str, object]]
) -> None:
    make_things(store, a=1)
    with pytest.raises(TypeError), store.write() as tx:
        tx.many(statement, values)
