"""Rows of virtual MFA devices. Seeds come and go sealed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, bindparam, delete, func, insert, select, update

from strongroom.base.classes import dataclass, field
from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.storage.port import Row, Statement, Transaction
from strongroom.services.iam.store.tables import mfa_device


@dataclass(frozen=True, slots=True)
class Device:
    """One device, of a user or of nobody yet. ``sealed`` is ciphertext; this module cannot open it."""

    serial: str
    account: str
    name_key: str
    user_id: str | None
    enabled: datetime | None
    drift: int
    last_step: int
    sealed: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """What its tags are kept by."""
        return self.serial

    @property
    def arn(self) -> str:
        """Its ARN, which is the serial number."""
        return self.serial

    @property
    def noun(self) -> str:
        """What operation names call it."""
        return "MFADevice"


_ONE = Statement(lambda: select(*mfa_device.columns).where(mfa_device.c.serial == bindparam("serial")))
_TAKEN = Statement(
    lambda: select(mfa_device.c.serial).where(
        and_(mfa_device.c.account == bindparam("account"), mfa_device.c.name_key == bindparam("name_key"))
    )
)
_OF_USER = Statement(
    lambda: (
        select(*mfa_device.columns).where(mfa_device.c.user_id == bindparam("user_id")).order_by(mfa_device.c.serial)
    )
)
_PAGE = Statement(
    lambda: (
        select(*mfa_device.columns)
        .where(mfa_device.c.account == bindparam("account"), mfa_device.c.serial > bindparam("after"))
        .order_by(mfa_device.c.serial)
        .limit(bindparam("most"))
    )
)
_COUNT = Statement(
    lambda: select(func.count(), func.count(mfa_device.c.user_id)).where(mfa_device.c.account == bindparam("account"))
)
_INSERT = Statement(
    lambda: insert(mfa_device).values({column.name: bindparam(column.name) for column in mfa_device.columns})
)
_ASSIGN = Statement(
    lambda: (
        update(mfa_device)
        .where(mfa_device.c.serial == bindparam("which"))
        .values(
            user_id=bindparam("user_id"),
            enabled_ms=bindparam("enabled_ms"),
            drift=bindparam("drift"),
            last_step=bindparam("last_step"),
        )
    )
)
_USE = Statement(
    lambda: (
        update(mfa_device)
        .where(mfa_device.c.serial == bindparam("which"), mfa_device.c.last_step < bindparam("step"))
        .values(last_step=bindparam("step"), drift=bindparam("drift"))
    )
)
_DELETE = Statement(lambda: delete(mfa_device).where(mfa_device.c.serial == bindparam("which")))


def _device(row: Row) -> Device:
    enabled = None if row[4] is None else from_ms(row[4])
    return Device(row[0], row[1], row[2], row[3], enabled, row[5], row[6], bytes(row[7]))


def find(tx: Transaction, serial: str) -> Device | None:
    """The device of exactly this serial number."""
    row = tx.row(_ONE, serial=serial)
    return None if row is None else _device(row)


def is_taken(tx: Transaction, account: str, name_key: str) -> bool:
    """Whether an account has a device of this folded name."""
    return tx.row(_TAKEN, account=account, name_key=name_key) is not None


def of_user(tx: Transaction, user_id: str) -> list[Device]:
    """The devices of a user. At most eight."""
    return [_device(row) for row in tx.rows(_OF_USER, user_id=user_id)]


def page(tx: Transaction, account: str, *, after: str, most: int) -> list[Device]:
    """At most ``most`` devices of an account behind the serial number ``after``."""
    return [_device(row) for row in tx.rows(_PAGE, account=account, after=after, most=most)]


def count(tx: Transaction, account: str) -> tuple[int, int]:
    """How many devices an account has, and how many of them are somebody's."""
    row = tx.row(_COUNT, account=account)
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def add(tx: Transaction, one: Device) -> None:
    """Store a new device that is nobody's yet."""
    tx.run(
        _INSERT,
        serial=one.serial,
        account=one.account,
        name_key=one.name_key,
        user_id=None,
        enabled_ms=None,
        drift=one.drift,
        last_step=one.last_step,
        sealed=one.sealed,
    )


def assign(tx: Transaction, one: Device, user_id: str | None, enabled: datetime | None, drift: int, step: int) -> None:
    """Give a device to a user, or take it away, with how it runs and which step was used."""
    enabled_ms = None if enabled is None else to_ms(enabled)
    tx.run(_ASSIGN, which=one.serial, user_id=user_id, enabled_ms=enabled_ms, drift=drift, last_step=step)


def use(tx: Transaction, one: Device, step: int, drift: int) -> bool:
    """Note that the code of a step was used; False where it or a later one was used before."""
    return tx.run(_USE, which=one.serial, step=step, drift=drift) == 1


def remove(tx: Transaction, one: Device) -> None:
    """Delete a device."""
    tx.run(_DELETE, which=one.serial)
