"""Statements about attempts: what went wrong in each that failed, as far back as anybody will look."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, select

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.secretsmanager.store.tables import attempt

KEPT = 20
"""How many failed attempts of one rotation are remembered, the newest."""


class Attempt(NamedTuple):
    """One attempt that failed, or that ended with the server (``step`` None). ``told``: texts, sealed."""

    rotation_pk: int
    began_ms: int
    ended_ms: int
    step: str | None
    told: bytes


_COLUMNS = [attempt.c[name] for name in Attempt._fields]
_ADD = Statement(lambda: insert(attempt).values({name: bindparam(f"v_{name}") for name in Attempt._fields}))
_OURS = attempt.c.rotation_pk == bindparam("of_rotation")
_NEWEST = Statement(lambda: select(*_COLUMNS).where(_OURS).order_by(attempt.c.pk.desc()).limit(bindparam("at_most")))
_NTH = Statement(
    lambda: select(attempt.c.pk).where(_OURS).order_by(attempt.c.pk.desc()).offset(bindparam("skipped")).limit(1)
)
_FORGET = Statement(lambda: delete(attempt).where(_OURS, attempt.c.pk <= bindparam("through")))


def add(tx: Transaction, one: Attempt) -> None:
    """Note an attempt; old ones of the same rotation go."""
    tx.run(_ADD, **{f"v_{name}": value for name, value in one._asdict().items()})
    old = tx.row(_NTH, of_rotation=one.rotation_pk, skipped=KEPT)
    if old is not None:
        tx.run(_FORGET, of_rotation=one.rotation_pk, through=int(old[0]))


def newest(tx: Transaction, rotation_pk: int, at_most: int = KEPT) -> list[Attempt]:
    """The attempts of a rotation, newest first."""
    return [Attempt._make(row) for row in tx.rows(_NEWEST, of_rotation=rotation_pk, at_most=at_most)]
