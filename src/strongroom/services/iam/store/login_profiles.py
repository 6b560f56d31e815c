"""Rows of login profiles. Passwords come and go stretched and sealed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from strongroom.base.classes import dataclass, field
from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.iam.store.tables import login_profile


@dataclass(frozen=True, slots=True)
class LoginProfile:
    """A user's password. ``sealed`` is ciphertext; this module cannot open it."""

    user_id: str
    created: datetime
    changed: datetime
    reset_required: bool
    used: datetime | None
    sealed: bytes = field(repr=False)


_ONE = Statement(lambda: select(*login_profile.columns).where(login_profile.c.user_id == bindparam("which")))
_INSERT = Statement(
    lambda: insert(login_profile).values({column.name: bindparam(column.name) for column in login_profile.columns})
)
_USE = Statement(
    lambda: (
        update(login_profile)
        .where(login_profile.c.user_id == bindparam("which"))
        .values(used_ms=bindparam("v_used_ms"))
    )
)
_DELETE = Statement(lambda: delete(login_profile).where(login_profile.c.user_id == bindparam("which")))


def of_user(tx: Transaction, user_id: str) -> LoginProfile | None:
    """The login profile of a user, where there is one."""
    row = tx.row(_ONE, which=user_id)
    if row is None:
        return None
    return LoginProfile(row[0], from_ms(row[1]), from_ms(row[2]), bool(row[3]), _moment(row[4]), bytes(row[5]))


def put(tx: Transaction, one: LoginProfile) -> None:
    """Store a login profile in the place of the one there."""
    tx.run(_DELETE, which=one.user_id)
    tx.run(
        _INSERT,
        user_id=one.user_id,
        created_ms=to_ms(one.created),
        changed_ms=to_ms(one.changed),
        reset_required=int(one.reset_required),
        used_ms=None if one.used is None else to_ms(one.used),
        sealed=one.sealed,
    )


def use(tx: Transaction, user_id: str, now: datetime) -> None:
    """Note that somebody signed in with it. Raises no generation: sessions hang on when it was changed."""
    tx.run(_USE, which=user_id, v_used_ms=to_ms(now))


def remove(tx: Transaction, user_id: str) -> int:
    """Delete a login profile; answers 0 where there was none."""
    return tx.run(_DELETE, which=user_id)


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)
