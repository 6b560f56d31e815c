"""The ways of a call that was let in, beside the event loop: in a round, in a thread, to the world outside, to a
function; and how it goes out once it was entered: recorded, synced where that is asked for, or held for its commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from math import inf
from typing import Any

from strongroom.base.http import HTTPReply
from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import Flight
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.storage.port import Store
from strongroom.kernel.storage.writequeue import Outcome, QueueFull, WriteQueue
from strongroom.server.admission import Admission, Lane, Standing
from strongroom.server.commits import Commits, Deliveries, HeldWrite
from strongroom.server.fairness import FairThreads
from strongroom.server.quick import settled
from strongroom.server.rounds import Rounds
from strongroom.server.turnedaway import TurnedAway

log = logging.getLogger("strongroom.asgi")

SLOW_CALLS_AT_ONCE = 8
WAITING_CALLS_AT_ONCE = 64
"""Calls that wait for a function. They have threads of their own: a function may call us back while we wait for it."""
OUTSIDE_CALLS_AT_ONCE = 4
OUTSIDE_CALLS_WAITING = 32
"""Calls that ask the world outside have threads of their own: a slow provider then delays nobody else."""


class Ways:
    """The ways of one worker, with their threads. Used in the event loop's thread alone, but for ``close``."""

    def __init__(
        self,
        chain: Chain,
        store: Store,
        queue: WriteQueue,
        recorder: Recorder,
        deliveries: Deliveries,
        admission: Admission,
        turned_away: TurnedAway,
        *,
        sync_each: bool,
    ) -> None:
        self._chain = chain
        self._queue = queue
        self._recorder = recorder
        self._admission = admission
        self._sync_each = sync_each
        self.threads = ThreadPoolExecutor(SLOW_CALLS_AT_ONCE, thread_name_prefix="call")
        self.fair = FairThreads(self.threads, SLOW_CALLS_AT_ONCE)
        self.commits = Commits(chain, queue, deliveries, admission.commits, turned_away, self.refuse)
        self._rounds = Rounds(chain, store, recorder)
        self._waiting = ThreadPoolExecutor(WAITING_CALLS_AT_ONCE, thread_name_prefix="waiting")
        self._waiting_calls = 0
        self._outside = ThreadPoolExecutor(OUTSIDE_CALLS_AT_ONCE, thread_name_prefix="outside")
        self._outside_calls = 0

    def close(self) -> None:
        """Finish what is under way in threads. What waits for its commit is the queue's."""
        self._waiting.shutdown(wait=True)
        self._rounds.close()
        self.threads.shutdown(wait=True)
        self._outside.shutdown(wait=True)

    async def outside(self, flight: Flight, standing: Standing) -> HTTPReply:
        """The reply to a call that asks the world outside (``ahead``); a refusal where too many do."""
        if self._outside_calls >= OUTSIDE_CALLS_AT_ONCE + OUTSIDE_CALLS_WAITING:
            return self.refuse(flight, Refusal(Kind.THROTTLED, "Too many calls of this kind. Please try again."))
        self._outside_calls += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self._outside, self._chain.enter, flight)
            reply = self.finish(flight, self._admission.met(standing, flight.call))
            return await settled(reply)
        finally:
            self._outside_calls -= 1

    async def in_round(self, flight: Flight, standing: Standing, lane: Lane) -> HTTPReply:
        """The reply to a plain read, of a round or, where that is not enough, of a thread."""
        line = self._admission.threads
        line.enter(id(flight), lane, flight.begun)
        try:
            taken = await self._rounds.ask(flight)
        finally:
            line.leave(id(flight), lane)
        if not taken or flight.needs_time:
            return await self.in_thread(flight, standing, lane)
        whose = self._admission.met(standing, flight.call)
        if flight.reply is None:
            reply = self.finish(flight, whose)
            return await settled(reply)
        if flight.first_use:
            self.note_use(flight)
        return await self._synced(flight.reply) if self._sync_each else flight.reply

    async def in_thread(self, flight: Flight, standing: Standing, lane: Lane) -> HTTPReply:
        """The reply to a call that waits or computes, once it is its lane's turn."""
        line = self._admission.threads
        flight.call.patient = True
        line.enter(id(flight), lane, inf if flight.slow else flight.begun)
        try:
            await self.fair.run(lane, self._chain.enter, flight)
        finally:
            line.leave(id(flight), lane)
        reply = self.finish(flight, self._admission.met(standing, flight.call))
        return await settled(reply)

    def finish(
        self, flight: Flight, lane: Lane, count: Callable[[Flight], None] | None = None
    ) -> HTTPReply | HeldWrite | Coroutine[Any, Any, HTTPReply]:
        """The reply to a flight that was entered, recorded; what will have it where it waits for a commit, a function
        or a sync. ``count`` counts a flight that is held, where nobody else does.
        """
        if flight.first_use:
            self.note_use(flight)
        if flight.reply is None:
            waits = flight.call.afterwards is not None
            return self._afterwards(flight) if waits else self.commits.hold(flight, lane, count)
        self._recorder.read(flight.records)
        return self._synced(flight.reply) if self._sync_each else flight.reply

    async def _synced(self, reply: HTTPReply) -> HTTPReply:
        await asyncio.get_running_loop().run_in_executor(self.threads, self._recorder.journal.sync)
        return reply

    async def _afterwards(self, flight: Flight) -> HTTPReply:
        if self._waiting_calls >= WAITING_CALLS_AT_ONCE:
            return self.refuse(flight, Refusal(Kind.THROTTLED, "Rate Exceeded."))
        self._waiting_calls += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self._waiting, self._chain.go_on_outside, flight)
        finally:
            self._waiting_calls -= 1
        if flight.reply is None:
            raise RuntimeError("a call that waited has no reply")
        self._recorder.read(flight.records)
        return await self._synced(flight.reply) if self._sync_each else flight.reply

    def note_use(self, flight: Flight) -> None:
        """Have the last-used date of a flight's key stored; nobody waits for it."""
        with contextlib.suppress(QueueFull):  # a date can wait for the next hour
            self._queue.submit(lambda tx: self._chain.last_used.note(flight.call, tx), _ignore)

    def refuse(self, flight: Flight, error: BaseException) -> HTTPReply:
        """Refuse, and record the refusal of, a call that never came to its handler."""
        reply = self._chain.refuse_unwritten(flight, error)
        with contextlib.suppress(Answerable):  # refused it is either way
            self._recorder.read(flight.records)
        return reply


def _ignore(outcome: Outcome | BaseException) -> None:
    if isinstance(outcome, BaseException):
        log.warning("a last-used date was not stored: %s", type(outcome).__name__)
