"""Where journal and store meet: records go out before the answer, and before the COMMIT that they speak of.

A writing call stores its event id in its own transaction; its record is written and synced before COMMIT.
A COMMIT that fails is followed by ``not committed``; what a crash leaves open is settled at the next start.
Source: DESIGN.md, "Journal and commit agree".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import cast

from sqlalchemy import bindparam, delete, insert, select

from strongroom.base.clock import Clock, to_ms
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.call import Record
from strongroom.kernel.journal.segments import Journal, JournalUnwritable
from strongroom.kernel.storage.port import Statement, Store, Transaction
from strongroom.kernel.storage.schema import commit
from strongroom.kernel.storage.writequeue import Outcome

log = logging.getLogger("strongroom.recorder")

_KEEP = Statement(
    insert(commit).values(
        event_id=bindparam("event_id"), chain=bindparam("chain"), committed_ms=bindparam("committed_ms")
    )
)
_FORGET = Statement(delete(commit).where(commit.c.event_id.in_(bindparam("ids", expanding=True))))
_FORGET_AT_ONCE = 500


def committed_among(store: Store, event_ids: Sequence[str]) -> set[str]:
    """Which of these events' transactions were committed."""
    found: set[str] = set()
    with store.read() as tx:
        for start in range(0, len(event_ids), _FORGET_AT_ONCE):
            ids = list(event_ids[start : start + _FORGET_AT_ONCE])
            found.update(
                row[0] for row in tx.rows(select(commit.c.event_id).where(commit.c.event_id.in_(ids)))
            )
    return found


def forget_settled(tx: Transaction, event_ids: Sequence[str]) -> None:
    """Delete the ids of events whose outcome the journal itself now tells."""
    for start in range(0, len(event_ids), _FORGET_AT_ONCE):
        tx.run(_FORGET, ids=list(event_ids[start : start + _FORGET_AT_ONCE]))


class Recorder:
    """The ledger of one process: the write queue's (storage.writequeue.Ledger) and the reads' own."""

    def __init__(self, journal: Journal, store: Store, clock: Clock) -> None:
        self.journal = journal
        self.store = store
        self.clock = clock
        self._undecided: list[str] = []

    def read(self, records: Sequence[Record]) -> None:
        """Hand the records of an answered read or a refusal to the kernel; the journal syncs within 100 ms.

        Raises the refusal that the client gets where nothing can be recorded.
        """
        try:
            self.journal.append(records)
        except JournalUnwritable as error:
            raise _unrecordable(error) from error

    def before_commit(self, tx: Transaction, outcomes: Sequence[Outcome]) -> None:
        """Store the event ids in the batch's transaction, write and sync its records.

        Batches come one after another, and of one that failed we are told: so the one before this was committed.
        """
        self.journal.committed(self._undecided)
        self._undecided = []
        records = [record for outcome in outcomes for record in _records(outcome)]
        now_ms, chain = to_ms(self.clock()), self.journal.chain_id
        for record in records:
            if record.writes:
                tx.run(_KEEP, event_id=record.event_id, chain=chain, committed_ms=now_ms)
        forget_settled(tx, self.journal.checkpoint())
        try:
            self.journal.append_synced(records)
        except JournalUnwritable as error:
            raise _unrecordable(error) from error
        self._undecided = [record.event_id for record in records if record.writes]

    def not_committed(self, outcomes: Sequence[Outcome], reason: str) -> None:
        """Say of every writing record of a batch that its COMMIT failed."""
        self._undecided = []
        ids = [record.event_id for outcome in outcomes for record in _records(outcome) if record.writes]
        if ids:
            try:
                self.journal.not_committed(ids, reason)
            except JournalUnwritable:
                # The next start settles it: the ids are not in the table.
                log.exception("the journal could not take %d outcomes", len(ids))

    def committed(self, tx: Transaction, outcomes: Sequence[Outcome]) -> bool:  # noqa: ARG002
        """Whether a batch whose COMMIT was not answered is in the store after all."""
        ids = [record.event_id for outcome in outcomes for record in _records(outcome) if record.writes]
        return bool(ids) and bool(committed_among(self.store, ids[:1]))

    def unknown(self, outcomes: Sequence[Outcome]) -> None:
        """A batch may be in the store or not: its records wait for the next start, which settles them."""
        self._undecided = []
        log.error("the outcome of %d writes is unknown; it is settled at the next start", len(outcomes))


def _records(outcome: Outcome) -> Iterable[Record]:
    return cast("Sequence[Record]", outcome.records)


def _unrecordable(error: JournalUnwritable) -> Refusal:
    return Refusal(
        Kind.INTERNAL, "The request was refused because it could not be recorded.", detail=str(error)
    )
