"""Rows of users, groups, roles and managed policies, as far as they are alike."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, delete, func, insert, select, update

from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.storage.port import Row, Statement, Transaction
from strongroom.services.iam.rules.names import KINDS, Entity, Kind, folded
from strongroom.services.iam.store.tables import entity

_COLUMNS = (
    entity.c.id,
    entity.c.account,
    entity.c.kind,
    entity.c.name,
    entity.c.path,
    entity.c.created_ms,
    entity.c.boundary,
    entity.c.description,
)
WIDTH = len(_COLUMNS)
"""How many columns of a joined row make up the entity."""

_NAMED = and_(entity.c.account == bindparam("account"), entity.c.kind == bindparam("kind"))
_BY_NAME = Statement(lambda: select(*_COLUMNS).where(_NAMED, entity.c.name_key == bindparam("name_key")))
_BY_ID = Statement(lambda: select(*_COLUMNS).where(entity.c.id == bindparam("id")))
_PAGE = Statement(
    lambda: (
        select(*_COLUMNS)
        .where(
            _NAMED,
            entity.c.name_key > bindparam("after"),
            func.substr(entity.c.path, 1, bindparam("prefix_length")) == bindparam("prefix"),
        )
        .order_by(entity.c.name_key)
        .limit(bindparam("most"))
    )
)
_COUNT = Statement(lambda: select(func.count()).select_from(entity).where(_NAMED))
_INSERT = Statement(lambda: insert(entity).values({column.name: bindparam(column.name) for column in entity.columns}))
_RENAME = Statement(
    lambda: (
        update(entity)
        .where(entity.c.id == bindparam("which"))
        .values(name=bindparam("name"), name_key=bindparam("name_key"), path=bindparam("path"))
    )
)
_SET_BOUNDARY = Statement(
    lambda: update(entity).where(entity.c.id == bindparam("which")).values(boundary=bindparam("boundary"))
)
_SET_DESCRIPTION = Statement(
    lambda: update(entity).where(entity.c.id == bindparam("which")).values(description=bindparam("description"))
)
_DELETE = Statement(lambda: delete(entity).where(entity.c.id == bindparam("which")))
_COUNT_BOUNDARY = Statement(
    lambda: (
        select(func.count())
        .select_from(entity)
        .where(entity.c.account == bindparam("account"), entity.c.boundary == bindparam("boundary"))
    )
)
_BOUNDED = Statement(
    lambda: (
        select(*_COLUMNS)
        .where(entity.c.account == bindparam("account"), entity.c.boundary == bindparam("boundary"))
        .order_by(entity.c.kind, entity.c.name_key)
    )
)


def columns() -> tuple[object, ...]:
    """The columns that ``of_row`` reads, for joins in other files of this store."""
    return _COLUMNS


def of_row(row: Row) -> Entity:
    """The entity in the first ``WIDTH`` columns of a row."""
    return Entity(row[0], row[1], KINDS[row[2]], row[3], row[4], from_ms(row[5]), row[6], row[7])


def find(tx: Transaction, account: str, kind: Kind, name: str) -> Entity | None:
    """The entity of this name, in whatever case the name is written."""
    row = tx.row(_BY_NAME, account=account, kind=kind.word, name_key=folded(name))
    return None if row is None else of_row(row)


def by_id(tx: Transaction, unique_id: str) -> Entity | None:
    """The entity of this unique id."""
    row = tx.row(_BY_ID, id=unique_id)
    return None if row is None else of_row(row)


def page(tx: Transaction, account: str, kind: Kind, *, prefix: str, after: str, most: int) -> list[Entity]:
    """At most ``most`` entities under a path prefix, by name, behind the folded name ``after``."""
    rows = tx.rows(
        _PAGE,
        account=account,
        kind=kind.word,
        prefix=prefix,
        prefix_length=len(prefix),
        after=after,
        most=most,
    )
    return [of_row(row) for row in rows]


def count(tx: Transaction, account: str, kind: Kind) -> int:
    """How many of one kind an account has."""
    row = tx.row(_COUNT, account=account, kind=kind.word)
    return 0 if row is None else int(row[0])


def add(tx: Transaction, one: Entity) -> None:
    """Store a new entity. The caller has looked whether its name is free."""
    tx.run(
        _INSERT,
        id=one.id,
        account=one.account,
        kind=one.kind.word,
        name=one.name,
        name_key=folded(one.name),
        path=one.path,
        created_ms=to_ms(one.created),
        boundary=one.boundary,
        description=one.description,
    )


def rename(tx: Transaction, one: Entity, name: str, path: str) -> None:
    """Give an entity another name and path; its unique id stays."""
    tx.run(_RENAME, which=one.id, name=name, name_key=folded(name), path=path)


def set_boundary(tx: Transaction, one: Entity, boundary: str | None) -> None:
    """Set or take off the permissions boundary."""
    tx.run(_SET_BOUNDARY, which=one.id, boundary=boundary)


def set_description(tx: Transaction, one: Entity, description: str) -> None:
    """Replace the description."""
    tx.run(_SET_DESCRIPTION, which=one.id, description=description)


def remove(tx: Transaction, one: Entity) -> None:
    """Delete the entity itself. What hangs on it must be gone already."""
    tx.run(_DELETE, which=one.id)


def count_bounded(tx: Transaction, account: str, policy_arn: str) -> int:
    """How many entities of an account have this policy as their boundary."""
    row = tx.row(_COUNT_BOUNDARY, account=account, boundary=policy_arn)
    return 0 if row is None else int(row[0])


def bounded(tx: Transaction, account: str, policy_arn: str) -> list[Entity]:
    """Who has this policy as boundary, by kind and name."""
    return [of_row(row) for row in tx.rows(_BOUNDED, account=account, boundary=policy_arn)]
