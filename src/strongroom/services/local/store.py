"""The clock's offset, in the kernel's own settings table, so that all processes and nodes agree; imports."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Table, Text, bindparam, delete, insert, select

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import METADATA, QUIET, setting

importing = Table(
    "local_import",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("begun_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("next_line", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("present", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    info=QUIET,
)
"""How far the import of each file is, by its hash, in the transactions that import it: no line is done twice."""

_IMPORT = [importing.c[name] for name in ("begun_ms", "ended_ms", "next_line", "created", "present", "failed")]
_THIS = (
    importing.c.account == bindparam("of_account"),
    importing.c.region == bindparam("of_region"),
    importing.c.sha256 == bindparam("of_sha256"),
)
_FIND_IMPORT = Statement(lambda: select(*_IMPORT).where(*_THIS))
_DROP_IMPORT = Statement(lambda: delete(importing).where(*_THIS))
_PUT_IMPORT = Statement(lambda: insert(importing).values({name: bindparam(f"v_{name}") for name in importing.c.keys()}))  # noqa: SIM118
_OLD_IMPORTS = Statement(lambda: delete(importing).where(importing.c.begun_ms < bindparam("before_ms")))
IMPORTS_KEPT_MS = 90 * 86_400_000
"""How long it is known how far an import came; a file that is older begins anew."""


class Import(NamedTuple):
    """How far a file is. Lines count from 1; ``ended_ms`` None while some are left."""

    begun_ms: int
    ended_ms: int | None = None
    next_line: int = 1
    created: int = 0
    present: int = 0
    failed: int = 0


def find_import(tx: Transaction, account: str, region: str, sha256: str) -> Import | None:
    """How far the import of a file is; None where it has not begun."""
    row = tx.row(_FIND_IMPORT, of_account=account, of_region=region, of_sha256=sha256)
    return None if row is None else Import._make(row)


def put_import(tx: Transaction, account: str, region: str, sha256: str, one: Import) -> None:
    """Store how far the import of a file is."""
    tx.run(_DROP_IMPORT, of_account=account, of_region=region, of_sha256=sha256)
    values = {"account": account, "region": region, "sha256": sha256, **one._asdict()}
    tx.run(_PUT_IMPORT, **{f"v_{name}": value for name, value in values.items()})


def forget_old_imports(tx: Transaction, now_ms: int) -> None:
    """Forget the imports that began long ago."""
    tx.run(_OLD_IMPORTS, before_ms=now_ms - IMPORTS_KEPT_MS)


EVERYBODY = "*"
CLOCK = "clock"
_OFFSET = "clock_offset_ms"

_READ = Statement(lambda: select(setting.c.value).where(setting.c.name == bindparam("name")))
_DROP = Statement(lambda: delete(setting).where(setting.c.name == bindparam("name")))
_PUT = Statement(lambda: insert(setting).values(name=bindparam("name"), value=bindparam("value")))


def clock_offset(tx: Transaction) -> timedelta:
    """How far the product's clock runs before the machine's."""
    return tx.cached(EVERYBODY, CLOCK, ("offset",), lambda: _stored(tx))


def _stored(tx: Transaction) -> timedelta:
    row = tx.row(_READ, name=_OFFSET)
    return timedelta(milliseconds=int(row[0])) if row else timedelta()


def move_clock(tx: Transaction, by: timedelta) -> timedelta:
    """Move the product's clock forward; the new offset."""
    offset = _stored(tx) + by
    tx.run(_DROP, name=_OFFSET)
    tx.run(_PUT, name=_OFFSET, value=str(offset // timedelta(milliseconds=1)))
    tx.raise_generation(EVERYBODY, CLOCK)
    return offset
