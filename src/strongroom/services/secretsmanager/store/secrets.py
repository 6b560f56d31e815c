"""Statements about secrets as such: found by name, made, changed, tagged, purged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import BigInteger, Integer, and_, bindparam, delete, func, insert, select, text, update

from strongroom.kernel.storage.port import Row, Statement, Transaction
from strongroom.services.secretsmanager.rules.identifiers import SecretRef
from strongroom.services.secretsmanager.store import words
from strongroom.services.secretsmanager.store.tables import (
    Secret,
    attempt,
    earlier_key,
    label,
    policy,
    replica,
    rotation,
    secret,
    tag,
    version,
)

DAY_MS = 86_400_000
SECRET = [secret.c[name] for name in Secret._fields]
"""The columns of one secret, as ``Secret`` has them."""
NAMED = and_(
    secret.c.account == bindparam("account"),
    secret.c.region == bindparam("region"),
    secret.c.name == bindparam("name"),
)
"""Which secret a ``SecretRef`` means."""
OF_SECRET = bindparam("of_secret", type_=Integer)
_BY_NAME = Statement(select(*SECRET).where(NAMED), owner=0, named_by=("account", "region", "name"))
_BY_PK = Statement(select(*SECRET).where(secret.c.pk == OF_SECRET), owner="of_secret")
_INSERT_SECRET = Statement(
    insert(secret)
    .values({name: bindparam(f"v_{name}") for name in Secret._fields if name != "pk"})
    .returning(secret.c.pk)
)
NEW = ("account", "region", "name", "suffix", "created_ms", "changed_ms", "tags", "description")
"""The columns of a secret that was just made, in the plain case."""
_INSERT_NEW = Statement(
    insert(secret).values(
        {**{name: bindparam(name) for name in NEW}, "accessed_day": bindparam("zero"), "has_policy": bindparam("zero")}
    )
)
_PKS = Statement(
    select(secret.c.name, secret.c.pk).where(
        secret.c.account == bindparam("account"),
        secret.c.region == bindparam("region"),
        secret.c.name.in_(bindparam("names", expanding=True)),
    )
)
_NAMES = Statement(
    select(secret.c.name).where(
        secret.c.account == bindparam("account"),
        secret.c.region == bindparam("region"),
        secret.c.name.in_(bindparam("names", expanding=True)),
    )
)
_UNTAG = Statement(delete(tag).where(tag.c.secret_pk == OF_SECRET))
_TAG = Statement(insert(tag).values({name: bindparam(f"v_{name}") for name in tag.c.keys()}))  # noqa: SIM118
_POLICY = Statement(select(policy.c.text).where(policy.c.secret_pk == OF_SECRET), owner="of_secret")
_DROP_POLICY = Statement(delete(policy).where(policy.c.secret_pk == OF_SECRET))
_PUT_POLICY = Statement(insert(policy).values(secret_pk=bindparam("v_secret_pk"), text=bindparam("v_text")))
_REPLICA_REGIONS = Statement(
    select(replica.c.region).where(replica.c.primary_pk == OF_SECRET).order_by(replica.c.region)
)
_ROTATED = Statement(
    select(*SECRET)
    .where(
        secret.c.account == bindparam("account"),
        secret.c.region == bindparam("region"),
        secret.c.name > bindparam("after"),
        secret.c.rotation_enabled.is_not(None),
        secret.c.primary_pk.is_(None),
    )
    .order_by(secret.c.name)
    .limit(bindparam("at_most"))
)
_SCHEDULED = (
    secret.c.account == bindparam("account"),
    secret.c.region == bindparam("region"),
    secret.c.next_rotation_ms.is_not(None),
    secret.c.primary_pk.is_(None),
)
_HOW_MANY_SCHEDULED = Statement(select(func.count()).where(*_SCHEDULED))
_DAY = (secret.c.next_rotation_ms // bindparam("day_ms", type_=BigInteger)).label("day")
_SCHEDULED_BY_DAY = Statement(
    select(_DAY, func.count())
    .where(*_SCHEDULED, secret.c.next_rotation_ms >= bindparam("since"), secret.c.next_rotation_ms < bindparam("until"))
    .group_by(text("day"))
)
_OVERDUE = Statement(
    select(secret.c.name, secret.c.suffix, secret.c.next_rotation_ms)
    .where(
        *_SCHEDULED,
        secret.c.next_rotation_ms < bindparam("now"),
        secret.c.rotation_enabled == 1,
        secret.c.deleted_ms.is_(None),
    )
    .order_by(secret.c.next_rotation_ms)
    .limit(bindparam("at_most"))
)
_PURGE = (
    Statement(delete(label).where(label.c.secret_pk == OF_SECRET)),
    Statement(
        delete(attempt).where(attempt.c.rotation_pk.in_(select(rotation.c.pk).where(rotation.c.secret_pk == OF_SECRET)))
    ),
    Statement(delete(rotation).where(rotation.c.secret_pk == OF_SECRET)),
    Statement(delete(earlier_key).where(earlier_key.c.secret_pk == OF_SECRET)),
    Statement(delete(version).where(version.c.secret_pk == OF_SECRET)),
    _UNTAG,
    _DROP_POLICY,
    Statement(delete(replica).where(replica.c.primary_pk == OF_SECRET)),
    Statement(delete(secret).where(secret.c.pk == OF_SECRET)),
)
_SEARCHED = frozenset(("name", "description", "tags"))
_changes: dict[tuple[str, ...], Statement] = {}


def find_secret(tx: Transaction, ref: SecretRef) -> Secret | None:
    """The secret a reference points to, without any version."""
    row = tx.row(_BY_NAME, account=ref.account, region=ref.region, name=ref.name)
    if row is None or (ref.suffix is not None and row[4] != ref.suffix):
        return None
    return Secret._make(row)


def secret_by_pk(tx: Transaction, pk: int) -> Secret | None:
    """One secret by its number."""
    row = tx.row(_BY_PK, of_secret=pk)
    return None if row is None else Secret._make(row)


def rotated_after(tx: Transaction, account: str, region: str, name: str, at_most: int) -> list[Secret]:
    """Secrets that have, or had, rotation configured, by name, from the one after ``name`` on; no copies."""
    rows = tx.rows(_ROTATED, account=account, region=region, after=name, at_most=at_most)
    return [Secret._make(row) for row in rows]


def scheduled(tx: Transaction, account: str, region: str) -> int:
    """How many secrets have a date for their next rotation; no copies."""
    row = tx.row(_HOW_MANY_SCHEDULED, account=account, region=region)
    return 0 if row is None else int(row[0])


def scheduled_by_day(tx: Transaction, account: str, region: str, since_ms: int, until_ms: int) -> dict[int, int]:
    """How many of them rotate on each day between two moments, by the number of the day since 1970 (UTC)."""
    rows = tx.rows(_SCHEDULED_BY_DAY, account=account, region=region, since=since_ms, until=until_ms, day_ms=DAY_MS)
    return {int(day): int(count) for day, count in rows}


def overdue(tx: Transaction, account: str, region: str, now_ms: int, at_most: int) -> Sequence[Row]:
    """(name, suffix, due in ms) of secrets that should have rotated by now, those due longest first."""
    return tx.rows(_OVERDUE, account=account, region=region, now=now_ms, at_most=at_most)


def add_secret(tx: Transaction, values: Mapping[str, Any]) -> Secret:
    """Store a new secret; ``values`` are its columns, those left out being null (0 where they may not be)."""
    row: dict[str, Any] = {**dict.fromkeys(Secret._fields[1:]), "accessed_day": 0, "has_policy": 0, **values}
    answer = tx.row(_INSERT_SECRET, **{f"v_{name}": value for name, value in row.items()})
    if answer is None:
        raise RuntimeError("an insert answered no key")
    made = Secret._make((answer[0], *row.values()))
    words.add(tx, made.account, made.pk, words.of(made))
    return made


def names_among(tx: Transaction, account: str, region: str, names: Sequence[str]) -> set[str]:
    """Which of these names are taken."""
    rows = tx.rows(_NAMES, account=account, region=region, names=list(names)) if names else ()
    return {str(row[0]) for row in rows}


def add_new(tx: Transaction, account: str, region: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Store secrets of one account and Region with these columns, those of ``NEW``, and answer their numbers by name.

    All other columns are null, or 0.
    """
    tx.many(_INSERT_NEW, [{**row, "zero": 0} for row in rows])
    return dict(tx.rows(_PKS, account=account, region=region, names=[row["name"] for row in rows]))


