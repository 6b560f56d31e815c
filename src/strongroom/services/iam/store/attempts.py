"""Rows of wrong guesses of late. They raise no generation."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select

from strongroom.base.classes import dataclass
from strongroom.base.clock import from_ms, to_ms
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.services.iam.store.tables import attempt


@dataclass(frozen=True, slots=True)
class Attempts:
    """How many wrong guesses came in a row, and when the last of them did."""

    failed: int
    last: datetime


_ONE = Statement(lambda: select(attempt.c.failed, attempt.c.last_ms).where(attempt.c.subject == bindparam("which")))
_INSERT = Statement(
    lambda: insert(attempt).values(subject=bindparam("which"), failed=bindparam("failed"), last_ms=bindparam("last_ms"))
)
_DELETE = Statement(lambda: delete(attempt).where(attempt.c.subject == bindparam("which")))


_DELETE_OLD = Statement(
    lambda: delete(attempt).where(
        attempt.c.subject.startswith(bindparam("beginning"), autoescape=False), attempt.c.last_ms < bindparam("before")
    )
)


def of(tx: Transaction, subject: str) -> Attempts | None:
    """The wrong guesses at one thing; None where there were none."""
    row = tx.row(_ONE, which=subject)
    return None if row is None else Attempts(row[0], from_ms(row[1]))


def put(tx: Transaction, subject: str, found: Attempts) -> None:
    """Replace the count."""
    tx.run(_DELETE, which=subject)
    tx.run(_INSERT, which=subject, failed=found.failed, last_ms=to_ms(found.last))


def forget(tx: Transaction, subject: str) -> None:
    """Delete the count."""
    tx.run(_DELETE, which=subject)


def forget_before(tx: Transaction, beginning: str, moment: datetime) -> None:
    """Delete the counts of the subjects that begin so and were last guessed at before a moment."""
    tx.run(_DELETE_OLD, beginning=beginning, before=to_ms(moment))
