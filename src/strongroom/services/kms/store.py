"""The room's tables and every statement that touches them. Key material comes and leaves sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import METADATA

GENERATION = "kms"
"""The kind of generation that every change here raises, in the key's own account."""

key = Table(
    "kms_key",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("deletion_ms", BigInteger),  # when it may be deleted; null unless it is pending
    Column("spec", Text, nullable=False),
    Column("usage", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("manager", Text, nullable=False),  # CUSTOMER or AWS
    Column("policy", Text, nullable=False),
    Column("material_id", Text),  # the one that encrypts; null while there is none
    UniqueConstraint("account", "region", "key_id", name="kms_key_id"),
    sqlite_autoincrement=True,  # jobs name keys by pk, so none may come twice
)
material = Table(
    "kms_material",
    METADATA,
    Column("key_pk", Integer, ForeignKey("kms_key.pk"), primary_key=True, autoincrement=False),
    Column("material_id", Text, primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
alias = Table(
    "kms_alias",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("key_pk", Integer, ForeignKey("kms_key.pk"), nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)
tag = Table(
    "kms_tag",
    METADATA,
    Column("key_pk", Integer, ForeignKey("kms_key.pk"), primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


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


class AliasRow(NamedTuple):
    """One alias as listed."""

    name: str
    key_id: str
    created_ms: int
    updated_ms: int


_COLUMNS = [key.c[name] for name in KeyRow._fields]
_PLACE = (key.c.account == bindparam("account"), key.c.region == bindparam("region"))
_OF_KEY = bindparam("of_key", type_=Integer)
_AT_MOST = bindparam("at_most", type_=Integer)
_ALIAS_NAMED = (
    alias.c.account == bindparam("account"),
    alias.c.region == bindparam("region"),
    alias.c.name == bindparam("name"),
)
_ALIASES = select(alias.c.name, key.c.key_id, alias.c.created_ms, alias.c.updated_ms).join(
    key, key.c.pk == alias.c.key_pk
)

_KEY = Statement(select(*_COLUMNS).where(*_PLACE, key.c.key_id == bindparam("key_id")))
_KEY_BY_PK = Statement(select(*_COLUMNS).where(key.c.pk == _OF_KEY))
_KEYS = Statement(
    select(key.c.key_id)
    .where(*_PLACE, key.c.key_id > bindparam("after"))
    .order_by(key.c.key_id)
    .limit(_AT_MOST)
)
_COUNT_KEYS = Statement(select(func.count()).select_from(key).where(*_PLACE, key.c.manager == "CUSTOMER"))
_ADD_KEY = Statement(
    insert(key)
    .values({name: bindparam(f"v_{name}") for name in KeyRow._fields if name != "pk"})
    .returning(key.c.pk)
)
_CHANGE = {
    name: Statement(update(key).where(key.c.pk == _OF_KEY).values({name: bindparam("value")}))
    for name in ("description", "policy")
}
_CHANGE_STATE = Statement(
    update(key)
    .where(key.c.pk == _OF_KEY)
    .values(state=bindparam("v_state"), deletion_ms=bindparam("v_deletion_ms"))
)
_MATERIALS = Statement(
    select(material.c.material_id, material.c.sealed)
    .where(material.c.key_pk == _OF_KEY)
    .order_by(material.c.created_ms)
)
_ADD_MATERIAL = Statement(
    insert(material).values({column.name: bindparam(f"v_{column.name}") for column in material.columns})
)
_TAGS = Statement(select(tag.c.key, tag.c.value).where(tag.c.key_pk == _OF_KEY).order_by(tag.c.key))
_ADD_TAG = Statement(
    insert(tag).values({column.name: bindparam(f"v_{column.name}") for column in tag.columns})
)
_ALIAS_NAMES = Statement(select(alias.c.name).where(alias.c.key_pk == _OF_KEY).order_by(alias.c.name))
_ALIAS_TARGET = Statement(select(key.c.key_id).join(alias, key.c.pk == alias.c.key_pk).where(*_ALIAS_NAMED))
_PAGE = (alias.c.name > bindparam("after"),)
_ALIASES_HERE = Statement(
    _ALIASES.where(alias.c.account == bindparam("account"), alias.c.region == bindparam("region"), *_PAGE)
    .order_by(alias.c.name)
    .limit(_AT_MOST)
)
_ALIASES_OF_KEY = Statement(
    _ALIASES.where(alias.c.key_pk == _OF_KEY, *_PAGE).order_by(alias.c.name).limit(_AT_MOST)
)
_ADD_ALIAS = Statement(
    insert(alias).values({column.name: bindparam(f"v_{column.name}") for column in alias.columns})
)
_POINT_ALIAS = Statement(
    update(alias)
    .where(*_ALIAS_NAMED)
    .values(key_pk=bindparam("v_key_pk"), updated_ms=bindparam("v_updated_ms"))
)
_DROP_ALIAS = Statement(delete(alias).where(*_ALIAS_NAMED))
_DROP_TAGS = Statement(delete(tag).where(tag.c.key_pk == _OF_KEY))
_DROP_OF_KEY = (
    Statement(delete(material).where(material.c.key_pk == _OF_KEY)),
    _DROP_TAGS,
    Statement(delete(alias).where(alias.c.key_pk == _OF_KEY)),
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


def change_description(tx: Transaction, account: str, pk: int, text: str) -> None:
    """Set a key's description."""
    tx.run(_CHANGE["description"], of_key=pk, value=text)
    tx.raise_generation(account, GENERATION)


def change_policy(tx: Transaction, account: str, pk: int, text: str) -> None:
    """Set a key's policy."""
    tx.run(_CHANGE["policy"], of_key=pk, value=text)
    tx.raise_generation(account, GENERATION)


def change_state(tx: Transaction, account: str, pk: int, state: str, deletion_ms: int | None = None) -> None:
    """Set a key's state, and the moment of its deletion where it is pending."""
    tx.run(_CHANGE_STATE, of_key=pk, v_state=state, v_deletion_ms=deletion_ms)
    tx.raise_generation(account, GENERATION)


def materials(tx: Transaction, pk: int) -> list[tuple[str, bytes]]:
    """Every material of a key as (id, sealed), oldest first."""
    return [(material_id, sealed) for material_id, sealed in tx.rows(_MATERIALS, of_key=pk)]


def add_material(tx: Transaction, pk: int, material_id: str, created_ms: int, sealed: bytes) -> None:
    """Store one material, sealed. The key was stored in the same transaction, which raised the generation."""
    tx.run(_ADD_MATERIAL, v_key_pk=pk, v_material_id=material_id, v_created_ms=created_ms, v_sealed=sealed)


def tags(tx: Transaction, pk: int) -> dict[str, str]:
    """The tags of a key, by key in byte order."""
    return {name: value for name, value in tx.rows(_TAGS, of_key=pk)}  # noqa: C416  rows are any tuples


def write_tags(tx: Transaction, account: str, pk: int, wanted: Mapping[str, str]) -> None:
    """Make these the tags of a key."""
    tx.run(_DROP_TAGS, of_key=pk)
    for name, value in wanted.items():
        tx.run(_ADD_TAG, v_key_pk=pk, v_key=name, v_value=value)
    tx.raise_generation(account, GENERATION)


def alias_names(tx: Transaction, pk: int) -> list[str]:
    """The names of a key's aliases, in order."""
    return [name for (name,) in tx.rows(_ALIAS_NAMES, of_key=pk)]


def alias_target(tx: Transaction, account: str, region: str, name: str) -> str | None:
    """The id of the key that an alias names; None where there is no such alias."""
    row = tx.row(_ALIAS_TARGET, account=account, region=region, name=name)
    return None if row is None else str(row[0])


def aliases(
    tx: Transaction, account: str, region: str, *, of_key: int | None, after: str, limit: int
) -> Sequence[AliasRow]:
    """The next aliases of an account and Region, or of one key, by name."""
    if of_key is not None:
        rows = tx.rows(_ALIASES_OF_KEY, of_key=of_key, after=after, at_most=limit)
    else:
        rows = tx.rows(_ALIASES_HERE, account=account, region=region, after=after, at_most=limit)
    return [AliasRow._make(row) for row in rows]


def add_alias(tx: Transaction, account: str, region: str, name: str, *, key_pk: int, now_ms: int) -> None:
    """Store a new alias."""
    tx.run(
        _ADD_ALIAS,
        v_account=account,
        v_region=region,
        v_name=name,
        v_key_pk=key_pk,
        v_created_ms=now_ms,
        v_updated_ms=now_ms,
    )
    tx.raise_generation(account, GENERATION)


def point_alias(tx: Transaction, account: str, region: str, name: str, *, key_pk: int, now_ms: int) -> None:
    """Let an alias name another key."""
    tx.run(_POINT_ALIAS, account=account, region=region, name=name, v_key_pk=key_pk, v_updated_ms=now_ms)
    tx.raise_generation(account, GENERATION)


def drop_alias(tx: Transaction, account: str, region: str, name: str) -> None:
    """Delete an alias."""
    tx.run(_DROP_ALIAS, account=account, region=region, name=name)
    tx.raise_generation(account, GENERATION)


def drop_key(tx: Transaction, account: str, pk: int) -> None:
    """Delete a key with its material, tags and aliases, for good."""
    for statement in _DROP_OF_KEY:
        tx.run(statement, of_key=pk)
    tx.raise_generation(account, GENERATION)
