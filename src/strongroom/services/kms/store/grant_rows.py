"""Grants: statements and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Integer, Text, bindparam, delete, func, insert, or_, select

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.kms.store.tables import GRANTS, grant, key


class GrantRow(NamedTuple):
    """One grant as stored, columns in order. Principals are ``AWS <ARN or account>`` or ``Service <name>``."""

    grant_id: str
    key_pk: int
    created_ms: int
    name: str | None
    grantee: str
    retiring: str | None
    issuer: str
    operations: str
    constraints: str


NAMES_OF_A_CALLER = 5
"""How many ways there are to name one caller: its account, and its user or role, and its session, by ARN and by id."""

_COLUMNS = [grant.c[name] for name in GrantRow._fields]
_OF_KEY = grant.c.key_pk == bindparam("of_key", type_=Integer)
_AT_MOST = bindparam("at_most", type_=Integer)
_AFTER = grant.c.grant_id > bindparam("after")
_TO = tuple(bindparam(f"to_{number}", type_=Text) for number in range(NAMES_OF_A_CALLER))

_TO_CALLER = Statement(
    lambda: select(*_COLUMNS).where(_OF_KEY, or_(*(grant.c.grantee == one for one in _TO))).order_by(grant.c.grant_id)
)
_BY_ID = Statement(lambda: select(*_COLUMNS).where(_OF_KEY, grant.c.grant_id == bindparam("of_grant")))
_BY_NAME = Statement(
    lambda: select(*_COLUMNS).where(_OF_KEY, grant.c.grantee == bindparam("grantee"), grant.c.name == bindparam("name"))
)
_LISTED = Statement(lambda: select(*_COLUMNS).where(_OF_KEY, _AFTER).order_by(grant.c.grant_id).limit(_AT_MOST))
_LISTED_TO = Statement(
    lambda: (
        select(*_COLUMNS)
        .where(_OF_KEY, _AFTER, grant.c.grantee == bindparam("grantee"))
        .order_by(grant.c.grant_id)
        .limit(_AT_MOST)
    )
)
_RETIRABLE = Statement(
    lambda: (
        select(*_COLUMNS, key.c.account, key.c.key_id)
        .join(key, key.c.pk == grant.c.key_pk)
        .where(grant.c.retiring == bindparam("retiring"), key.c.region == bindparam("region"), _AFTER)
        .order_by(grant.c.grant_id)
        .limit(_AT_MOST)
    )
)
_COUNT = Statement(lambda: select(func.count()).select_from(grant).where(_OF_KEY))
_COUNT_TO = Statement(
    lambda: select(func.count()).select_from(grant).where(_OF_KEY, grant.c.grantee == bindparam("grantee"))
)
_ADD = Statement(lambda: insert(grant).values({name: bindparam(f"v_{name}") for name in GrantRow._fields}))
_DROP = Statement(lambda: delete(grant).where(grant.c.grant_id == bindparam("of_grant")))


def grants_to(tx: Transaction, pk: int, names: Sequence[str]) -> list[GrantRow]:
    """The grants on a key to whoever bears one of these names."""
    bound = {f"to_{number}": name for number, name in enumerate(names)}
    missing = {f"to_{number}": "" for number in range(len(names), NAMES_OF_A_CALLER)}
    return [GrantRow._make(row) for row in tx.rows(_TO_CALLER, of_key=pk, **bound, **missing)]


def grant_by_id(tx: Transaction, pk: int, grant_id: str) -> GrantRow | None:
    """One grant on a key."""
    row = tx.row(_BY_ID, of_key=pk, of_grant=grant_id)
    return None if row is None else GrantRow._make(row)


def grant_by_name(tx: Transaction, pk: int, grantee: str, name: str) -> list[GrantRow]:
    """The grants on a key to one principal under one name."""
    return [GrantRow._make(row) for row in tx.rows(_BY_NAME, of_key=pk, grantee=grantee, name=name)]


def grants_of_key(tx: Transaction, pk: int, *, grantee: str | None, after: str, limit: int) -> list[GrantRow]:
    """The next grants on a key, or of those to one principal, by id."""
    if grantee is None:
        rows = tx.rows(_LISTED, of_key=pk, after=after, at_most=limit)
    else:
        rows = tx.rows(_LISTED_TO, of_key=pk, grantee=grantee, after=after, at_most=limit)
    return [GrantRow._make(row) for row in rows]


def retirable_grants(
    tx: Transaction, region: str, retiring: str, *, after: str, limit: int
) -> list[tuple[GrantRow, str, str]]:
    """The next grants in a Region that a principal may retire, by id, with account and id of their keys."""
    rows = tx.rows(_RETIRABLE, retiring=retiring, region=region, after=after, at_most=limit)
    return [(GrantRow._make(row[:-2]), row[-2], row[-1]) for row in rows]


def has_grants(tx: Transaction, pk: int) -> bool:
    """Whether a key has any: most have none, and need not be asked for a caller's."""
    return bool(tx.rows(_LISTED, of_key=pk, after="", at_most=1))


def count_grants(tx: Transaction, pk: int) -> int:
    """How many grants a key has."""
    row = tx.row(_COUNT, of_key=pk)
    return 0 if row is None else int(row[0])


def count_grants_to(tx: Transaction, pk: int, grantee: str) -> int:
    """How many of them name one principal."""
    row = tx.row(_COUNT_TO, of_key=pk, grantee=grantee)
    return 0 if row is None else int(row[0])


def add_grant(tx: Transaction, account: str, new: GrantRow) -> None:
    """Store a grant; ``account`` is the key's."""
    tx.run(_ADD, **{f"v_{name}": value for name, value in new._asdict().items()})
    tx.raise_generation(account, GRANTS)


def drop_grant(tx: Transaction, account: str, grant_id: str) -> None:
    """Delete a grant."""
    tx.run(_DROP, of_grant=grant_id)
    tx.raise_generation(account, GRANTS)
