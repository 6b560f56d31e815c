"""Rows of tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import bindparam, delete, insert, select

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.iam.rules.names import folded
from strongroom.services.iam.store.tables import tag

_OF = Statement(
    lambda: select(tag.c.key, tag.c.value).where(tag.c.holder == bindparam("holder")).order_by(tag.c.key_folded)
)
_INSERT = Statement(lambda: insert(tag).values({column.name: bindparam(column.name) for column in tag.columns}))
_DELETE = Statement(
    lambda: delete(tag).where(tag.c.holder == bindparam("which"), tag.c.key_folded == bindparam("folded"))
)
_DELETE_ALL = Statement(lambda: delete(tag).where(tag.c.holder == bindparam("which")))


def of(tx: Transaction, holder: str) -> dict[str, str]:
    """The tags of one entity, by key. At most fifty."""
    return {row[0]: row[1] for row in tx.rows(_OF, holder=holder)}


def put(tx: Transaction, holder: str, tags: Mapping[str, str]) -> None:
    """Add tags; one with the same key (in whatever case) is replaced, spelling included."""
    for key, value in tags.items():
        tx.run(_DELETE, which=holder, folded=folded(key))
        tx.run(_INSERT, holder=holder, key_folded=folded(key), key=key, value=value)


def remove(tx: Transaction, holder: str, keys: Iterable[str]) -> None:
    """Take tags off; keys that are not there do not matter."""
    for key in keys:
        tx.run(_DELETE, which=holder, folded=folded(key))


def remove_all(tx: Transaction, holder: str) -> None:
    """Take off every tag of what is deleted."""
    tx.run(_DELETE_ALL, which=holder)
