"""A table of the tests' own, and a second process that works on the same store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    select,
    text,
    update,
)

from strongroom.kernel.storage.port import Statement, Store, Transaction

thing = Table(
    "exercise_thing",
    MetaData(),
    Column("pk", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("n", BigInteger),
    Column("b", LargeBinary),
)
_DDL = {
    "sqlite": "CREATE TABLE exercise_thing (pk INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, n BIGINT, b BLOB)",
    "postgresql": "CREATE TABLE exercise_thing "
    '(pk SERIAL PRIMARY KEY, name TEXT COLLATE "C" NOT NULL UNIQUE, n BIGINT, b BYTEA)',
}
PUT = Statement(insert(thing))
BY_NAME = Statement(select(thing.c.n).where(thing.c.name == bindparam("named")))
ADD = Statement(update(thing).where(thing.c.name == bindparam("named")).values(n=thing.c.n + bindparam("more")))
NAMES = Statement(select(thing.c.name).order_by(thing.c.name))

ACCOUNT, KIND = "111122223333", "things"


def make_things(store: Store, **numbers: int) -> None:
    """Make the table, with one row for each number."""
    with store.write() as tx:
        tx.run(text(_DDL[store.engine]))
        for name, number in numbers.items():
            tx.run(PUT, name=name, n=number)


def number(tx: Transaction, name: str = "x") -> int | None:
    """The number of one thing."""
    row = tx.row(BY_NAME, named=name)
    return None if row is None else row[0]


def cached_number(tx: Transaction, name: str = "x") -> int | None:
    """The same, through the cache."""
    return tx.cached(ACCOUNT, KIND, ("number", name), lambda: number(tx, name))


def add(store: Store, more: int = 1, name: str = "x") -> None:
    """Change a number, and say so."""
    with store.write() as tx:
        tx.run(ADD, named=name, more=more)
        tx.raise_generation(ACCOUNT, KIND)


@contextmanager
def process(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A second Python that runs ``program`` with pipes; killed at the end."""
    started = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()
        for pipe in (started.stdin, started.stdout):
            if pipe is not None:
                pipe.close()
