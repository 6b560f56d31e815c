"""All writes of one process, in batches: one transaction, one journal sync, one COMMIT for many calls.

A call is a function of the transaction. It runs in a savepoint that is kept or undone as its outcome says.
Then the ledger stores the event ids and makes the records durable, then the batch is committed, then the
answers leave. While one batch commits the next one gathers, so nothing is held back to gather more.

    queue.submit(run, done)   ->   writer thread:  savepoint  run  release | undo   (each call)
                                                   ledger.before_commit             (once)
                                                   COMMIT                           (once)
                                                   done(outcome | error)            (all together)

A call runs at most once. Where the transaction is lost under it (a restarted server), every call that had
begun is told so; those that had not begun wait for the next batch.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from strongroom.base.classes import dataclass
from strongroom.kernel.storage.batch import Batch, BatchStore
from strongroom.kernel.storage.errors import CommitUnknown, StoreError, StoreUnavailable
from strongroom.kernel.storage.port import Transaction

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to. Its ``records`` are written whether its changes are kept or not.

    ``despite``: what is stored although the call itself is undone, in a savepoint of its own.
    """

    keep: bool
    records: tuple[object, ...]
    value: object
    despite: tuple[Callable[[Transaction], None], ...] = ()


Run = Callable[[Transaction], Outcome]
Done = Callable[[Outcome | BaseException], None]
Answers = Sequence[tuple[Done, Outcome | BaseException]]


class QueueFull(StoreError):  # noqa: N818
    """As many calls wait as may wait. The caller is asked to come again."""


class Waiter:
    """A ``done`` for a thread that waits for it: answered on the writer thread, whoever delivers the others.

    An event loop that is being closed delivers nothing, and may itself be waiting for that thread.
    """

    def __init__(self) -> None:
        self._done = threading.Event()
        self._got: Outcome | BaseException | None = None

    def __call__(self, answer: Outcome | BaseException) -> None:
        """Take the answer."""
        self._got = answer
        self._done.set()

    def wait(self, seconds: float) -> Outcome:
        """The outcome. Raises the error that undid the call, and TimeoutError."""
        if not self._done.wait(seconds) or self._got is None:
            raise TimeoutError("the write queue did not answer")
        if isinstance(self._got, BaseException):
            raise self._got
        return self._got


class Ledger(Protocol):
    """Where the records of a batch go: the journal, and the table that says which of them count."""

    def before_commit(self, tx: Transaction, outcomes: Sequence[Outcome]) -> None:
        """Store the kept calls' event ids in ``tx``, make all records durable. Raising undoes the batch."""
        ...

    def committed(self, outcomes: Sequence[Outcome]) -> None:
        """Know that a batch was kept. Called between its COMMIT and its answers; must not wait."""
        ...

    def not_committed(self, outcomes: Sequence[Outcome], reason: str) -> None:
        """Record a batch that was not kept, whether its own records are out already or not."""
        ...

    def unknown(self, outcomes: Sequence[Outcome]) -> bool | None:
        """After a COMMIT whose answer was lost: look the event ids up and record those that are not there.

        Called when the lost transaction has certainly ended. True says that all are there, and the callers
        get their outcomes after all; None or False, and they are told CommitUnknown.
        """
        ...


