"""Counted calls by minute and hour, and secrets by hour. Upserts, so that several nodes make one sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, and_, bindparam, delete, func, select

from strongroom.kernel.metrics.usage import Use
from strongroom.kernel.registry import Counted
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import METADATA, QUIET
from strongroom.kernel.storage.upsert import Upsert

MINUTE, HOUR = 60, 3600
DAY_MS = 86_400_000
READS = "GetSecretValue"
MINUTES_KEPT_MS = 15 * 86_400_000
HOURS_KEPT_MS = 455 * 86_400_000
"""As long as CloudWatch keeps points of these periods. Source: CloudWatch API reference, GetMetricData."""

calls = Table(
    "metrics_calls",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("calls", BigInteger, nullable=False),
    info=QUIET,
)
Index("metrics_calls_old", calls.c.period, calls.c.start_ms)
secrets = Table(
    "metrics_secrets",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("secrets", BigInteger, nullable=False),
    Column("paid", BigInteger, nullable=False),
    info=QUIET,
)
Index("metrics_secrets_old", secrets.c.start_ms)

uses = Table(
    "metrics_use",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("resource", Text, primary_key=True),
    Column("principal", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("day_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("calls", BigInteger, nullable=False),
    Column("reads", BigInteger, nullable=False),
    info=QUIET,
)
Index("metrics_use_old", uses.c.day_ms)
"""Who called what by the day; ``reads`` are those of a secret's value."""


def _given(table: Table) -> dict[str, Any]:
    return {name: bindparam(f"v_{name}") for name in table.c.keys()}  # noqa: SIM118


_USE = Statement(
    lambda: Upsert(
        uses,
        _given(uses),
        lambda new: {"calls": uses.c.calls + new.calls, "reads": uses.c.reads + new.reads},
    )
)
_READ_BEFORE = Statement(
    lambda: (
        select(uses.c.day_ms)
        .where(
            uses.c.account == bindparam("account"),
            uses.c.resource == bindparam("resource"),
            uses.c.principal == bindparam("principal"),
            uses.c.reads > 0,
        )
        .limit(1)
    )
)
_ADD = Statement(lambda: Upsert(calls, _given(calls), lambda new: {"calls": calls.c.calls + new.calls}))
_COUNT = Statement(lambda: Upsert(secrets, _given(secrets), lambda new: {"secrets": new.secrets, "paid": new.paid}))
_OF = and_(calls.c.account == bindparam("account"), calls.c.region == bindparam("region"))
_CALLS = Statement(
    lambda: (
        select(calls.c.start_ms, calls.c.calls)
        .where(
            _OF,
            calls.c.service == bindparam("service"),
            calls.c.operation == bindparam("operation"),
            calls.c.period == bindparam("period"),
            calls.c.start_ms >= bindparam("first_ms"),
            calls.c.start_ms < bindparam("end_ms"),
        )
        .order_by(calls.c.start_ms)
    )
)
_CALLED = Statement(
    lambda: (
        select(calls.c.service, calls.c.operation)
        .where(_OF, calls.c.period == HOUR, calls.c.start_ms >= bindparam("since_ms"))
        .distinct()
        .order_by(calls.c.service, calls.c.operation)
    )
)
_SECRETS_OF = and_(
    secrets.c.account == bindparam("account"),
    secrets.c.region == bindparam("region"),
    secrets.c.start_ms >= bindparam("first_ms"),
    secrets.c.start_ms < bindparam("end_ms"),
)
_SECRETS = Statement(
    lambda: select(secrets.c.start_ms, secrets.c.secrets).where(_SECRETS_OF).order_by(secrets.c.start_ms)
)
_DAYS = and_(
    uses.c.account == bindparam("account"), uses.c.day_ms >= bindparam("first_ms"), uses.c.day_ms < bindparam("end_ms")
)
_PAID = Statement(
    lambda: select(func.sum(secrets.c.paid)).where(
        secrets.c.account == bindparam("account"),
        secrets.c.start_ms >= bindparam("first_ms"),
        secrets.c.start_ms < bindparam("end_ms"),
    )
)
_BY_SERVICE = Statement(
    lambda: (
        select(calls.c.service, func.sum(calls.c.calls))
        .where(
            calls.c.account == bindparam("account"),
            calls.c.period == HOUR,
            calls.c.start_ms >= bindparam("first_ms"),
            calls.c.start_ms < bindparam("end_ms"),
        )
        .group_by(calls.c.service)
    )
)
_SUM = func.sum(uses.c.calls)
_BY_PRINCIPAL = Statement(
    lambda: (
        select(uses.c.principal, _SUM)
        .where(_DAYS)
        .group_by(uses.c.principal)
        .order_by(_SUM.desc(), uses.c.principal)
        .limit(bindparam("most"))
    )
)
_BY_RESOURCE = Statement(
    lambda: (
        select(uses.c.resource, _SUM)
        .where(_DAYS, uses.c.service == "secretsmanager", uses.c.resource != "")
        .group_by(uses.c.resource)
        .order_by(_SUM.desc(), uses.c.resource)
        .limit(bindparam("most"))
    )
)
_FORGET = (
    Statement(delete(calls).where(calls.c.period == MINUTE, calls.c.start_ms < bindparam("minutes_ms"))),
    Statement(delete(calls).where(calls.c.period == HOUR, calls.c.start_ms < bindparam("hours_ms"))),
    Statement(delete(secrets).where(secrets.c.start_ms < bindparam("hours_ms"))),
    Statement(delete(uses).where(uses.c.day_ms < bindparam("hours_ms"))),
)


