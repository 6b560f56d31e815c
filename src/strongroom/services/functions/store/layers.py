"""Statements about layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, select

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.functions.store.tables import Layer, layer

_LAYER = [layer.c[name] for name in Layer._fields]
_OF = and_(
    layer.c.account == bindparam("account"),
    layer.c.region == bindparam("region"),
    layer.c.name == bindparam("name"),
)
_AT = Statement(lambda: select(*_LAYER).where(_OF, layer.c.number == bindparam("number")))
_VERSIONS = Statement(
    lambda: (
        select(*_LAYER)
        .where(_OF, layer.c.number < bindparam("before"))
        .order_by(layer.c.number.desc())
        .limit(bindparam("most"))
    )
)
_LAST = Statement(lambda: select(func.max(layer.c.number)).where(_OF))
_NAMES = Statement(
    lambda: (
        select(layer.c.name, func.max(layer.c.number))
        .where(
            layer.c.account == bindparam("account"),
            layer.c.region == bindparam("region"),
            layer.c.name > bindparam("after"),
        )
        .group_by(layer.c.name)
        .order_by(layer.c.name)
        .limit(bindparam("most"))
    )
)
_ADD = Statement(lambda: insert(layer).values({name: bindparam(f"v_{name}") for name in Layer._fields if name != "pk"}))
_DROP = Statement(lambda: delete(layer).where(layer.c.pk == bindparam("at_pk")))


def at(tx: Transaction, account: str, region: str, name: str, number: int) -> Layer | None:
    """One version of a layer."""
    row = tx.row(_AT, account=account, region=region, name=name, number=number)
    return None if row is None else Layer._make(row)


def versions(tx: Transaction, account: str, region: str, name: str, *, before: int, most: int) -> list[Layer]:
    """Versions of a layer, the newest first."""
    found = tx.rows(_VERSIONS, account=account, region=region, name=name, before=before, most=most)
    return [Layer._make(row) for row in found]


def newest(tx: Transaction, account: str, region: str, *, after: str, most: int) -> list[Layer]:
    """The newest version of each layer, by name."""
    names = tx.rows(_NAMES, account=account, region=region, after=after, most=most)
    found = [at(tx, account, region, name, number) for name, number in names]
    return [one for one in found if one is not None]


def add(tx: Transaction, values: Mapping[str, Any]) -> Layer:
    """Store the next version of a layer."""
    row = tx.row(_LAST, account=values["account"], region=values["region"], name=values["name"])
    number = 1 if row is None or row[0] is None else int(row[0]) + 1
    tx.run(_ADD, **{f"v_{name}": value for name, value in {**values, "number": number}.items()})
    made = at(tx, values["account"], values["region"], values["name"], number)
    if made is None:
        raise RuntimeError("a layer just made is not there")
    return made


def drop(tx: Transaction, pk: int) -> None:
    """Delete one version."""
    tx.run(_DROP, at_pk=pk)
