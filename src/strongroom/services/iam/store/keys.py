"""Rows of access keys and of when they were last used. Secrets come and go sealed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from strongroom.base.classes import dataclass, field
from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.storage.port import Row, Statement, Transaction
from strongroom.services.iam.store.tables import access_key, access_key_use

ACTIVE = "Active"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One long-term key. ``sealed`` is ciphertext; this module cannot open it."""

    id: str
    account: str
    user_id: str
    status: str
    created: datetime
    sealed: bytes = field(repr=False)

    @property
    def active(self) -> bool:
        """Whether it may sign. Source: API reference, UpdateAccessKey: Active, Inactive (and Expired)."""
        return self.status == ACTIVE


@dataclass(frozen=True, slots=True)
class Use:
    """When, with which service and where something was last used."""

    used: datetime
    service: str
    region: str


_COLUMNS = tuple(access_key.columns)
_ONE = Statement(lambda: select(*_COLUMNS).where(access_key.c.id == bindparam("id")))
_OF_USER = Statement(
    lambda: (
        select(*_COLUMNS)
        .where(access_key.c.user_id == bindparam("user_id"))
        .order_by(access_key.c.created_ms, access_key.c.id)
    )
)
_INSERT = Statement(lambda: insert(access_key).values({column.name: bindparam(column.name) for column in _COLUMNS}))
_SET_STATUS = Statement(
    lambda: update(access_key).where(access_key.c.id == bindparam("which")).values(status=bindparam("status"))
)
_DELETE = Statement(lambda: delete(access_key).where(access_key.c.id == bindparam("which")))
_USE = Statement(
    lambda: select(access_key_use.c.used_ms, access_key_use.c.service, access_key_use.c.region).where(
        access_key_use.c.id == bindparam("id")
    )
)
_INSERT_USE = Statement(
    lambda: insert(access_key_use).values({column.name: bindparam(column.name) for column in access_key_use.columns})
)
_DELETE_USE = Statement(lambda: delete(access_key_use).where(access_key_use.c.id == bindparam("which")))


def _key(row: Row) -> AccessKey:
    return AccessKey(row[0], row[1], row[2], row[3], from_ms(row[4]), row[5])


def find(tx: Transaction, access_key_id: str) -> AccessKey | None:
    """The key of this id."""
    row = tx.row(_ONE, id=access_key_id)
    return None if row is None else _key(row)


def of_user(tx: Transaction, user_id: str) -> list[AccessKey]:
    """A user's keys, oldest first."""
    return [_key(row) for row in tx.rows(_OF_USER, user_id=user_id)]


def add(tx: Transaction, key: AccessKey) -> None:
    """Store a new key."""
    tx.run(
        _INSERT,
        id=key.id,
        account=key.account,
        user_id=key.user_id,
        status=key.status,
        created_ms=to_ms(key.created),
        sealed=key.sealed,
    )


def set_status(tx: Transaction, access_key_id: str, status: str) -> None:
    """Make a key active or inactive."""
    tx.run(_SET_STATUS, which=access_key_id, status=status)


def remove(tx: Transaction, access_key_id: str) -> None:
    """Delete a key and its last use."""
    tx.run(_DELETE, which=access_key_id)
    forget_use(tx, access_key_id)


def use_of(tx: Transaction, used_id: str) -> Use | None:
    """The last use of a key (by its id) or of a role (by its unique id), where there was one."""
    row = tx.row(_USE, id=used_id)
    return None if row is None else Use(from_ms(row[0]), row[1], row[2])


def note_use(tx: Transaction, used_id: str, use: Use) -> None:
    """Replace the last use. Delete and insert: two statements that both engines know."""
    tx.run(_DELETE_USE, which=used_id)
    tx.run(_INSERT_USE, id=used_id, used_ms=to_ms(use.used), service=use.service, region=use.region)


def forget_use(tx: Transaction, used_id: str) -> None:
    """Delete the last use of what is deleted itself."""
    tx.run(_DELETE_USE, which=used_id)