class Counter(NamedTuple):
    """What calls are counted by."""

    account: str
    region: str
    service: str
    operation: str


def add(tx: Transaction, counted: Mapping[Counter, int], now_ms: int) -> None:
    """Add calls to the minute and the hour of ``now_ms``."""
    for one, number in counted.items():
        for period in (MINUTE, HOUR):
            start = now_ms // (period * 1000) * period * 1000
            tx.run(
                _ADD,
                v_account=one.account,
                v_region=one.region,
                v_service=one.service,
                v_operation=one.operation,
                v_period=period,
                v_start_ms=start,
                v_calls=number,
            )


def add_use(tx: Transaction, one: Use, number: int, now_ms: int) -> bool:
    """Add calls to the day of ``now_ms``; whether they are the first reads of that secret by that principal."""
    reads = number if one.resource and one.service == "secretsmanager" and one.operation == READS else 0
    new = reads > 0 and not tx.row(_READ_BEFORE, account=one.account, resource=one.resource, principal=one.principal)
    tx.run(
        _USE,
        v_account=one.account,
        v_resource=one.resource,
        v_principal=one.principal,
        v_service=one.service,
        v_region=one.region,
        v_day_ms=now_ms // DAY_MS * DAY_MS,
        v_calls=number,
        v_reads=reads,
    )
    return new


def count_secrets(tx: Transaction, counted: Sequence[Counted], now_ms: int) -> None:
    """Store how many secrets there are in the hour of ``now_ms``."""
    start = now_ms // (HOUR * 1000) * HOUR * 1000
    for one in counted:
        tx.run(
            _COUNT,
            v_account=one.account,
            v_region=one.region,
            v_start_ms=start,
            v_secrets=one.secrets,
            v_paid=one.paid,
        )


def calls_between(tx: Transaction, one: Counter, period: int, first_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """(start in ms, calls) of each minute or hour that had any, oldest first."""
    found = tx.rows(_CALLS, **one._asdict(), period=period, first_ms=first_ms, end_ms=end_ms)
    return [(int(row[0]), int(row[1])) for row in found]


def secrets_between(tx: Transaction, account: str, region: str, first_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """(start in ms, secrets) of each hour that was counted, oldest first."""
    found = tx.rows(_SECRETS, account=account, region=region, first_ms=first_ms, end_ms=end_ms)
    return [(int(row[0]), int(row[1])) for row in found]


def called_since(tx: Transaction, account: str, region: str, since_ms: int) -> list[tuple[str, str]]:
    """(service, operation) that were called since a moment."""
    return [(row[0], row[1]) for row in tx.rows(_CALLED, account=account, region=region, since_ms=since_ms)]


def paid_hours(tx: Transaction, account: str, first_ms: int, end_ms: int) -> int:
    """Secrets that are paid for, summed over the hours that were counted, in all Regions."""
    row = tx.row(_PAID, account=account, first_ms=first_ms, end_ms=end_ms)
    return int(row[0]) if row is not None and row[0] is not None else 0


def calls_by_service(tx: Transaction, account: str, first_ms: int, end_ms: int) -> dict[str, int]:
    """Calls of each service, in all Regions."""
    found = tx.rows(_BY_SERVICE, account=account, first_ms=first_ms, end_ms=end_ms)
    return {row[0]: int(row[1]) for row in found}


def uses_by_principal(tx: Transaction, account: str, first_ms: int, end_ms: int, most: int) -> list[tuple[str, int]]:
    """Calls by principal, the most first."""
    found = tx.rows(_BY_PRINCIPAL, account=account, first_ms=first_ms, end_ms=end_ms, most=most)
    return [(row[0], int(row[1])) for row in found]


def uses_by_resource(tx: Transaction, account: str, first_ms: int, end_ms: int, most: int) -> list[tuple[str, int]]:
    """Calls of Secrets Manager by secret, the most first."""
    found = tx.rows(_BY_RESOURCE, account=account, first_ms=first_ms, end_ms=end_ms, most=most)
    return [(row[0], int(row[1])) for row in found]


def forget_old(tx: Transaction, now_ms: int) -> None:
    """Delete what is older than it is kept."""
    minutes, hours = _FORGET[0], _FORGET[1:]
    tx.run(minutes, minutes_ms=now_ms - MINUTES_KEPT_MS)
    for statement in hours:
        tx.run(statement, hours_ms=now_ms - HOURS_KEPT_MS)
