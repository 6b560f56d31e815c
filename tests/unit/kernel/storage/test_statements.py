"""What is made of a function is made when it is first asked for, and all that the product has can be made."""

from __future__ import annotations

import gc

import pytest
from sqlalchemy import Integer, column, literal, select
from sqlalchemy.sql.expression import Executable

from strongroom.app import Product
from strongroom.kernel.storage.compile import bind
from strongroom.kernel.storage.port import Statement
from strongroom.settings import Settings


def test_a_statement_is_made_at_its_first_question_and_once() -> None:
    made: list[Executable] = []

    def make() -> Executable:
        made.append(select(literal(1).label("one")))
        return made[-1]

    statement = Statement(make)
    assert [] == made
    first = statement.construct
    assert first is statement.construct
    assert [first] == made


def test_a_statement_of_a_construct_is_that_construct() -> None:
    construct = select(column("one", Integer))
    assert construct is Statement(construct).construct


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_every_statement_of_the_product_compiles(engine: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    Product(Settings(data=tmp_path_factory.mktemp("data"))).preload()
    statements = [one for one in gc.get_objects() if type(one) is Statement]
    assert len(statements) > 300
    for statement in statements:
        try:
            plan, _ = bind(statement, engine, {})
        except TypeError as told:  # which values it wants: it was compiled
            assert "the statement takes the values" in str(told)
        else:
            assert plan.sql