class WriteQueue:
    """One bounded queue and its writer thread.

    ``on_batch_done`` takes a whole batch's callbacks with their answers, in order, so that an event loop
    needs one call_soon_threadsafe; without it they are called one by one on the writer thread.
    """

    def __init__(
        self,
        store: BatchStore,
        ledger: Ledger,
        *,
        capacity: int = 1024,
        batch: int = 64,
        on_batch_done: Callable[[Answers], None] | None = None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._capacity = capacity
        self._batch = batch
        self._on_batch_done = on_batch_done or _one_by_one
        self._waiting: deque[tuple[Run, Done]] = deque()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="write-queue", daemon=True)
        self._thread.start()

    def submit(self, run: Run, done: Done) -> None:
        """Queue one call. ``done`` gets its outcome once that is durable, or the error that undid it.

        Raises QueueFull where too many wait or the queue is closing.
        """
        with self._changed:
            if self._closing:
                raise QueueFull("the write queue is closing")
            if len(self._waiting) >= self._capacity:
                raise QueueFull(f"{self._capacity} writes are waiting")
            self._waiting.append((run, done))
            self._changed.notify()

    def submit_all(self, calls: Sequence[tuple[Run, Done]]) -> int:
        """Queue calls that came together, in their order; how many of them there was room for."""
        with self._changed:
            room = 0 if self._closing else self._capacity - len(self._waiting)
            taken = calls[: max(room, 0)]
            self._waiting.extend(taken)
            self._changed.notify()
            return len(taken)

    def close(self, *, drain: bool = True) -> None:
        """Take no more calls, finish the waiting ones (or tell them StoreUnavailable), end the thread."""
        with self._changed:
            self._closing = True
            dropped = [] if drain else list(self._waiting)
            if not drain:
                self._waiting.clear()
            self._changed.notify()
        self._answer([(done, StoreUnavailable("the write queue is closed")) for _, done in dropped])
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting:
                    return
            try:
                tx = self._store.begin_write()
            except BaseException as error:  # noqa: BLE001  the thread must outlive it; the callers are told
                self._answer([(done, error) for _, done in self._taken(self._capacity)])
                continue
            self._answer(self._one_batch(tx))

    def _next(self) -> tuple[Run, Done] | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _taken(self, count: int) -> list[tuple[Run, Done]]:
        with self._changed:
            return [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]

    def _one_batch(self, tx: Batch) -> Answers:
        answers: list[tuple[Done, Outcome | BaseException]] = []
        lost: BaseException | None = None
        try:
            # Calls are taken one by one, so that whoever comes while the batch runs may still join it, and so
            # that nobody is taken out whose turn does not come.
            while lost is None and len(answers) < self._batch and (taken := self._next()) is not None:
                run, done = taken
                answer, lost = _one_call(tx, run)
                answers.append((done, answer))
            outcomes = [answer for _, answer in answers if isinstance(answer, Outcome)]
            if lost is None and outcomes:
                lost = self._commit(tx, outcomes)
            elif lost is not None:
                tx.rollback()
                self._tell_not_committed(outcomes, lost)
        finally:
            tx.rollback()
        if lost is None:
            return answers
        failed: BaseException = lost
        return [(done, failed if isinstance(answer, Outcome) else answer) for done, answer in answers]

    def _commit(self, tx: Batch, outcomes: Sequence[Outcome]) -> BaseException | None:
        """Records, then COMMIT. Answers what undid the batch, or None."""
        try:
            self._ledger.before_commit(tx, outcomes)
            tx.commit()
        except CommitUnknown as error:
            return self._ask_again(error, outcomes)
        except BaseException as error:  # noqa: BLE001  every caller of the batch is told
            tx.rollback()
            self._tell_not_committed(outcomes, error)
            return error
        try:
            self._ledger.committed(outcomes)
        except Exception:  # noqa: BLE001  kept it is; the next start finds the ids in the store
            _LOG.exception("a committed batch could not be told to the ledger")
        return None

    def _ask_again(self, error: CommitUnknown, outcomes: Sequence[Outcome]) -> BaseException | None:
        """Have the ledger look for the batch in the store. Answers what its callers are told, None for
        success.

        The lost transaction holds the writer's place until it has ended: once we had the place ourselves,
        what is not there will never be. Where that cannot be asked now, the next start compares journal and
        table.
        """
        if not error.askable:
            _LOG.error("a commit is in doubt until the next start: %s", error)
            return error
        try:
            self._store.begin_write().rollback()
            if self._ledger.unknown(outcomes):
                return None
        except Exception:  # noqa: BLE001  logged; the thread goes on
            _LOG.exception("the outcome of a batch could not be looked up")
        return error

    def _tell_not_committed(self, outcomes: Sequence[Outcome], error: BaseException) -> None:
        if not outcomes:
            return
        try:
            self._ledger.not_committed(outcomes, f"{type(error).__name__}: {error}")
        except Exception:  # noqa: BLE001  the start's comparison of journal and table adds what is missing
            _LOG.exception("an undone batch could not be recorded")

    def _answer(self, answers: Answers) -> None:
        others = []
        for done, answer in answers:
            if isinstance(done, Waiter):
                done(answer)
            else:
                others.append((done, answer))
        if not others:
            return
        try:
            self._on_batch_done(others)
        except Exception:  # noqa: BLE001  logged; the thread goes on
            _LOG.exception("the answers of a batch could not be handed over")


def _one_call(tx: Batch, run: Run) -> tuple[Outcome | BaseException, BaseException | None]:
    """The call's answer, and what lost the whole transaction under it, if anything did.

    A call that had come to an outcome keeps it: its records are still to be written.
    """
    answer: Outcome | BaseException | None = None
    try:
        tx.savepoint()
        try:
            answer = run(tx)
        except BaseException as error:  # noqa: BLE001  it is the caller's, not ours
            answer = error
        if isinstance(answer, Outcome) and answer.keep:
            tx.release()
        else:
            tx.undo()
            if isinstance(answer, Outcome) and answer.despite:
                _keep_despite(tx, answer)
    except BaseException as error:  # noqa: BLE001
        return answer if isinstance(answer, Outcome) else error, error
    return answer, None


def _keep_despite(tx: Batch, answer: Outcome) -> None:
    """Store what a refused call wants kept. Where that cannot be, the refusal stands all the same."""
    tx.savepoint()
    try:
        for change in answer.despite:
            change(tx)
    except Exception:  # noqa: BLE001  logged; a transaction that is lost says so at the next statement
        _LOG.exception("what a refused call wanted kept was not stored")
        tx.undo()
    else:
        tx.release()


def _one_by_one(answers: Answers) -> None:
    for done, answer in answers:
        try:
            done(answer)
        except Exception:  # noqa: BLE001  logged; the thread goes on
            _LOG.exception("an answer could not be handed over")
