"""Statements about rotations: one row for each that was begun, which is both the work to do and its history."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Integer, bindparam, delete, func, insert, or_, select, update

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.secretsmanager.store.tables import UNSUCCESSFUL, attempt, rotation, secret, version

PENDING, SUCCEEDED, FAILED = "pending", "succeeded", "failed"
ABANDONED, CANCELLED = "abandoned", "cancelled"
"""What became of a rotation. A pending one is to be run, again if an attempt failed; only tests end as failed."""

HISTORY = 100
"""How many rotations of a secret are remembered, beside those whose value may still be needed."""


class Rotation(NamedTuple):
    """One rotation of one secret. ``test``: only the configuration is tried (RotateImmediately false).

    ``attempts`` have failed so far; ``next_ms``: when to run it, or to run it again. ``token``: its RotationToken,
    sealed.
    """

    pk: int
    secret_pk: int
    version_id: str
    test: int
    state: str
    began_ms: int
    ended_ms: int | None
    attempts: int
    next_ms: int | None
    token: bytes


_COLUMNS = [rotation.c[name] for name in Rotation._fields]
_OF_SECRET = bindparam("of_secret", type_=Integer)
_OURS = rotation.c.secret_pk == _OF_SECRET
_LAST_SUCCESS = (
    select(func.coalesce(func.max(rotation.c.pk), 0))
    .where(_OURS, rotation.c.state == SUCCEEDED, rotation.c.test == 0)
    .scalar_subquery()
)
_FILLED = select(version.c.version_id).where(version.c.secret_pk == _OF_SECRET, version.c.form.is_not(None))

_ADD = Statement(
    lambda: (
        insert(rotation)
        .values({name: bindparam(f"v_{name}") for name in Rotation._fields if name != "pk"})
        .returning(rotation.c.pk)
    )
)
_UNDER_WAY = Statement(
    lambda: select(*_COLUMNS).where(_OURS, rotation.c.state == PENDING).order_by(rotation.c.pk.desc()).limit(1)
)
_BY_PK = Statement(lambda: select(*_COLUMNS).where(rotation.c.pk == bindparam("at_pk")))
_BY_VERSION = Statement(lambda: select(*_COLUMNS).where(_OURS, rotation.c.version_id == bindparam("of_version")))
_HISTORY = Statement(lambda: select(*_COLUMNS).where(_OURS).order_by(rotation.c.pk.desc()).limit(bindparam("at_most")))
_END = Statement(
    lambda: (
        update(rotation)
        .where(rotation.c.pk == bindparam("at_pk"))
        .values(state=bindparam("v_state"), ended_ms=bindparam("v_ended_ms"), next_ms=None)
    )
)
_FAIL = Statement(
    lambda: (
        update(rotation)
        .where(rotation.c.pk == bindparam("at_pk"))
        .values(
            attempts=rotation.c.attempts + 1,
            next_ms=bindparam("v_next_ms"),
        )
    )
)
# What a rotation has filled may be what its target now takes: nobody knows until a later one has succeeded.
_UNFINISHED = Statement(
    lambda: select(rotation.c.version_id).where(
        _OURS, rotation.c.test == 0, rotation.c.state != SUCCEEDED, rotation.c.pk > _LAST_SUCCESS
    )
)
_FORGOTTEN = (
    _OURS,
    rotation.c.state != PENDING,
    rotation.c.pk <= bindparam("through", type_=Integer),
    or_(rotation.c.pk <= _LAST_SUCCESS, rotation.c.test == 1, rotation.c.version_id.not_in(_FILLED)),
)
_FORGET_ATTEMPTS = Statement(
    lambda: delete(attempt).where(attempt.c.rotation_pk.in_(select(rotation.c.pk).where(*_FORGOTTEN)))
)
_FORGET = Statement(lambda: delete(rotation).where(*_FORGOTTEN))
_NTH = Statement(
    lambda: select(rotation.c.pk).where(_OURS).order_by(rotation.c.pk.desc()).offset(bindparam("skipped")).limit(1)
)
_RUN_AT = Statement(
    lambda: (
        update(rotation)
        .where(rotation.c.pk == bindparam("at_pk"))
        .values(state=PENDING, ended_ms=None, next_ms=bindparam("v_next_ms"))
    )
)

_NEWER = rotation.alias("newer")
_FAILING = Statement(
    lambda: (
        select(rotation.c.pk, secret.c.name, secret.c.suffix, rotation.c.attempts)
        .join(secret, secret.c.pk == rotation.c.secret_pk)
        .where(
            UNSUCCESSFUL,
            or_(rotation.c.attempts > 0, rotation.c.state == bindparam("failed")),
            # Not by an index of the secrets: an account has far more than rotations that do not come through.
            func.coalesce(secret.c.account, "") == bindparam("account"),
            func.coalesce(secret.c.region, "") == bindparam("region"),
            secret.c.deleted_ms.is_(None),
            ~select(_NEWER.c.pk)
            .where(_NEWER.c.secret_pk == rotation.c.secret_pk, _NEWER.c.pk > rotation.c.pk)
            .exists(),
        )
        .order_by(rotation.c.pk.desc())
        .limit(bindparam("at_most"))
    )
)


class Failing(NamedTuple):
    """The newest rotation of a secret, of which attempts have failed, or which was a test that failed."""

    pk: int
    name: str
    suffix: str
    attempts: int


def failing(tx: Transaction, account: str, region: str, at_most: int) -> list[Failing]:
    """The rotations of an account and Region that do not come through, those begun last first."""
    rows = tx.rows(_FAILING, account=account, region=region, failed=FAILED, at_most=at_most)
    return [Failing._make(row) for row in rows]


def add(tx: Transaction, *, secret_pk: int, version_id: str, test: bool, began_ms: int, token: bytes) -> Rotation:
    """Note a rotation that begins now, to be run at once; old history of the secret goes."""
    values: dict[str, Any] = dict.fromkeys(Rotation._fields[1:]) | {
        "secret_pk": secret_pk,
        "version_id": version_id,
        "test": int(test),
        "state": PENDING,
        "began_ms": began_ms,
        "attempts": 0,
        "next_ms": began_ms,
        "token": token,
    }
    answer = tx.row(_ADD, **{f"v_{name}": value for name, value in values.items()})
    if answer is None:
        raise RuntimeError("an insert answered no key")
    old = tx.row(_NTH, of_secret=secret_pk, skipped=HISTORY)
    if old is not None:
        tx.run(_FORGET_ATTEMPTS, of_secret=secret_pk, through=int(old[0]))
        tx.run(_FORGET, of_secret=secret_pk, through=int(old[0]))
    return Rotation._make((answer[0], *values.values()))


def under_way(tx: Transaction, secret_pk: int) -> Rotation | None:
    """The rotation of a secret that has not ended."""
    row = tx.row(_UNDER_WAY, of_secret=secret_pk)
    return None if row is None else Rotation._make(row)


def by_pk(tx: Transaction, pk: int) -> Rotation | None:
    """One rotation by its number."""
    row = tx.row(_BY_PK, at_pk=pk)
    return None if row is None else Rotation._make(row)


def of_version(tx: Transaction, secret_pk: int, version_id: str) -> Rotation | None:
    """The rotation that made a version, or is making it."""
    row = tx.row(_BY_VERSION, of_secret=secret_pk, of_version=version_id)
    return None if row is None else Rotation._make(row)


def history(tx: Transaction, secret_pk: int, at_most: int = HISTORY) -> list[Rotation]:
    """The rotations of a secret, newest first."""
    return [Rotation._make(row) for row in tx.rows(_HISTORY, of_secret=secret_pk, at_most=at_most)]


def end(tx: Transaction, pk: int, state: str, ended_ms: int) -> None:
    """Say what became of a rotation."""
    tx.run(_END, at_pk=pk, v_state=state, v_ended_ms=ended_ms)


def run_at(tx: Transaction, pk: int, next_ms: int) -> None:
    """Have a rotation run, or run again, at some moment; one that has ended is taken up again."""
    tx.run(_RUN_AT, at_pk=pk, v_next_ms=next_ms)


def note_failure(tx: Transaction, pk: int, *, next_ms: int) -> None:
    """Note that an attempt failed, and when the next one is."""
    tx.run(_FAIL, at_pk=pk, v_next_ms=next_ms)


def unfinished_versions(tx: Transaction, secret_pk: int) -> frozenset[str]:
    """The version ids of rotations that did not succeed, none having succeeded since."""
    return frozenset(str(row[0]) for row in tx.rows(_UNFINISHED, of_secret=secret_pk))
