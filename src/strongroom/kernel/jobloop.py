"""Due jobs, done once: take a lease, do the work and check the fence in one transaction, or put the job off.

The work of a job, its records and the end of its lease commit together; a lease that was lost meanwhile rolls
all of it back. A job that fails is tried again later, with growing pauses, and says so in the log.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from strongroom.base.clock import Clock
from strongroom.base.entropy import Entropy, uuid4
from strongroom.kernel.call import Record
from strongroom.kernel.jobs import due, lease
from strongroom.kernel.journal import event
from strongroom.kernel.registry import Job, Registry
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
    ) -> None:
        self.registry = registry
        self.store = store
        self.queue = queue
        self.keyring = keyring
        self.entropy = entropy
        self.clock = clock
        self.offset = offset
        self.owner = owner
        self.catch_up = catch_up

    def run(self, stop: threading.Event) -> None:
        """Do what is due, until told to stop. A failure of the store is logged and looked at again."""
        while not stop.is_set():
            try:
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
        taken: list[lease.Leased] = self._commit(
            lambda tx: Outcome(
                keep=True,
                records=(),
                value=lease.take(
                    tx,
                    owner=self.owner,
                    product_now=now,
                    machine_now=self.clock(),
                    lease_for=LEASE,
                    limit=AT_ONCE,
                ),
            )
        )
        for leased in taken:
            self._do(leased)
        return len(taken)

    def _do(self, leased: lease.Leased) -> None:
        handler = self.registry.jobs.get(leased.kind)

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
        except lease.LostLease:
            log.warning("job %s %s: its lease was lost; another node has it", leased.kind, leased.key)
        except Exception as error:  # noqa: BLE001  one job's failure is that job's alone
            frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
            log.error(  # noqa: TRY400  the driver's text may quote a value
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
