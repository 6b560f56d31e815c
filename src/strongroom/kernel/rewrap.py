"""Everything under the root key, sealed anew under the next one: a job that does one small batch at a time.

Each batch is one transaction of the write queue, which also stores how far the work is, so that a crash loses
nothing and anybody's runner goes on. Passes over all kinds of rows follow each other until one finds nothing
left; then, when every node's seal gives the new root, the old one is retired.
Source: DESIGN.md, "Sealing". Our choice: docs/decisions/0026-root-key-rotation.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, bindparam, func, select, update

from strongroom.base.classes import dataclass, field
from strongroom.kernel import roots
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Job, JobRun, Place, Registry, SealedRow, SealedRows
from strongroom.kernel.sealing import tokenkeys
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import kernel_key, token_key

KIND = "seal:rewrap"
"""Kind of the job; its key is the number of the root under which everything comes to lie."""

BATCH = 50
"""Rows in one transaction: a few milliseconds in the writer's place."""

_AT_ONCE = timedelta()
_NODES_PAUSE = timedelta(seconds=1)
_BROKEN_PAUSE = timedelta(minutes=1)
_BROKEN_NAMED = 10


@dataclass(slots=True)
class Progress:
    """How far the work is. ``done`` and ``total`` count rows of the first pass; ``rewrapped`` those of this pass.

    ``kind`` and ``after`` say where this pass goes on. ``broken`` names rows that no root opens: they were changed
    behind our back, and the old root is kept until an operator has looked. ``finished``: a whole pass found
    nothing left.
    """

    done: int = 0
    total: int = -1
    rewrapped: int = 0
    kind: str = ""
    after: list[str | int] | None = None
    broken: list[str] = field(default_factory=list)
    finished: bool = False

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self))


def progress_of(text: str | None) -> Progress | None:
    """Progress as it was stored; None where there is no rotation under way."""
    if text is None:
        return None
    found: dict[str, Any] = json.loads(text)
    return Progress(**found)


def register(registry: Registry, account: str) -> None:
    """Register the kernel's own rows, and who re-wraps all that rooms have registered.

    ``account``: under which the end of a rotation is recorded.
    """
    for rows in OWN:
        registry.add_sealed(rows)
    registry.add_job(KIND, lambda job, run, tx: _batch(registry, account, job, run, tx))


def _batch(registry: Registry, account: str, job: Job, run: JobRun, tx: Transaction) -> None:
    number = int(job.key)
    rows = {row.number: row for row in roots.stored(tx)}
    progress = progress_of(rows[number].progress) if number in rows else None
    if progress is None or not roots.under_way(list(rows.values())):
        return
    if not progress.finished:
        pause = _go_on(registry, progress, run, tx)
        roots.note_progress(tx, number, progress.text())
    elif roots.behind(tx):
        pause = _NODES_PAUSE
    else:
        roots.retire(tx, run.now)
        run.record(
            service="strongroom",
            name="RetireRootKey",
            account=account,
            region="us-east-1",
            details={"replacedBy": number, "rows": progress.done},
        )
        return
    due.schedule(tx, kind=KIND, key=job.key, due=run.now + pause)


def _go_on(registry: Registry, progress: Progress, run: JobRun, tx: Transaction) -> timedelta:
    """Do one batch; how long to wait before the next."""
    kinds = sorted(registry.sealed)
    if progress.total < 0:
        progress.total = sum(registry.sealed[name].count(tx) for name in kinds)
        progress.kind = kinds[0]
    if progress.kind == kinds[0] and progress.after is None:
        progress.broken = []  # a pass begins, and finds anew what is broken still
    left = BATCH
    # A kind that is gone (an older program's name) ends the pass early; the next one begins from the first.
    while left > 0 and progress.kind in registry.sealed:
        kind = registry.sealed[progress.kind]
        after: Place | None = None if progress.after is None else tuple(progress.after)
        page = kind.page(tx, after, min(left, kind.at_once))
        _rewrap(kind, page, progress, run, tx)
        left -= max(len(page) * max(BATCH // kind.at_once, 1), 1)
        if page:
            progress.after = list(page[-1].place)
        else:
            later = kinds[kinds.index(kind.name) + 1 :]
            progress.kind, progress.after = (later[0] if later else ""), None
    if progress.kind in registry.sealed:
        return _AT_ONCE
    return _end_of_pass(kinds, progress)


def _end_of_pass(kinds: Sequence[str], progress: Progress) -> timedelta:
    progress.finished = not progress.rewrapped and not progress.broken
    pause = _BROKEN_PAUSE if progress.broken and not progress.rewrapped else _AT_ONCE
    progress.kind, progress.after, progress.rewrapped = kinds[0], None, 0
    return pause


def _rewrap(kind: SealedRows, page: Sequence[SealedRow], progress: Progress, run: JobRun, tx: Transaction) -> None:
    for row in page:
        if run.keyring.is_newest(row.sealed):
            continue
        try:
            opened = run.keyring.open(kind.purpose, row.sealed, row.bound)
        except SealBroken:
            name = f"{kind.name} {' '.join(str(part) for part in row.place)}"
            if name not in progress.broken and len(progress.broken) < _BROKEN_NAMED:
                progress.broken.append(name)
            continue
        kind.replace(tx, row.place, run.keyring.seal(kind.purpose, opened, row.bound))
        progress.done += 1
        progress.rewrapped += 1


def sealed_rows(
    purpose: str,
    column: Column[Any],
    place: Column[Any],
    first: str | int,
    bound: Callable[[Any], bytes],
    *,
    told: ColumnElement[Any] | None = None,
    at_once: int = BATCH,
) -> SealedRows:
    """The things in one column of a table with a primary key of one column, ``place``.

    ``first`` comes before all places. ``bound``: what a thing is bound to, from its place, or from ``told`` where
    that is another column or a question to other tables. ``at_once``: how many are small enough for one transaction.
    """
    table = place.table
    page = Statement(
        select(place, place if told is None else told, column)
        .where(place > bindparam("after"), column.is_not(None))
        .order_by(place)
        .limit(bindparam("most"))
    )
    count = Statement(select(func.count(column)))
    change = Statement(update(table).where(place == bindparam("which")).values({column.name: bindparam("v_sealed")}))

    def pages(tx: Transaction, after: Place | None, limit: int) -> list[SealedRow]:
        found = tx.rows(page, after=first if after is None else after[0], most=limit)
        return [SealedRow((at,), bytes(sealed), bound(known)) for at, known, sealed in found]

    def counted(tx: Transaction) -> int:
        row = tx.row(count)
        return 0 if row is None else int(row[0])

    def replace(tx: Transaction, at: Place, sealed: bytes) -> None:
        tx.run(change, which=at[0], v_sealed=sealed)

    return SealedRows(f"{table}.{column.name}", purpose, pages, counted, replace, at_once)


OWN = (
    sealed_rows(roots.KEYS_PURPOSE, kernel_key.c.sealed, kernel_key.c.name, "", str.encode),
    sealed_rows(tokenkeys.PURPOSE, token_key.c.sealed, token_key.c.number, -1, tokenkeys.bound_to),
)
"""What the kernel itself keeps under the root key."""
