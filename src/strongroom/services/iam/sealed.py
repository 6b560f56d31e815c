"""Access keys' secrets, seeds of MFA devices and passwords' hashes as they lie under the root key, for its rotation."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Column, Table, bindparam, func, select, update

from strongroom.kernel.registry import Place, SealedRow, SealedRows
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.iam import mfa, passwords, secrets
from strongroom.services.iam.store.tables import access_key, login_profile, mfa_device


def _rows(purpose: str, table: Table, named: Column[str], told: Column[str], bound: Callable[[str, str], bytes]
          ) -> SealedRows:  # fmt: skip
    """The rows of one table: ``named`` is their primary key, ``told`` what ``bound`` needs besides."""
    page = Statement(
        select(named, told, table.c.sealed).where(named > bindparam("after")).order_by(named).limit(bindparam("most"))
    )
    count = Statement(select(func.count()).select_from(table))
    change = Statement(update(table).where(named == bindparam("which")).values(sealed=bindparam("v_sealed")))

    def pages(tx: Transaction, after: Place | None, limit: int) -> list[SealedRow]:
        rows = tx.rows(page, after="" if after is None else after[0], most=limit)
        return [SealedRow((name,), bytes(sealed), bound(name, other)) for name, other, sealed in rows]

    def counted(tx: Transaction) -> int:
        row = tx.row(count)
        return 0 if row is None else int(row[0])

    def replace(tx: Transaction, place: Place, sealed: bytes) -> None:
        tx.run(change, which=place[0], v_sealed=sealed)

    return SealedRows(purpose, table.name, purpose, pages, counted, replace)


ACCESS_KEYS = _rows(secrets.PURPOSE, access_key, access_key.c.id, access_key.c.user_id, secrets.bound_to)
MFA_SEEDS = _rows(mfa.PURPOSE, mfa_device, mfa_device.c.serial, mfa_device.c.serial, lambda serial, _: serial.encode())
PASSWORDS = _rows(
    passwords.PURPOSE, login_profile, login_profile.c.user_id, login_profile.c.user_id, lambda user, _: user.encode()
)
SEALED = (ACCESS_KEYS, MFA_SEEDS, PASSWORDS)
"""Everything of the room that lies under the root key."""
