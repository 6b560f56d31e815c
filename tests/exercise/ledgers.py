"""A ledger that keeps the table as the real one does, and notes in order what it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import bindparam, insert, select

from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import commit
from strongroom.kernel.storage.writequeue import Outcome, Run, WriteQueue
from tests.exercise.things import ADD

_KEEP = Statement(insert(commit))
_FIND = Statement(select(commit.c.event_id).where(commit.c.event_id.in_(bindparam("ids", expanding=True))))


@dataclass
class Notes:
    """The ledger: ``told`` holds (what, ids) in order, ``kept_ids`` what it knows to be committed.

    ``before`` runs at the end of before_commit.
    """

    store: BatchStore
    before: Callable[[Transaction], None] = lambda tx: None
    told: list[tuple[str, list[object]]] = field(default_factory=list)
    kept_ids: list[object] = field(default_factory=list)

    def before_commit(self, tx: Transaction, outcomes: Sequence[Outcome]) -> None:
        """As Ledger.before_commit."""
        self.told.append(("before", _ids(outcomes)))
        for one in _ids([outcome for outcome in outcomes if outcome.keep]):
            tx.run(_KEEP, event_id=one, chain="c", committed_ms=0)
        self.before(tx)

    def committed(self, outcomes: Sequence[Outcome]) -> None:
        """As Ledger.committed."""
        self.kept_ids.extend(_ids(outcomes))

    def not_committed(self, outcomes: Sequence[Outcome], reason: str) -> None:
        """As Ledger.not_committed."""
        self.told.append((f"not committed: {reason.partition(':')[0]}", _ids(outcomes)))

    def unknown(self, outcomes: Sequence[Outcome]) -> bool:
        """As Ledger.unknown."""
        self.told.append(("unknown", _ids(outcomes)))
        kept = _ids([outcome for outcome in outcomes if outcome.keep])
        return len(kept) == len(self.kept(kept))

    def kept(self, ids: Sequence[object]) -> list[str]:
        """Which of these ids the store holds."""
        with self.store.read() as tx:
            return sorted(name for (name,) in tx.rows(_FIND, ids=list(ids)))


def _ids(outcomes: Sequence[Outcome]) -> list[object]:
    return [record for outcome in outcomes for record in outcome.records]


@dataclass
class Answer:
    """Where one call's answer arrives."""

    got: list[Outcome | BaseException] = field(default_factory=list)
    _came: threading.Event = field(default_factory=threading.Event)

    def __call__(self, answer: Outcome | BaseException) -> None:
        self.got.append(answer)
        self._came.set()

    def wait(self) -> Outcome | BaseException:
        """The answer, within a bound."""
        assert self._came.wait(30)
        (only,) = self.got
        return only


def adds(more: int, event: str, *, keep: bool = True) -> Run:
    """A call that adds to ``x``."""

    def run(tx: Transaction) -> Outcome:
        tx.run(ADD, named="x", more=more)
        return Outcome(keep, (event,), more)

    return run


def one_batch(queue: WriteQueue, runs: Sequence[Run]) -> list[Answer]:
    """Submit calls so that they come to lie in one batch: the first waits until all are queued."""
    queued = threading.Event()

    def first(tx: Transaction) -> Outcome:
        assert queued.wait(10)
        return runs[0](tx)

    answers = [Answer() for _ in runs]
    queue.submit(first, answers[0])
    for run, answer in zip(runs[1:], answers[1:], strict=True):
        queue.submit(run, answer)
    queued.set()
    return answers