def add_tags(tx: Transaction, rows: Sequence[tuple[int, str, str]]) -> None:
    """Store tags of new secrets: (number of the secret, key, value). Their lists are beside the secrets already."""
    tx.many(_TAG, [{"v_secret_pk": pk, "v_key": key, "v_value": value} for pk, key, value in rows])


def change_secret(tx: Transaction, pk: int, **values: Any) -> None:
    """Set columns of one secret. A statement for each set of columns is kept."""
    before = secret_by_pk(tx, pk) if values.keys() & _SEARCHED else None
    if before is not None:
        now = before._replace(**values)
        had, has = words.of(before), words.of(now)
        words.drop(tx, before.account, pk, had - has)
        words.add(tx, before.account, pk, has - had)
    columns = tuple(sorted(values))
    statement = _changes.get(columns)
    if statement is None:
        statement = _changes[columns] = Statement(
            update(secret).where(secret.c.pk == OF_SECRET).values({name: bindparam(f"v_{name}") for name in columns})
        )
    tx.many(statement, ({"of_secret": pk, **{f"v_{name}": value for name, value in values.items()}},))


def write_tags(tx: Transaction, secret_pk: int, tags: Sequence[Mapping[str, str]], **also: Any) -> None:
    """Replace a secret's tags, and set other columns in the same statement."""
    tx.run(_UNTAG, of_secret=secret_pk)
    for one in tags:
        tx.run(_TAG, v_secret_pk=secret_pk, v_key=one["Key"], v_value=one["Value"])
    change_secret(tx, secret_pk, tags=orjson.dumps(list(tags)).decode(), **also)


def policy_text(tx: Transaction, secret_pk: int) -> str | None:
    """The resource policy as ``kernel/authz/binding.py`` stores it."""
    row = tx.row(_POLICY, of_secret=secret_pk)
    return None if row is None else str(row[0])


def write_policy(tx: Transaction, secret_pk: int, text: str | None, **also: Any) -> None:
    """Replace or remove the resource policy. The caller raises the generation of compiled policies."""
    tx.run(_DROP_POLICY, of_secret=secret_pk)
    if text is not None:
        tx.run(_PUT_POLICY, v_secret_pk=secret_pk, v_text=text)
    change_secret(tx, secret_pk, has_policy=int(text is not None), **also)


def replica_regions(tx: Transaction, primary_pk: int) -> list[str]:
    """The Regions a secret is replicated to."""
    return [str(row[0]) for row in tx.rows(_REPLICA_REGIONS, of_secret=primary_pk)]


def purge(tx: Transaction, secret_pk: int) -> None:
    """Delete a secret for good: labels, rotations, wrapped keys, versions, tags, policy, the row itself."""
    one = secret_by_pk(tx, secret_pk)
    if one is not None:
        words.drop(tx, one.account, secret_pk, words.of(one))
    for statement in _PURGE:
        tx.run(statement, of_secret=secret_pk)
