"""Key material: statements and rows. It is sealed before it comes here, and leaves so."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Integer, bindparam, insert, select, update

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.kms.store.tables import GENERATION, material

CURRENT, NON_CURRENT, PENDING_ROTATION = "CURRENT", "NON_CURRENT", "PENDING_ROTATION"
"""States of material, as ListKeyRotations names them."""


class MaterialRow(NamedTuple):
    """One version of a key's material as stored, columns in order."""

    key_pk: int
    material_id: str
    created_ms: int
    sealed: bytes
    place: int = 0
    state: str = CURRENT
    held: int = 1
    rotated_ms: int | None = None
    rotation: str | None = None
    valid_to_ms: int | None = None
    description: str | None = None


_COLUMNS = [material.c[name] for name in MaterialRow._fields]
_OF_KEY = bindparam("of_key", type_=Integer)
_OF_MATERIAL = material.c.material_id == bindparam("of_material")
_ROWS = Statement(lambda: select(*_COLUMNS).where(material.c.key_pk == _OF_KEY).order_by(material.c.place))
_ROW = Statement(lambda: select(*_COLUMNS).where(material.c.key_pk == _OF_KEY, _OF_MATERIAL))
_ADD = Statement(lambda: insert(material).values({name: bindparam(f"v_{name}") for name in MaterialRow._fields}))


def material_rows(tx: Transaction, pk: int) -> list[MaterialRow]:
    """Every material that a key ever had, oldest first."""
    return [MaterialRow._make(row) for row in tx.rows(_ROWS, of_key=pk)]


def material_row(tx: Transaction, pk: int, material_id: str) -> MaterialRow | None:
    """One material of a key."""
    row = tx.row(_ROW, of_key=pk, of_material=material_id)
    return None if row is None else MaterialRow._make(row)


def materials(tx: Transaction, pk: int) -> list[tuple[str, bytes]]:
    """The materials of a key that are held, as (id, sealed), oldest first."""
    return [(one.material_id, one.sealed) for one in material_rows(tx, pk) if one.held]


def add_material(tx: Transaction, account: str, new: MaterialRow) -> None:
    """Store one material, sealed."""
    tx.run(_ADD, **{f"v_{name}": value for name, value in new._asdict().items()})
    tx.raise_generation(account, GENERATION)


def change_material(
    tx: Transaction, account: str, pk: int, material_id: str, **values: str | bytes | int | None
) -> None:
    """Set some columns of one material."""
    bound = {f"v_{name}": value for name, value in values.items()}
    tx.run(_changing(tuple(values)), of_key=pk, of_material=material_id, **bound)
    tx.raise_generation(account, GENERATION)


@lru_cache(maxsize=64)
def _changing(names: tuple[str, ...]) -> Statement:
    """The names are words in our code: few, and never input."""
    wanted = {name: bindparam(f"v_{name}", type_=material.c[name].type) for name in names}
    return Statement(update(material).where(material.c.key_pk == _OF_KEY, _OF_MATERIAL).values(wanted))
