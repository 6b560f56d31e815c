"""One upsert, spelled for each engine."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam

from strongroom.kernel.storage.compile import bind
from strongroom.kernel.storage.port import Statement
from strongroom.kernel.storage.upsert import Upsert

tally = Table(
    "tally",
    MetaData(),
    Column("kind", Text, primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("calls", Integer, nullable=False),
)
MORE = Statement(
    Upsert(
        tally,
        {"kind": bindparam("of_kind"), "hour": bindparam("of_hour"), "calls": bindparam("more")},
        lambda new: {"calls": tally.c.calls + new.calls},
        returning=(tally.c.calls,),
    )
)


@pytest.mark.parametrize(
    ("engine", "values"), [("sqlite", "(?, ?, ?)"), ("postgresql", "(%s::VARCHAR, %s::INTEGER, %s::INTEGER)")]
)
def test_the_row_of_the_same_key_is_changed(engine: str, values: str) -> None:
    plan, ordered = bind(MORE, engine, {"of_kind": "read", "of_hour": 7, "more": 3})
    assert [
        f"INSERT INTO tally (kind, hour, calls) VALUES {values}",
        "ON CONFLICT (kind, hour) DO UPDATE SET calls = (tally.calls + excluded.calls)",
        "RETURNING calls" if engine == "sqlite" else "RETURNING tally.calls",
    ] == plan.sql.replace(" ON", "\nON").replace(" RETURNING", "\nRETURNING").split("\n")
    assert ["read", 7, 3] == list(ordered)
    assert plan.writes
    assert plan.returns


def test_an_unknown_value_is_refused() -> None:
    with pytest.raises(TypeError, match="of_hour"):
        bind(MORE, "sqlite", {"of_kind": "read", "hour": 7, "more": 3})
