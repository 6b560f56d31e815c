"""Aliases and tags: statements and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Integer, bindparam, delete, insert, select, update

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.kms.store.tables import GENERATION, alias, key, tag


class AliasRow(NamedTuple):
    """One alias as listed."""

    name: str
    key_id: str
    created_ms: int
    updated_ms: int


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


_TAGS = Statement(lambda: select(tag.c.key, tag.c.value).where(tag.c.key_pk == _OF_KEY).order_by(tag.c.key))
_ADD_TAG = Statement(lambda: insert(tag).values({column.name: bindparam(f"v_{column.name}") for column in tag.columns}))
_ALIAS_NAMES = Statement(lambda: select(alias.c.name).where(alias.c.key_pk == _OF_KEY).order_by(alias.c.name))
_ALIAS_TARGET = Statement(lambda: select(key.c.key_id).join(alias, key.c.pk == alias.c.key_pk).where(*_ALIAS_NAMED))
_PAGE = (alias.c.name > bindparam("after"),)
_ALIASES_HERE = Statement(
    _ALIASES.where(alias.c.account == bindparam("account"), alias.c.region == bindparam("region"), *_PAGE)
    .order_by(alias.c.name)
    .limit(_AT_MOST)
)
_ALIASES_OF_KEY = Statement(_ALIASES.where(alias.c.key_pk == _OF_KEY, *_PAGE).order_by(alias.c.name).limit(_AT_MOST))
_ADD_ALIAS = Statement(
    lambda: insert(alias).values({column.name: bindparam(f"v_{column.name}") for column in alias.columns})
)
_POINT_ALIAS = Statement(
    lambda: (
        update(alias).where(*_ALIAS_NAMED).values(key_pk=bindparam("v_key_pk"), updated_ms=bindparam("v_updated_ms"))
    )
)
_DROP_ALIAS = Statement(lambda: delete(alias).where(*_ALIAS_NAMED))
_DROP_TAGS = Statement(lambda: delete(tag).where(tag.c.key_pk == _OF_KEY))


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
