"""Secrets by the key that their values lie under: reads the whole table of labels, so for reports only."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Integer, LargeBinary, Text, bindparam, case, func, select

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.secretsmanager.rules.identifiers import secret_arn
from strongroom.services.secretsmanager.store.tables import earlier_key, label, secret, version

_BEGIN = bindparam("begin", type_=LargeBinary)
_LENGTH = bindparam("length", type_=Integer)
_OWN = secret.c.account == bindparam("account", type_=Text)


def _under_it(wrapped: ColumnElement[bytes]) -> ColumnElement[bool]:
    return func.substr(wrapped, 1, _LENGTH) == _BEGIN


_DEPENDS = (
    select(version.c.pk)
    .join(label, label.c.version_pk == version.c.pk)
    .where(
        label.c.secret_pk == secret.c.pk,
        _under_it(version.c.wrapped),
        ~select(earlier_key.c.pk)
        .where(earlier_key.c.version_pk == version.c.pk, ~_under_it(earlier_key.c.wrapped))
        .exists(),
    )
    .exists()
)
_ARNS = Statement(
    lambda: (
        select(secret.c.region, secret.c.name, secret.c.suffix)
        .where(_OWN, _DEPENDS)
        .order_by(secret.c.region, secret.c.name)
        .limit(bindparam("at_most", type_=Integer))
    )
)
# Summed, not grouped: to PostgreSQL the parameter of a select and that of its GROUP BY are two.
_COUNTS = Statement(lambda: select(func.coalesce(func.sum(case((_OWN, 1), else_=0)), 0), func.count()).where(_DEPENDS))


def arns(tx: Transaction, begin: bytes, account: str, at_most: int) -> Sequence[str]:
    """The account's secrets with a labelled version that no other key opens; ``begin``: of their wrapped keys."""
    rows = tx.rows(_ARNS, begin=begin, length=len(begin), account=account, at_most=at_most)
    return [secret_arn(account, region, name, suffix) for region, name, suffix in rows]


def counts(tx: Transaction, begin: bytes, account: str) -> tuple[int, int]:
    """How many there are in the account, and how many in all others."""
    row = tx.row(_COUNTS, begin=begin, length=len(begin), account=account)
    own, everywhere = (0, 0) if row is None else (int(row[0]), int(row[1]))
    return own, everywhere - own
