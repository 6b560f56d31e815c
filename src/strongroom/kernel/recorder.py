"""Where journal and store meet: records go out before the answer, and before the COMMIT that they speak of.

A writing call stores its event id in its own transaction; its record is written and synced before COMMIT.
A COMMIT that fails is followed by ``not committed``; what a crash leaves open is settled at the next start.
Source: DESIGN.md, "Journal and commit agree".
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import bindparam, delete, insert, select

from strongroom.base.clock import Clock, to_ms
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.call import AnyRecord, Record
from strongroom.kernel.feed import rows as feed
from strongroom.kernel.journal.segments import Journal, JournalUnwritable
from strongroom.kernel.metrics.tally import Tally
from strongroom.kernel.storage.port import Statement, Store, Transaction
from strongroom.kernel.storage.schema import commit
from strongroom.kernel.storage.writequeue import Outcome

log = logging.getLogger("strongroom.recorder")

_KEEP = Statement(
    lambda: insert(commit).values(
        event_id=bindparam("event_id"), chain=bindparam("chain"), committed_ms=bindparam("committed_ms")
    )
)
_FORGET = Statement(lambda: delete(commit).where(commit.c.event_id.in_(bindparam("ids", expanding=True))))
_FORGET_CHAINS = Statement(lambda: delete(commit).where(commit.c.chain.between(bindparam("first"), bindparam("last"))))
_FIND = Statement(lambda: select(commit.c.event_id).where(commit.c.event_id.in_(bindparam("ids", expanding=True))))
_AT_ONCE = 500


def committed_among(store: Store, event_ids: Sequence[str]) -> set[str]:
    """Which of these events' transactions were committed; for transactions whose process is gone.

    Asked from the one writer's place: what a dead process had sent to a database may be under way yet, and
    holds that place until it has come to its end.
    """
    if not event_ids:
        return set()
    with store.write() as tx:
        return _found(tx, event_ids)


def seen_among(store: Store, event_ids: Sequence[str]) -> set[str]:
    """Which of these events' transactions are committed as far as a reader sees; others may be under way."""
    if not event_ids:
        return set()
    with store.read() as tx:
        return _found(tx, event_ids)


def forget_ended(tx: Transaction, node: str, through: str) -> None:
    """Delete the ids of all chains of a node that began not later than ``through``: they are settled.

    Chains are named ``<node>-<start>-<process>``, so that they sort by their start.
    """
    tx.run(_FORGET_CHAINS, first=f"{node}-", last=f"{node}-{through}.")  # "." sorts next after "-"


class Recorder:
    """The ledger of one process: the write queue's (storage.writequeue.Ledger) and the reads' own.

    One batch is under way at a time. ``_written``: whether the journal has its records. ``_forgetting``: the
    ids that are settled and whose deletion has not been committed yet.
    """

    def __init__(self, journal: Journal, store: Store, clock: Clock, tally: Tally | None = None) -> None:
        self.journal = journal
        self.tally = tally
        self.store = store
        self.clock = clock
        self._written = False
        self._forgetting: list[str] = []

    def read(self, records: Sequence[AnyRecord]) -> None:
        """Hand the records of an answered read or a refusal to the kernel; the journal syncs within 100 ms.

        Raises the refusal that the client gets where nothing can be recorded.
        """
        try:
            self.journal.append(records)
        except JournalUnwritable as error:
            raise _unrecordable(error) from error
        if self.tally is not None:
            self.tally.read(len(records))

    def sync(self) -> None:
        """Make durable what was handed out so far. Raises as ``read`` does."""
        try:
            self.journal.sync()
        except JournalUnwritable as error:
            raise _unrecordable(error) from error

    def before_commit(self, tx: Transaction, outcomes: Sequence[Outcome]) -> None:
        """Store the event ids in the batch's transaction, write and sync its records."""
        self._written = False
        records = _records(outcomes)
        now_ms, chain = to_ms(self.clock()), self.journal.chain_id
        new: list[feed.New] = []
        ids: list[dict[str, Any]] = []
        for record in records:
            if record.writes:
                ids.append({"event_id": record.event_id, "chain": chain, "committed_ms": now_ms})
                if not (record.untold or record.event["readOnly"]):
                    new.append(feed.New(record.event, record.resource or _about(record.event)))
        tx.many(_KEEP, ids)
        if new:
            feed.add(tx, new, now_ms)
        try:
            self._forgetting.extend(self.journal.checkpoint())
            for start in range(0, len(self._forgetting), _AT_ONCE):
                tx.run(_FORGET, ids=self._forgetting[start : start + _AT_ONCE])
            self.journal.append(records)
            self._written = True
            self.journal.sync()
        except JournalUnwritable as error:
            raise _unrecordable(error) from error

    def committed(self, outcomes: Sequence[Outcome]) -> None:
        """Know that a batch is in the store: its ids there may go at one of the next checkpoints."""
        self._forgetting.clear()
        self.journal.committed(_writing_ids(outcomes))
        if self.tally is not None:
            records = _records(outcomes)
            self.tally.written(len(records))
            for record in records:
                if record.writes and record.event["eventType"] == "AwsServiceEvent":
                    self.tally.event(record.event["eventName"])

    def not_committed(self, outcomes: Sequence[Outcome], reason: str) -> None:
        """Record a batch that was lost: its records, where they are not out yet, and that they do not count."""
        written, self._written = self._written, False
        try:
            if not written:
                self.journal.append_synced(_records(outcomes))
            self.journal.not_committed(_writing_ids(outcomes), reason)
        except JournalUnwritable:
            # What is in the journal is settled at the next start: the ids are not in the table.
            log.exception("the journal could not take the outcome of %d calls", len(outcomes))

    def unknown(self, outcomes: Sequence[Outcome]) -> bool:
        """Look up a batch whose COMMIT was not answered and record what came of it; whether it was kept."""
        ids = _writing_ids(outcomes)
        if not ids:
            return False
        if set(ids) == committed_among(self.store, ids):
            self.committed(outcomes)
            return True
        self.not_committed(outcomes, "the connection was lost during COMMIT, and nothing of it was kept")
        return False


def _about(event: Mapping[str, Any]) -> str:
    """The secret that a service event is about."""
    details = event.get("additionalEventData") or {}
    return str(details.get("SecretId", ""))


def _found(tx: Transaction, event_ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(event_ids), _AT_ONCE):
        found.update(row[0] for row in tx.rows(_FIND, ids=list(event_ids[start : start + _AT_ONCE])))
    return found


def _records(outcomes: Sequence[Outcome]) -> list[Record]:
    return [record for outcome in outcomes for record in cast("Sequence[Record]", outcome.records)]


def _writing_ids(outcomes: Sequence[Outcome]) -> list[str]:
    return [record.event_id for record in _records(outcomes) if record.writes]


def _unrecordable(error: JournalUnwritable) -> Refusal:
    return Refusal(Kind.INTERNAL, "The request was refused because it could not be recorded.", detail=str(error))
