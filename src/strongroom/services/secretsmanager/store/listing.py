"""Pages of secrets and of versions: keyset statements, so that a page costs the same wherever it begins.

Nothing here matches filters; ``candidates`` only narrows the search where an index knows that few can match.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select

from strongroom.kernel.storage.port import Row, Statement, Transaction
from strongroom.services.secretsmanager.store.secrets import SECRET
from strongroom.services.secretsmanager.store.tables import Secret, Summary, secret, tag, version

ORDERS = {
    "created-date": secret.c.created_ms,
    "last-accessed-date": secret.c.accessed_day,
    "last-changed-date": secret.c.changed_ms,
    "name": secret.c.name,
}
"""SortBy: the column that orders; ties go by the secret's number."""

INDEXED = ("name", "tag-key", "tag-value")
"""Filter keys whose prefixes an index can look up."""

Place = tuple[Any, int]
"""Where a page ended: (value of the ordering column, pk)."""

_SEARCHED = ("pk", "name", "description", "tags", "primary_region", "owning_service")
_SUMMARY = [version.c[name] for name in Summary._fields]
_WITHIN = (secret.c.account == bindparam("account"), secret.c.region == bindparam("region"))


class Walk(NamedTuple):
    """Which secrets are walked through, and how; ``order`` is one of ``ORDERS``."""

    account: str
    region: str
    order: str = "created-date"
    descending: bool = False
    scheduled_too: bool = False


class Looked(NamedTuple):
    """A secret as a walk's filters look at it (rules.filters.Searched), and where it lies in the order walked."""

    pk: int
    name: str
    description: str | None
    tags: str | None
    primary_region: str | None
    owning_service: str | None
    value: Any

    @property
    def tag_list(self) -> list[dict[str, str]]:
        """Its tags."""
        return [] if self.tags is None else list(orjson.loads(self.tags))


class Candidate(NamedTuple):
    """A secret that an index named, as filters look at it, with what each order goes by."""

    pk: int
    name: str
    description: str | None
    tags: str | None
    primary_region: str | None
    owning_service: str | None
    account: str
    region: str
    deleted_ms: int | None
    created_ms: int
    accessed_day: int
    changed_ms: int

    @property
    def tag_list(self) -> list[dict[str, str]]:
        """Its tags."""
        return [] if self.tags is None else list(orjson.loads(self.tags))

    def place(self, order: str) -> Place:
        """Where it lies in an order."""
        return getattr(self, ORDERS[order].name), self.pk


_CANDIDATES_BY_PKS = Statement(
    lambda: select(*(secret.c[name] for name in Candidate._fields)).where(
        secret.c.pk.in_(bindparam("pks", expanding=True))
    )
)
_BY_PKS = Statement(lambda: select(*SECRET).where(secret.c.pk.in_(bindparam("pks", expanding=True))))


