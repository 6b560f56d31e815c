"""Rows of what an account as a whole has set: alias, password policy, when a report was asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, insert, select, update

from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.iam.store.tables import account

_ONE = Statement(
    lambda: select(account.c.alias, account.c.password_policy, account.c.report_ms).where(
        account.c.id == bindparam("which")
    )
)
_BY_ALIAS = Statement(lambda: select(account.c.id).where(account.c.alias == bindparam("alias")))
_INSERT = Statement(
    lambda: insert(account).values(id=bindparam("which"), alias=None, password_policy=None, report_ms=None)
)
_SET_ALIAS = Statement(
    lambda: update(account).where(account.c.id == bindparam("which")).values(alias=bindparam("alias"))
)
_SET_POLICY = Statement(
    lambda: update(account).where(account.c.id == bindparam("which")).values(password_policy=bindparam("policy"))
)
_SET_REPORT = Statement(
    lambda: update(account).where(account.c.id == bindparam("which")).values(report_ms=bindparam("report_ms"))
)


def alias_of(tx: Transaction, account_id: str) -> str | None:
    """The account's alias, where it has one."""
    row = tx.row(_ONE, which=account_id)
    return None if row is None else row[0]


def by_alias(tx: Transaction, alias: str) -> str | None:
    """The id of the account that has this alias."""
    row = tx.row(_BY_ALIAS, alias=alias)
    return None if row is None else str(row[0])


def set_alias(tx: Transaction, account_id: str, alias: str | None) -> None:
    """Give an account another alias, or none. The caller has looked whether it is free."""
    _make(tx, account_id)
    tx.run(_SET_ALIAS, which=account_id, alias=alias)


def password_policy(tx: Transaction, account_id: str) -> dict[str, Any] | None:
    """The account's own password policy: members by their names in the API; None where it has none."""
    row = tx.row(_ONE, which=account_id)
    found: dict[str, Any] | None = None if row is None or row[1] is None else orjson.loads(row[1])
    return found


def set_password_policy(tx: Transaction, account_id: str, policy: dict[str, Any] | None) -> None:
    """Replace the password policy, or take it away."""
    _make(tx, account_id)
    tx.run(_SET_POLICY, which=account_id, policy=None if policy is None else orjson.dumps(policy).decode())


def report_asked(tx: Transaction, account_id: str) -> datetime | None:
    """When a credential report was asked for last."""
    row = tx.row(_ONE, which=account_id)
    return None if row is None or row[2] is None else from_ms(row[2])


def set_report_asked(tx: Transaction, account_id: str, now: datetime) -> None:
    """Note that a credential report is asked for."""
    _make(tx, account_id)
    tx.run(_SET_REPORT, which=account_id, report_ms=to_ms(now))


def _make(tx: Transaction, account_id: str) -> None:
    if tx.row(_ONE, which=account_id) is None:
        tx.run(_INSERT, which=account_id)
