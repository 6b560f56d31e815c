"""Calls that no request brings: what a service does by itself, or with a session of a role that it holds.

They are decided and recorded like any other; here is the transaction that each of them needs.
"""

from __future__ import annotations

import threading
from typing import Any

from strongroom.base.refusals import Answerable
from strongroom.kernel.call import Answer, Call, Credential
from strongroom.kernel.chain import Chain
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import NeedsWrite, Transaction
from strongroom.kernel.storage.writequeue import Outcome, WriteQueue

COMMIT_WAIT_SECONDS = 60.0


class Unasked:
    """One process's own calls. To be used from threads that may wait, never from an event loop."""

    def __init__(self, chain: Chain, queue: WriteQueue, recorder: Recorder) -> None:
        self.chain = chain
        self._queue = queue
        self._recorder = recorder

    def call(
        self,
        who: Credential,
        service: str,
        operation: str,
        *,
        region: str,
        acts_for: tuple[str, str] | None = None,
        **params: Any,
    ) -> Answer:
        """Run one operation as ``who``. ``acts_for``: (ARN, account) behind aws:SourceArn and aws:SourceAccount.

        Raises what the operation refuses with, and what queue and journal fail with.
        """
        made = self.chain.unasked(who, service, operation, region=region, **params)
        made.acts_for = acts_for
        if self.chain.registry.rooms[service].operations[operation].mode is not Mode.WRITE:
            try:
                with self.chain.store.read() as tx:
                    answer, records = self.chain.perform(made, tx)
                if made.afterwards is not None:
                    # The transaction above is over: nobody waits for a function inside one.
                    answer, records = self.chain.perform_outside(made)
                self._recorder.read(records)
                return _told(answer)
            except NeedsWrite:
                made.records = []
        return _told(self._written(made))

    def _written(self, made: Call) -> Answer | Answerable:
        done = threading.Event()
        got: list[Outcome | BaseException] = []

        def run(tx: Transaction) -> Outcome:
            answer, records = self.chain.perform(made, tx)
            return Outcome(keep=not isinstance(answer, Answerable), records=tuple(records), value=answer)

        def finished(outcome: Outcome | BaseException) -> None:
            got.append(outcome)
            done.set()

        self._queue.submit(run, finished)
        if not done.wait(COMMIT_WAIT_SECONDS):
            raise TimeoutError("the write queue did not answer")
        outcome = got[0]
        if isinstance(outcome, BaseException):
            raise outcome
        value: Answer | Answerable = outcome.value  # type: ignore[assignment]  # made in ``run``
        return value


def _told(answer: Answer | Answerable) -> Answer:
    if isinstance(answer, Answerable):
        raise answer
    return answer
