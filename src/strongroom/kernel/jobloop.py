"""Due jobs, done once: take a lease, do the work and check the fence in one transaction, or put the job off.

The work of a job, its records and the end of its lease commit together; a lease that was lost meanwhile rolls
all of it back. A job that fails is tried again later, with growing pauses, and says so in the log.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from strongroom.base.clock import Clock
from strongroom.base.entropy import Entropy, uuid4
from strongroom.kernel.call import Record
from strongroom.kernel.jobs import due, lease
from strongroom.kernel.journal import event
from strongroom.kernel.registry import Errands, Job, JobHandler, Registry
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Store, Transaction
from strongroom.kernel.storage.writequeue import Outcome, WriteQueue

log = logging.getLogger("strongroom.jobs")

LOOK_EVERY_SECONDS = 0.25
LEASE = timedelta(seconds=60)
AT_ONCE = 16
COMMIT_WAIT_SECONDS = 60.0


class _Run:
    """What one job has in hand (registry.JobRun)."""

    def __init__(self, loop: JobLoop, now: datetime) -> None:
        self.now = now
        self.entropy = loop.entropy
        self.keyring = loop.keyring
        self.records: list[Record] = []
        self._machine_now = loop.clock()

    def record(
        self,
        *,
        service: str,
        name: str,
        account: str,
        region: str,
        details: Mapping[str, Any],
        request_id: str | None = None,
        error_message: str | None = None,
    ) -> None:
        """Record one AwsServiceEvent, written with the transaction of the job."""
        event_id = uuid4(self.entropy)
        made = event.service_event(
            event_id=event_id,
            request_id=request_id or uuid4(self.entropy),
            when=self._machine_now,
            product_now=self.now,
            service=service,
            name=name,
            region=region,
            account=account,
            details=details,
            error_message=error_message,
        )
        self.records.append(Record(event_id, made, writes=True))


class JobLoop:
    """The runner's work: one loop a process, many processes and nodes side by side."""

    def __init__(
        self,
        *,
        registry: Registry,
        store: Store,
        queue: WriteQueue,
        keyring: Keyring,
        entropy: Entropy,
        clock: Clock,
        offset: Callable[[Transaction], timedelta],
        owner: str,
        catch_up: Callable[[Transaction], None] = lambda _: None,
        count: Callable[[str, bool], None] = lambda _kind, _done: None,
        watch: Callable[[str], AbstractContextManager[None]] = lambda _kind: nullcontext(),
    ) -> None:
        """``count`` is told how a job ended, ``watch`` goes around its work; both in the thread that does it."""
        self.registry = registry
        self.count = count
        self.watch = watch
        self.store = store
        self.queue = queue
        self.keyring = keyring
        self.entropy = entropy
        self.clock = clock
        self.offset = offset
        self.owner = owner
        self.catch_up = catch_up
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._out: dict[lease.Leased, datetime] = {}  # errands under way, and when each lease was last renewed
        self._back = threading.Condition()
        self._taking = threading.Lock()  # two rounds at once would each count the same free places

    def close(self) -> None:
        """Wait for the errands under way. What they wait for should have been told to end."""
        for threads in list(self._threads.values()):
            threads.shutdown(wait=True, cancel_futures=True)

    def _release(self) -> None:
        self._commit(lambda tx: Outcome(keep=True, records=(), value=lease.release(tx, self.owner)))

    def settle(self, seconds: float) -> None:
        """Wait, bounded, until no errand is under way."""
        with self._back:
            self._back.wait_for(lambda: not self._out, seconds)

    def run(self, stop: threading.Event) -> None:
        """Do what is due, until told to stop. A failure of the store is logged and looked at again.

        First what the process before this one had in hand is freed: of one owner there is one at a time.
        """
        released = False
        while not stop.is_set():
            try:
                if not released:
                    self._release()
                    released = True
                self._renew()
                done = self.run_due()
            except Exception as error:  # noqa: BLE001  the loop must outlive a store that restarts
                log.error("the job loop failed and goes on: %s", type(error).__name__)  # noqa: TRY400  no driver texts
                done = 0
                stop.wait(1.0)
            if not done:
                stop.wait(LOOK_EVERY_SECONDS)

    def run_due(self) -> int:
        """Do one round of due jobs; how many were taken."""
        with self.store.read() as tx:
            now = self.clock() + self.offset(tx)
            first = due.next_due(tx)
        if first is None or first > now:
            return 0
        with self._taking:
            taken: list[lease.Leased] = self._commit(partial(self._take, now))
            with self._back:
                for leased in taken:
                    if leased.kind in self.registry.errands:
                        self._out[leased] = self.clock()
        for leased in taken:
            errands = self.registry.errands.get(leased.kind)
            if errands is None:
                with self.watch(leased.kind):
                    self._do(leased, self.registry.jobs.get(leased.kind))
            else:
                self._send(leased, errands)
        return len(taken)

    def _take(self, now: datetime, tx: Transaction) -> Outcome:
        """Lease what is due and has room."""
        with self._back:
            kinds = Counter(leased.kind for leased in self._out)
            lanes = Counter((leased.kind, leased.lane) for leased in self._out)
        errands = self.registry.errands

        def admits(kind: str, lane: str | None) -> bool:
            bounds = errands.get(kind)
            if bounds is None:
                return True
            if kinds[kind] >= bounds.at_once or (lane is not None and lanes[kind, lane] >= bounds.lane_at_once):
                return False
            kinds[kind] += 1
            lanes[kind, lane] += 1
            return True

        taken = lease.take(
            tx,
            owner=self.owner,
            product_now=now,
            machine_now=self.clock(),
            lease_for=LEASE,
            limit=AT_ONCE,
            but_not=[kind for kind, bounds in errands.items() if kinds[kind] >= bounds.at_once],
            full=[
                lane
                for (kind, lane), count in lanes.items()
                if lane is not None and count >= errands[kind].lane_at_once
            ],
            admits=admits,
        )
        return Outcome(keep=True, records=(), value=taken)

    def _send(self, leased: lease.Leased, errands: Errands) -> None:
        """Begin an errand in a thread of its own."""

        def go() -> None:
            try:
                with self.watch(leased.kind):
                    self._errand(leased, errands)
            finally:
                with self._back:
                    self._out.pop(leased, None)
                    self._back.notify_all()

        threads = self._threads.get(leased.kind)
        if threads is None:
            made = ThreadPoolExecutor(errands.at_once, thread_name_prefix=f"errand {leased.kind}")
            threads = self._threads.setdefault(leased.kind, made)
        threads.submit(go)

    def _errand(self, leased: lease.Leased, errands: Errands) -> None:
        try:
            self._do(leased, errands.work(Job(leased.kind, leased.key, leased.attempt)))
        except Exception as error:  # noqa: BLE001  as in ``_do``
            self._failed(leased, error)

    def _renew(self) -> None:
        """Hold the errands under way for longer, well before their leases run out."""
        now = self.clock()
        with self._back:
            old = [leased for leased, since in self._out.items() if now - since > LEASE / 3]
        for leased in old:
            try:
                self._commit(partial(self._held_longer, leased))
            except lease.LostLease:
                log.warning("job %s %s: its lease was lost while it waited", leased.kind, leased.key)
            with self._back:
                if leased in self._out:
                    self._out[leased] = now

    def _held_longer(self, leased: lease.Leased, tx: Transaction) -> Outcome:
        lease.renew(tx, leased, lease_for=LEASE, machine_now=self.clock())
        return Outcome(keep=True, records=(), value=None)

    def _do(self, leased: lease.Leased, handler: JobHandler | None) -> None:
        def work(tx: Transaction) -> Outcome:
            self.catch_up(tx)
            run = _Run(self, self.clock() + self.offset(tx))
            if handler is None:
                raise LookupError(f"no room does jobs of kind {leased.kind}")
            # First, so that the work may schedule the same job anew; both stand or fall together.
            lease.finish(tx, leased)
            handler(Job(leased.kind, leased.key, leased.attempt), run, tx)
            return Outcome(keep=True, records=tuple(run.records), value=None)

        try:
            self._commit(work)
            self.count(leased.kind, True)
        except lease.LostLease:
            log.warning("job %s %s: its lease was lost; another node has it", leased.kind, leased.key)
        except Exception as error:  # noqa: BLE001  one job's failure is that job's alone
            self._failed(leased, error)

    def _failed(self, leased: lease.Leased, error: Exception) -> None:
        self.count(leased.kind, False)
        frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
        log.error(  # the driver's text may quote a value
            "job %s %s failed, attempt %d: %s\n%s",
            leased.kind,
            leased.key,
            leased.attempt,
            type(error).__name__,
            frames,
        )
        self._commit(lambda tx: self._put_off(leased, tx))

    def _put_off(self, leased: lease.Leased, tx: Transaction) -> Outcome:
        now = self.clock() + self.offset(tx)
        lease.postpone(tx, leased, now + lease.pause_after(leased.attempt))
        return Outcome(keep=True, records=(), value=None)

    def _commit(self, run: Callable[[Transaction], Outcome]) -> Any:
        done = threading.Event()
        got: list[Outcome | BaseException] = []

        def finished(outcome: Outcome | BaseException) -> None:
            got.append(outcome)
            done.set()

        self.queue.submit(run, finished)
        if not done.wait(COMMIT_WAIT_SECONDS):
            raise TimeoutError("the write queue did not answer")
        outcome = got[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome.value
