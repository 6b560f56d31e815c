"""Rows of customer managed policies and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, delete, func, insert, select, update

from strongroom.base.classes import dataclass
from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.storage.port import Row, Statement, Transaction
from strongroom.services.iam.rules.names import POLICY, Entity, EntityName, folded
from strongroom.services.iam.store import entities
from strongroom.services.iam.store.tables import entity, policy, policy_version


@dataclass(frozen=True, slots=True)
class Policy:
    """One customer managed policy. Versions are numbers here and ``v1`` on the wire."""

    entity: Entity
    updated: datetime
    default_version: int
    last_version: int


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a managed policy."""

    number: int
    document: str
    created: datetime


_COLUMNS = (*entities.columns(), policy.c.updated_ms, policy.c.default_version, policy.c.last_version)
_JOINED = select(*_COLUMNS).join(policy, policy.c.id == entity.c.id)  # type: ignore[call-overload]
_OF_ACCOUNT = and_(entity.c.account == bindparam("account"), entity.c.kind == POLICY.word)
_BY_NAME = Statement(_JOINED.where(_OF_ACCOUNT, entity.c.name_key == bindparam("name_key")))
_PAGE = Statement(
    _JOINED.where(
        _OF_ACCOUNT,
        entity.c.name_key > bindparam("after"),
        func.substr(entity.c.path, 1, bindparam("prefix_length")) == bindparam("prefix"),
    )
    .order_by(entity.c.name_key)
    .limit(bindparam("most"))
)
_VERSION_COLUMNS = (policy_version.c.number, policy_version.c.document, policy_version.c.created_ms)
_DEFAULT_DOCUMENT = Statement(
    lambda: (
        select(entity.c.path, entity.c.name, policy_version.c.document)
        .join(policy, policy.c.id == entity.c.id)
        .join(
            policy_version,
            and_(policy_version.c.policy_id == policy.c.id, policy_version.c.number == policy.c.default_version),
        )
        .where(_OF_ACCOUNT, entity.c.name_key == bindparam("name_key"))
    )
)
_DEFAULT_DOCUMENTS = Statement(
    lambda: (
        select(entity.c.path, entity.c.name, policy_version.c.document)
        .join(policy, policy.c.id == entity.c.id)
        .join(
            policy_version,
            and_(policy_version.c.policy_id == policy.c.id, policy_version.c.number == policy.c.default_version),
        )
        .where(_OF_ACCOUNT, entity.c.name_key.in_(bindparam("name_keys", expanding=True)))
    )
)
_COUNT_VERSIONS = Statement(
    lambda: (
        select(func.count())
        .select_from(policy_version.join(entity, entity.c.id == policy_version.c.policy_id))
        .where(entity.c.account == bindparam("account"))
    )
)
_VERSIONS = Statement(
    lambda: (
        select(*_VERSION_COLUMNS)
        .where(policy_version.c.policy_id == bindparam("which"))
        .order_by(policy_version.c.number.desc())
    )
)
_INSERT = Statement(lambda: insert(policy).values({column.name: bindparam(column.name) for column in policy.columns}))
_INSERT_VERSION = Statement(
    lambda: insert(policy_version).values({column.name: bindparam(column.name) for column in policy_version.columns})
)
_UPDATE = Statement(
    lambda: (
        update(policy)
        .where(policy.c.id == bindparam("which"))
        .values(
            updated_ms=bindparam("updated_ms"),
            default_version=bindparam("default_version"),
            last_version=bindparam("last_version"),
        )
    )
)
_DELETE_VERSION = Statement(
    lambda: delete(policy_version).where(
        policy_version.c.policy_id == bindparam("which"), policy_version.c.number == bindparam("which_number")
    )
)
_DELETE = Statement(lambda: delete(policy).where(policy.c.id == bindparam("which")))


def _policy(row: Row) -> Policy:
    wide = entities.WIDTH
    return Policy(entities.of_row(row), from_ms(row[wide]), row[wide + 1], row[wide + 2])


def find(tx: Transaction, account: str, name: str) -> Policy | None:
    """An account's own managed policy of this name, in whatever case."""
    row = tx.row(_BY_NAME, account=account, name_key=folded(name))
    return None if row is None else _policy(row)


def page(tx: Transaction, account: str, *, prefix: str, after: str, most: int) -> list[Policy]:
    """At most ``most`` policies under a path prefix, by name, behind the folded name ``after``."""
    rows = tx.rows(_PAGE, account=account, prefix=prefix, prefix_length=len(prefix), after=after, most=most)
    return [_policy(row) for row in rows]


def default_document(tx: Transaction, named: EntityName) -> str | None:
    """The document that is in force for exactly this name and path; None where there is no such policy."""
    row = tx.row(_DEFAULT_DOCUMENT, account=named.account, name_key=folded(named.name))
    return row[2] if row is not None and (row[0], row[1]) == (named.path, named.name) else None


def default_documents(tx: Transaction, named: Sequence[EntityName]) -> dict[tuple[str, str], str]:
    """The documents in force of policies of one account, by path and name; what is not there is left out."""
    if not named:
        return {}
    keys = [folded(one.name) for one in named]
    rows = tx.rows(_DEFAULT_DOCUMENTS, account=named[0].account, name_keys=keys)
    return {(path, name): document for path, name, document in rows}


def versions_of(tx: Transaction, policy_id: str) -> list[Version]:
    """The versions of a policy, newest first. At most five."""
    return [Version(row[0], row[1], from_ms(row[2])) for row in tx.rows(_VERSIONS, which=policy_id)]


def add(tx: Transaction, one: Policy, document: str) -> None:
    """Store a new policy with its first version."""
    entities.add(tx, one.entity)
    tx.run(
        _INSERT,
        id=one.entity.id,
        updated_ms=to_ms(one.updated),
        default_version=one.default_version,
        last_version=one.last_version,
    )
    add_version(tx, one.entity.id, Version(one.default_version, document, one.entity.created))


def add_version(tx: Transaction, policy_id: str, version: Version) -> None:
    """Store one more version."""
    tx.run(
        _INSERT_VERSION,
        policy_id=policy_id,
        number=version.number,
        document=version.document,
        created_ms=to_ms(version.created),
    )


def save(tx: Transaction, one: Policy) -> None:
    """Store which version is the default and which number was given last."""
    tx.run(
        _UPDATE,
        which=one.entity.id,
        updated_ms=to_ms(one.updated),
        default_version=one.default_version,
        last_version=one.last_version,
    )


def remove_version(tx: Transaction, policy_id: str, number: int) -> None:
    """Delete one version."""
    tx.run(_DELETE_VERSION, which=policy_id, which_number=number)


def remove(tx: Transaction, one: Policy) -> None:
    """Delete a policy with its versions. Its tags must be gone already."""
    for version in versions_of(tx, one.entity.id):
        remove_version(tx, one.entity.id, version.number)
    tx.run(_DELETE, which=one.entity.id)
    entities.remove(tx, one.entity)


def count_versions(tx: Transaction, account: str) -> int:
    """How many versions all policies of an account have together."""
    row = tx.row(_COUNT_VERSIONS, account=account)
    return 0 if row is None else int(row[0])