def _range(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(column >= bindparam("low"), column < bindparam("high"))


_CANDIDATES = {
    "name": Statement(select(secret.c.pk).where(*_WITHIN, _range(secret.c.name)).limit(bindparam("at_most"))),
    "tag-key": Statement(select(tag.c.secret_pk).where(_range(tag.c.key)).limit(bindparam("at_most"))),
    "tag-value": Statement(select(tag.c.secret_pk).where(_range(tag.c.value)).limit(bindparam("at_most"))),
}


def place_of(one: Secret, order: str) -> Place:
    """Where a page ends that ends with this secret."""
    return getattr(one, ORDERS[order].name), one.pk


def secrets_page(tx: Transaction, walk: Walk, *, after: Place | None, limit: int) -> list[Secret]:
    """The next secrets of a walk, after a place."""
    return [Secret._make(row) for row in _rows(tx, walk, after, limit, lean=False)]


def looked_page(tx: Transaction, walk: Walk, *, after: Place | None, limit: int) -> list[Looked]:
    """The same secrets, with only what filters look at: a third of the work for those that do not match."""
    return [Looked._make(row) for row in _rows(tx, walk, after, limit, lean=True)]


def _rows(tx: Transaction, walk: Walk, after: Place | None, limit: int, *, lean: bool) -> Sequence[Row]:
    values: dict[str, Any] = {"account": walk.account, "region": walk.region, "at_most": limit}
    if after is not None:
        values |= {"after_value": after[0], "after_pk": after[1]}
    return tx.rows(_page(walk.order, walk.descending, after is not None, walk.scheduled_too, lean=lean), **values)


def candidates(tx: Transaction, *, account: str, region: str, key: str, prefix: str, at_most: int) -> set[int] | None:
    """The numbers of all secrets that may match a prefix of an indexed key; None where they are too many.

    Tags are looked up over all accounts: whoever uses this reads the rows with ``candidates_among``.
    """
    if not prefix:
        return None
    values: dict[str, Any] = {"low": prefix, "high": next_after(prefix), "at_most": at_most + 1}
    if key == "name":
        values |= {"account": account, "region": region}
    rows = tx.rows(_CANDIDATES[key], **values)
    return None if len(rows) > at_most else {int(row[0]) for row in rows}


def secrets_among(tx: Transaction, *, account: str, region: str, pks: set[int]) -> list[Secret]:
    """Those of the numbered secrets that belong to an account and Region, in no order."""
    if not pks:
        return []
    # Compared here: given the columns, an engine may walk their index instead of looking the numbers up.
    found = [Secret._make(row) for row in tx.rows(_BY_PKS, pks=sorted(pks))]
    return [one for one in found if one.account == account and one.region == region]


def candidates_among(tx: Transaction, *, account: str, region: str, pks: set[int]) -> list[Candidate]:
    """The same, with only what filters and orders look at."""
    if not pks:
        return []
    found = [Candidate._make(row) for row in tx.rows(_CANDIDATES_BY_PKS, pks=sorted(pks))]
    return [one for one in found if one.account == account and one.region == region]


def versions_page(
    tx: Transaction, secret_pk: int, *, deprecated_too: bool, after: Place | None, limit: int
) -> list[Summary]:
    """The next versions of a secret, oldest first."""
    values: dict[str, Any] = {"of_secret": secret_pk, "at_most": limit}
    if after is not None:
        values |= {"after_value": after[0], "after_pk": after[1]}
    rows = tx.rows(_versions(deprecated_too, after is not None), **values)
    return [Summary._make(row) for row in rows]


@cache  # 64 shapes and no more
def _page(order: str, descending: bool, continued: bool, scheduled_too: bool, *, lean: bool = False) -> Statement:
    column = ORDERS[order]
    shown = [*(secret.c[name] for name in _SEARCHED), column.label("place")] if lean else SECRET
    wanted: Select[Any] = select(*shown).where(*_WITHIN)
    if not scheduled_too:
        wanted = wanted.where(secret.c.deleted_ms.is_(None))
    if continued:
        wanted = wanted.where(_beyond(column, secret.c.pk, descending))
    if descending:
        wanted = wanted.order_by(column.desc(), secret.c.pk.desc())
    else:
        wanted = wanted.order_by(column, secret.c.pk)
    return Statement(wanted.limit(bindparam("at_most")))


@cache  # 4 shapes
def _versions(deprecated_too: bool, continued: bool) -> Statement:
    wanted = select(*_SUMMARY).where(version.c.secret_pk == bindparam("of_secret"))
    if not deprecated_too:
        wanted = wanted.where(version.c.labels != "[]")
    if continued:
        wanted = wanted.where(_beyond(version.c.created_ms, version.c.pk, False))
    return Statement(wanted.order_by(version.c.created_ms, version.c.pk).limit(bindparam("at_most")))


def _beyond(column: ColumnElement[Any], pk: ColumnElement[int], descending: bool) -> ColumnElement[bool]:
    value: ColumnElement[Any] = bindparam("after_value")
    last: ColumnElement[Any] = bindparam("after_pk")
    if descending:
        # The redundant outer bound lets the engine seek in the index instead of walking it.
        return and_(column <= value, or_(column < value, pk < last))
    return and_(column >= value, or_(column > value, pk > last))


def next_after(prefix: str) -> str:
    """The first text after all that begin so: byte order agrees with code points, so a prefix is a range."""
    # The model admits ASCII only, so there is always a next character.
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
