"""Pages of secrets and of versions: keyset statements, so that a page costs the same wherever it begins.

What the engine can match is matched there (names, tags, Regions, owners); word matching is left to the
caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, not_, or_, select, true

from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager.rules.filters import PREFIX_KEYS, Filter
from strongroom.services.secretsmanager.store.tables import Secret, Summary, secret, tag, version

ORDERS = {
    "created-date": secret.c.created_ms,
    "last-accessed-date": secret.c.accessed_day,
    "last-changed-date": secret.c.changed_ms,
    "name": secret.c.name,
}
"""SortBy: the column that orders; ties go by the secret's number."""

Place = tuple[Any, int]
"""Where a page ended: (value of the ordering column, pk)."""


def place_of(one: Secret, order: str) -> Place:
    """Where a page ends that ends with this secret."""
    return getattr(one, ORDERS[order].name), one.pk


def secrets_page(
    tx: Transaction,
    *,
    account: str,
    region: str,
    order: str,
    descending: bool,
    after: Place | None,
    scheduled_too: bool,
    filters: Sequence[Filter],
    limit: int,
) -> list[Secret]:
    """The next secrets of an account and Region in an order, after a place; word filters are not applied."""
    column = ORDERS[order]
    wanted: Select[Any] = select(*(secret.c[name] for name in Secret._fields)).where(
        secret.c.account == account,
        secret.c.region == region,
    )
    if not scheduled_too:
        wanted = wanted.where(secret.c.deleted_ms.is_(None))
    for one in filters:
        if one.key in PREFIX_KEYS:
            wanted = wanted.where(_prefix_filter(one))
    if after is not None:
        wanted = wanted.where(_beyond(column, secret.c.pk, after, descending))
    if descending:
        wanted = wanted.order_by(column.desc(), secret.c.pk.desc())
    else:
        wanted = wanted.order_by(column, secret.c.pk)
    return [Secret._make(row) for row in tx.rows(wanted.limit(limit))]


def versions_page(
    tx: Transaction, secret_pk: int, *, deprecated_too: bool, after: Place | None, limit: int
) -> list[Summary]:
    """The next versions of a secret, oldest first."""
    wanted = select(*(version.c[name] for name in Summary._fields)).where(version.c.secret_pk == secret_pk)
    if not deprecated_too:
        wanted = wanted.where(version.c.labels != "[]")
    if after is not None:
        wanted = wanted.where(_beyond(version.c.created_ms, version.c.pk, after, False))
    rows = tx.rows(wanted.order_by(version.c.created_ms, version.c.pk).limit(limit))
    return [Summary._make(row) for row in rows]


def _beyond(
    column: ColumnElement[Any], pk: ColumnElement[int], after: Place, descending: bool
) -> ColumnElement[bool]:
    value, last = after
    if descending:
        # The redundant outer bound lets the engine seek in the index instead of walking it.
        return and_(column <= value, or_(column < value, pk < last))
    return and_(column >= value, or_(column > value, pk > last))


def _prefix_filter(one: Filter) -> ColumnElement[bool]:
    alternatives = []
    for value in one.values:
        found = _has_prefix(one.key, value.text)
        alternatives.append(not_(found) if value.negated else found)
    return or_(false(), *alternatives)


def _has_prefix(key: str, text: str) -> ColumnElement[bool]:
    match key:
        case "name":
            return _begins(secret.c.name, text)
        case "tag-key":
            return secret.c.pk.in_(select(tag.c.secret_pk).where(_begins(tag.c.key, text)))
        case "tag-value":
            return secret.c.pk.in_(select(tag.c.secret_pk).where(_begins(tag.c.value, text)))
        case "primary-region":
            return and_(secret.c.primary_region.is_not(None), _begins(secret.c.primary_region, text))
        case _:
            return and_(secret.c.owning_service.is_not(None), _begins(secret.c.owning_service, text))


def _begins(column: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    """A prefix as a range: byte order agrees with code points in UTF-8, so an index can serve it."""
    if not prefix:
        return true()
    # The model admits ASCII only, so there is always a next character.
    return and_(column >= prefix, column < prefix[:-1] + chr(ord(prefix[-1]) + 1))
