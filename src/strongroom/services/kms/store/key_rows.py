"""Keys: statements and rows."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Integer, bindparam, delete, func, insert, select, update

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.kms.store.tables import GENERATION, GRANTS, alias, grant, key, material, tag


class KeyRow(NamedTuple):
    """One key as stored, columns in order."""

    pk: int
    account: str
    region: str
    key_id: str
    created_ms: int
    description: str
    state: str
    deletion_ms: int | None
    spec: str
    usage: str
    origin: str
    manager: str
    policy: str
    material_id: str | None
    multi_region: str | None = None
    window_days: int | None = None
    rotation_days: int | None = None
    rotation_ms: int | None = None
    on_demand: int = 0


_COLUMNS = [key.c[name] for name in KeyRow._fields]
_PLACE = (key.c.account == bindparam("account"), key.c.region == bindparam("region"))
_OF_KEY = bindparam("of_key", type_=Integer)
_AT_MOST = bindparam("at_most", type_=Integer)
_KEY = Statement(lambda: select(*_COLUMNS).where(*_PLACE, key.c.key_id == bindparam("key_id")))
_KEY_BY_PK = Statement(lambda: select(*_COLUMNS).where(key.c.pk == _OF_KEY))
_RELATED = Statement(
    lambda: (
        select(*_COLUMNS)
        .where(key.c.account == bindparam("account"), key.c.key_id == bindparam("key_id"))
        .order_by(key.c.region)
    )
)
_KEYS = Statement(
    lambda: (
        select(key.c.key_id).where(*_PLACE, key.c.key_id > bindparam("after")).order_by(key.c.key_id).limit(_AT_MOST)
    )
)
_COUNT_KEYS = Statement(lambda: select(func.count()).select_from(key).where(*_PLACE, key.c.manager == "CUSTOMER"))
_ADD_KEY = Statement(
    lambda: (
        insert(key)
        .values({name: bindparam(f"v_{name}") for name in KeyRow._fields if name != "pk"})
        .returning(key.c.pk)
    )
)
_DROP_OF_KEY = (
    Statement(delete(material).where(material.c.key_pk == _OF_KEY)),
    Statement(delete(tag).where(tag.c.key_pk == _OF_KEY)),
    Statement(delete(alias).where(alias.c.key_pk == _OF_KEY)),
    Statement(delete(grant).where(grant.c.key_pk == _OF_KEY)),
    Statement(delete(key).where(key.c.pk == _OF_KEY)),
)


def key_row(tx: Transaction, account: str, region: str, key_id: str) -> KeyRow | None:
    """One key by its name."""
    row = tx.row(_KEY, account=account, region=region, key_id=key_id)
    return None if row is None else KeyRow._make(row)


def key_row_by_pk(tx: Transaction, pk: int) -> KeyRow | None:
    """One key by its number, for jobs."""
    row = tx.row(_KEY_BY_PK, of_key=pk)
    return None if row is None else KeyRow._make(row)


def key_ids(tx: Transaction, account: str, region: str, *, after: str, limit: int) -> list[str]:
    """The next key ids of an account and Region, in order."""
    rows = tx.rows(_KEYS, account=account, region=region, after=after, at_most=limit)
    return [key_id for (key_id,) in rows]


def count_customer_keys(tx: Transaction, account: str, region: str) -> int:
    """How many keys count against the quota."""
    row = tx.row(_COUNT_KEYS, account=account, region=region)
    return 0 if row is None else int(row[0])


def add_key(tx: Transaction, new: KeyRow) -> int:
    """Store a key (``pk`` is ignored) and answer its number."""
    values = {f"v_{name}": value for name, value in new._asdict().items() if name != "pk"}
    row = tx.row(_ADD_KEY, **values)
    if row is None:
        raise RuntimeError("an inserted key has no number")
    tx.raise_generation(new.account, GENERATION)
    return int(row[0])


def related_keys(tx: Transaction, account: str, key_id: str) -> list[KeyRow]:
    """All keys of one id in an account, by Region: a multi-Region key and its replicas."""
    return [KeyRow._make(row) for row in tx.rows(_RELATED, account=account, key_id=key_id)]


def change_key(tx: Transaction, account: str, pk: int, **values: str | int | None) -> None:
    """Set some columns of a key."""
    bound = {f"v_{name}": value for name, value in values.items()}
    tx.run(_changing(tuple(values)), of_key=pk, **bound)
    tx.raise_generation(account, GENERATION)


@lru_cache(maxsize=64)
def _changing(names: tuple[str, ...]) -> Statement:
    """The names are words in our code: few, and never input."""
    wanted = {name: bindparam(f"v_{name}", type_=key.c[name].type) for name in names}
    return Statement(update(key).where(key.c.pk == _OF_KEY).values(wanted))


def drop_key(tx: Transaction, account: str, pk: int) -> None:
    """Delete a key with its material, tags, aliases and grants, for good."""
    for statement in _DROP_OF_KEY:
        tx.run(statement, of_key=pk)
    tx.raise_generation(account, GENERATION)
    tx.raise_generation(account, GRANTS)
