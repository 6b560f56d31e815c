"""One connection to PostgreSQL: the settings that the promises need, its failures in the store's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import conninfo
from psycopg.types.numeric import IntLoader

from strongroom.kernel.storage.errors import Conflict, StoreBusy, StoreError, StoreUnavailable

LOCK = 0x53_54_52_4F_4E_47_52_4D  # "STRONGRM": the advisory lock that stands for the one writer of a database

LOCK_WAIT_MS = 10_000
STATEMENT_MS = 15_000
IDLE_MS = 60_000  # a handler that hangs inside a transaction loses it after this long
_PREPARED = 500  # statements kept prepared by a connection

# Our choice: a dead network is noticed within 15 s, a server that does not answer within 5.
_REACH = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
    "application_name": "strongroom",
}
_SESSION = (
    "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET DateStyle = 'ISO'; "
    f"SET lock_timeout = {LOCK_WAIT_MS}; SET statement_timeout = {STATEMENT_MS}; "
    f"SET idle_in_transaction_session_timeout = {IDLE_MS}; "
    "SELECT current_setting('server_encoding'), current_setting('synchronous_commit')"
)


def connect(where: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection in autocommit mode: transactions are begun and ended by our own words only.

    INVARIANT: synchronous_commit is on, or remote_apply where the operator asks for more.
    Raises StoreUnavailable, ValueError for an address that cannot be read.
    """
    parts = parsed(where)
    try:
        raw = psycopg.connect(**{**_REACH, **parts}, autocommit=True)  # type: ignore[arg-type]
    except psycopg.Error as error:
        raise StoreUnavailable(f"{place(parts)} cannot be reached: {_first_line(error)}") from None
    try:
        _prepare(raw)
    except BaseException as error:
        raw.close()
        if isinstance(error, psycopg.Error):
            raise translated(error) from None
        raise
    return raw


def parsed(where: str) -> dict[str, str]:
    """The parts of a ``postgresql://`` address. The error repeats none of it, for it may hold a password."""
    try:
        named = conninfo.conninfo_to_dict(where)
    except psycopg.Error:
        raise ValueError("the address of the PostgreSQL store cannot be read") from None
    return {name: str(value) for name, value in named.items() if value is not None}


def place(parts: dict[str, str]) -> str:
    """What may be said of an address: host, port and database."""
    host, port = parts.get("host", "localhost"), parts.get("port", "5432")
    return f"PostgreSQL database {parts.get('dbname', '')!r} at {host}:{port}"


def translated(error: psycopg.Error) -> Exception:
    """The error in the store's own words. Only the server's first sentence is kept: details repeat values."""
    said = error.diag.message_primary or _first_line(error)
    state = error.sqlstate or ""
    if state.startswith("23"):
        return Conflict(f"{said} ({error.diag.constraint_name or state})")
    if state in _BUSY:
        return StoreBusy(said)
    if state.startswith(_LOST) or (not state and isinstance(error, psycopg.OperationalError)):
        return StoreUnavailable(said)
    if state.startswith("22"):  # a value that does not fit its column: the sentence may repeat it
        return StoreError(f"a value was refused by the database (SQLSTATE {state})")
    return StoreError(f"{said} (SQLSTATE {state})" if state else f"{type(error).__name__}: {said}")


# lock_not_available, deadlock_detected, serialization_failure, too_many_connections, query_canceled.
_BUSY = frozenset(("55P03", "40P01", "40001", "53300", "57014"))
# Connection lost; no resources; shutdown, crash; idle too long; a read-only standby; I/O; damaged data.
_LOST = ("08", "53", "57P", "25P03", "25006", "58", "XX")


def _prepare(raw: psycopg.Connection[Any]) -> None:
    raw.prepared_max = _PREPARED
    raw.adapters.register_loader("numeric", IntLoader)  # sums of BIGINT; the store knows no fractions
    row = last_row(raw.execute(_SESSION))
    if row is None or row[0] != "UTF8":
        raise StoreUnavailable("the PostgreSQL database must be made with ENCODING 'UTF8'")
    if row[1] not in {"on", "remote_apply"}:
        raw.execute("SET synchronous_commit = on")


def last_row(cursor: psycopg.Cursor[Any]) -> Sequence[Any] | None:
    """The only row of the last of several statements."""
    while cursor.nextset():
        pass
    found: Sequence[Any] | None = cursor.fetchone()
    return found


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
