"""Brings what a process counted into the store, every few seconds and at its end, through the write queue."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.call import Call
from strongroom.kernel.metrics.alarms import Alarm, Alarms
from strongroom.kernel.metrics.usage import Usage, Use
from strongroom.kernel.storage.errors import StoreError
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.writequeue import Outcome, WriteQueue

log = logging.getLogger("strongroom.metering")

EVERY_SECONDS = 10.0
Keep = Callable[[Transaction, Mapping[Use, int], Sequence[Alarm], Mapping[str, int]], None]


class Metering:
    """One thread a process. ``close`` it before the queue."""

    def __init__(self, usage: Usage, queue: WriteQueue, keep: Keep) -> None:
        self.usage = usage
        self.alarms = Alarms()
        self._queue = queue
        self._keep = keep
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metering", daemon=True)
        self._thread.start()

    def page_asked(self, call: Call, refusal: Answerable | None) -> None:
        """Count a call that a page of the console made."""
        principal = call.credential.principal
        if not principal.account:
            return
        resource = "" if call.target is None or call.target.found is None else call.target.arn
        self.usage.count(principal.account, call.region, call.service, call.name, principal.entity_arn, resource)
        if isinstance(refusal, Refusal) and refusal.kind is Kind.ACCESS_DENIED:
            self.alarms.deny(principal.account)

    def flush(self) -> threading.Event:
        """Have stored what was counted so far; the event is set when it is, or is lost, which is said."""
        counted = self.usage.given()
        alarms, denials = self.alarms.given()
        done = threading.Event()
        if not counted and not alarms and not denials:
            done.set()
            return done

        def run(tx: Transaction) -> Outcome:
            self._keep(tx, counted, alarms, denials)
            return Outcome(keep=True, records=(), value=None)

        def finished(outcome: Outcome | BaseException) -> None:
            if isinstance(outcome, BaseException):
                log.warning("the counts of %d kinds of calls were not stored: %s", len(counted), type(outcome).__name__)
            done.set()

        try:
            self._queue.submit(run, finished)
        except StoreError as error:
            finished(error)
        return done

    def close(self) -> None:
        """Have stored what is left, and end: the queue does it before it closes. Nobody waits for the answer, which
        would come to an event loop that has ended.
        """
        self._stop.set()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self.flush()
