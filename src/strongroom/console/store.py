"""The sessions of people at the console, one row each. What a browser holds is not here: only its hash is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, bindparam, delete, insert, select
from sqlalchemy import update as update_

from strongroom.base.classes import dataclass, field
from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.rewrap import sealed_rows
from strongroom.kernel.storage.port import Row, Statement, Transaction
from strongroom.kernel.storage.schema import METADATA

PURPOSE = "console-session"

session = Table(
    "console_session",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("began_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger, nullable=False),
    Column("must_change", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""``id``: SHA-256 of the cookie, in hex. ``sealed``: access key id, session token, the secret of its forms and the role
that it was switched to, under the keyring's purpose ``console-session``, bound to the id. ``must_change``: 0 or 1, that
nothing but a change of the password is open yet. Times are the product's.
"""
Index("console_session_user", session.c.user_id)
Index("console_session_end", session.c.ends_ms)

SEALED = sealed_rows(PURPOSE, session.c.sealed, session.c.id, "", str.encode)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """One session. ``sealed`` is ciphertext; this module cannot open it."""

    id: str
    account: str
    user_id: str
    began: datetime
    seen: datetime
    ends: datetime
    must_change: bool
    sealed: bytes = field(repr=False)


_ONE = Statement(lambda: select(*session.columns).where(session.c.id == bindparam("which")))
_OF_USER = Statement(
    lambda: select(*session.columns).where(session.c.user_id == bindparam("who")).order_by(session.c.began_ms.desc())
)
_INSERT = Statement(lambda: insert(session).values({column.name: bindparam(column.name) for column in session.columns}))
_RESEAL = Statement(
    lambda: update_(session).where(session.c.id == bindparam("which")).values(sealed=bindparam("v_sealed"))
)
_SEEN = Statement(
    lambda: update_(session).where(session.c.id == bindparam("which")).values(seen_ms=bindparam("v_seen"))
)
_DELETE = Statement(lambda: delete(session).where(session.c.id == bindparam("which")))
_DELETE_OF_USER = Statement(lambda: delete(session).where(session.c.user_id == bindparam("who")))
_DELETE_ENDED = Statement(lambda: delete(session).where(session.c.ends_ms <= bindparam("now_ms")))


def find(tx: Transaction, which: str) -> StoredSession | None:
    """The session of this id."""
    row = tx.row(_ONE, which=which)
    return None if row is None else _of_row(row)


def of_user(tx: Transaction, user_id: str) -> Sequence[StoredSession]:
    """All sessions of a user, the newest first."""
    return [_of_row(row) for row in tx.rows(_OF_USER, who=user_id)]


def add(tx: Transaction, one: StoredSession) -> None:
    """Store a new session."""
    tx.run(
        _INSERT,
        id=one.id,
        account=one.account,
        user_id=one.user_id,
        began_ms=to_ms(one.began),
        seen_ms=to_ms(one.seen),
        ends_ms=to_ms(one.ends),
        must_change=int(one.must_change),
        sealed=one.sealed,
    )


def see(tx: Transaction, which: str, now: datetime) -> None:
    """Note that a session was used. Raises no generation: nothing is cached of sessions."""
    tx.run(_SEEN, which=which, v_seen=to_ms(now))


def reseal(tx: Transaction, which: str, sealed: bytes) -> None:
    """Store something else for a session: another role, other forms."""
    tx.run(_RESEAL, which=which, v_sealed=sealed)


def remove(tx: Transaction, which: str) -> None:
    """End a session."""
    tx.run(_DELETE, which=which)


def remove_of_user(tx: Transaction, user_id: str) -> int:
    """End all sessions of a user; how many there were."""
    return tx.run(_DELETE_OF_USER, who=user_id)


def remove_ended(tx: Transaction, now: datetime) -> None:
    """Forget the sessions whose time is over."""
    tx.run(_DELETE_ENDED, now_ms=to_ms(now))


def _of_row(row: Row) -> StoredSession:
    return StoredSession(
        row[0], row[1], row[2], from_ms(row[3]), from_ms(row[4]), from_ms(row[5]), bool(row[6]), bytes(row[7])
    )
