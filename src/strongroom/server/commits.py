"""The writes that wait for their commit: no task each, and one wake-up of the event loop for all of a batch.

A write is submitted where its request was judged, in the event loop. The writer thread hands over the outcomes of a
whole batch when it is durable; only then does anything of them leave.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter

from strongroom.base.http import HTTPReply
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel import wire
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import Flight
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.writequeue import Answers, Outcome, WriteQueue
from strongroom.server.admission import Lane, Line
from strongroom.server.turnedaway import TurnedAway

log = logging.getLogger("strongroom.asgi")

Refuse = Callable[[Flight, BaseException], HTTPReply]


class Deliveries:
    """Brings a batch's outcomes from the writer thread to the event loop, with one wake-up for all of them."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, answers: Answers) -> None:
        """The write queue's ``on_batch_done``."""
        loop = self.loop
        if loop is None:
            _deliver(answers)
            return
        try:
            loop.call_soon_threadsafe(_deliver, answers)
        except RuntimeError:  # the loop has ended, and whoever waited in it
            log.info("%d answers came after the end", len(answers))


def _deliver(answers: Answers) -> None:
    for done, outcome in answers:
        try:
            done(outcome)
        except Exception:  # one client's connection is not the others' affair
            log.exception("an answer could not be delivered")


class Commits:
    """The writes of one worker that wait. Used in the event loop's thread alone."""

    def __init__(
        self,
        chain: Chain,
        queue: WriteQueue,
        deliveries: Deliveries,
        line: Line,
        turned_away: TurnedAway,
        refuse: Refuse,
    ) -> None:
        """``line``: those that wait; ``refuse`` refuses and records a call that never came to its handler."""
        self.chain = chain
        self.line = line
        self.refuse = refuse
        self._queue = queue
        self._deliveries = deliveries
        self._turned_away = turned_away
        self._gathered: list[HeldWrite] = []

    def hold(self, flight: Flight, lane: Lane, count: Callable[[Flight], None] | None) -> HTTPReply | HeldWrite:
        """Hold the reply to a write back until it is durable; a refusal where there is no place for it.

        ``count`` is told of a flight that was held, when it is delivered.
        """
        line = self.line
        if line.refuses(lane, perf_counter()):
            return self._no_place(flight, lane)
        held = HeldWrite(self, flight, lane, count)
        if not self._gathered:
            loop = self._deliveries.loop = asyncio.get_running_loop()
            loop.call_soon(self.submit)
        self._gathered.append(held)
        line.enter(id(flight), lane, flight.begun)
        return held

    def submit(self) -> None:
        """Queue what has come in this turn, all at once: the writer's thread would fight with this one over each."""
        gathered, self._gathered = self._gathered, []
        taken = self._queue.submit_all([(held.run, held.finished) for held in gathered])
        if taken < len(gathered):
            refusal = Refusal(Kind.UNAVAILABLE, "Too many writes are waiting. Please try again.")
            _deliver([(held.finished, refusal) for held in gathered[taken:]])

    def _no_place(self, flight: Flight, lane: Lane) -> HTTPReply:
        """Refuse a call that is proven already, and would have to wait for its commit for too long."""
        refusal = wire.throttled(flight.route.service)
        if self._turned_away.may_record(perf_counter()):
            return self.refuse(flight, refusal)
        self._turned_away.count(lane)
        flight.refusal = refusal
        return wire.refuse(flight.route, refusal, flight.call.request_id)


class HeldWrite:
    """The reply of one write (parts.Held)."""

    __slots__ = ("_commits", "_count", "_lane", "deliver", "flight")

    can_hurry = False

    def __init__(self, commits: Commits, flight: Flight, lane: Lane, count: Callable[[Flight], None] | None) -> None:
        self._commits = commits
        self._count = count
        self._lane = lane
        self.flight = flight
        self.deliver: Callable[[HTTPReply], None] | None = None

    def hurry(self) -> None:
        """As parts.Held: a commit takes its time."""

    def run(self, tx: Transaction) -> Outcome:
        """Its turn in the writer's place."""
        return self._commits.chain.write(self.flight, tx)

    def finished(self, outcome: Outcome | BaseException) -> None:
        """Take what came of it, and let its reply go. In the event loop."""
        flight, commits = self.flight, self._commits
        commits.line.leave(id(flight), self._lane)
        try:
            reply = self._reply(outcome)
        except Exception as error:  # noqa: BLE001  the client gets an internal error, the log gets the trace
            reply = commits.chain.refuse_unwritten(flight, error)
        try:
            if self._count is not None:
                self._count(flight)
        finally:
            if self.deliver is not None:
                self.deliver(reply)

    def _reply(self, outcome: Outcome | BaseException) -> HTTPReply:
        flight, commits = self.flight, self._commits
        if isinstance(outcome, BaseException):
            if flight.records:  # it ran: the ledger has recorded it, and that it was lost
                return commits.chain.refuse_unwritten(flight, outcome)
            return commits.refuse(flight, outcome)
        if flight.reply is None:
            raise RuntimeError("a written call without a reply")
        return flight.reply
