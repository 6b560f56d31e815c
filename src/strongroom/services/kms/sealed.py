"""Key material as it lies under the root key, for the rotation of the root key."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, func, or_, select, update

from strongroom.kernel.registry import Place, SealedRow, SealedRows
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.kms.material import PURPOSE, bound
from strongroom.services.kms.rules.identifiers import KeyName
from strongroom.services.kms.store.tables import key, material

_PAGE = Statement(
    lambda: (
        select(material.c.key_pk, material.c.material_id, material.c.sealed, key.c.account, key.c.region, key.c.key_id)
        .join(key, key.c.pk == material.c.key_pk)
        .where(
            or_(
                material.c.key_pk > bindparam("after_pk"),
                and_(material.c.key_pk == bindparam("after_pk"), material.c.material_id > bindparam("after_id")),
            )
        )
        .order_by(material.c.key_pk, material.c.material_id)
        .limit(bindparam("most"))
    )
)
_COUNT = Statement(lambda: select(func.count()).select_from(material))
_REPLACE = Statement(
    lambda: (
        update(material)
        .where(material.c.key_pk == bindparam("of_key"), material.c.material_id == bindparam("of_id"))
        .values(sealed=bindparam("v_sealed"))
    )
)


def _page(tx: Transaction, after: Place | None, limit: int) -> list[SealedRow]:
    after_pk, after_id = (-1, "") if after is None else after
    rows = tx.rows(_PAGE, after_pk=after_pk, after_id=after_id, most=limit)
    return [
        SealedRow((pk, material_id), bytes(sealed), bound(KeyName(account, region, key_id), material_id))
        for pk, material_id, sealed, account, region, key_id in rows
    ]


def _count(tx: Transaction) -> int:
    row = tx.row(_COUNT)
    return 0 if row is None else int(row[0])


def _replace(tx: Transaction, place: Place, sealed: bytes) -> None:
    tx.run(_REPLACE, of_key=place[0], of_id=place[1], v_sealed=sealed)


MATERIAL = SealedRows(f"{material}.sealed", PURPOSE, _page, _count, _replace)
"""Every version of every key's material."""
