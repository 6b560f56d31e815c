"""The reads that are answered in one turn of the event loop: they are worked out together, their records go out in one
write, then they do.

With ``journal_sync = each`` they wait for a sync as well. One is under way at a time, in a thread; all turns that end
meanwhile share the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from strongroom.base.http import HTTPReply
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import Flight
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.together import enter_together
from strongroom.server.admission import Standing

log = logging.getLogger("strongroom.asgi")


Count = Callable[[Flight], None]
TOGETHER = 8
"""So many reads are worked out together, as soon as they are there."""


class Turn:
    """The answers of one worker that wait for their records. Used in the event loop's thread alone."""

    def __init__(
        self,
        chain: Chain,
        recorder: Recorder,
        *,
        syncing_in: Executor | None = None,
        count: Count = lambda _: None,
        entered: Entered | None = None,
    ) -> None:
        """``syncing_in``: the threads to sync in, where every record is synced before its answer; else None.

        ``count`` is told of each flight when it is delivered. ``entered`` takes each that was gathered, once the chain
        has taken it as far as it goes without writing.
        """
        self._count = count
        self._entered = entered
        self._gathered: list[GatheredReply] = []
        self._chain = chain
        self._recorder = recorder
        self._threads = syncing_in
        self._held: list[HeldReply] = []
        self._afterwards: list[Callable[[], None]] = []
        self._ending = False  # ``end`` is on its way
        self._unsynced: list[HeldReply] = []
        self._syncing: list[HeldReply] = []  # a sync that covers these is under way

    def hold(self, flight: Flight, reply: HTTPReply, gathered: GatheredReply | None = None) -> HeldReply:
        """Hold a reply back until the turn ends. ``gathered``: what it was given to, where that was asked for."""
        if gathered is None:
            held = HeldReply(self, flight, reply)
        else:
            held = gathered
            held.reply = reply
        if not self._ending:
            self._end_soon()
        self._held.append(held)
        return held

    def gather(self, flight: Flight, standing: Standing) -> GatheredReply:
        """Have a read that nobody has entered yet worked out with others of this turn, and hold its reply back."""
        gathered = GatheredReply(self, flight, standing)
        if not self._ending:
            self._end_soon()
        self._gathered.append(gathered)
        if len(self._gathered) >= TOGETHER:
            self._work_out()
        return gathered

    def afterwards(self, work: Callable[[], None]) -> None:
        """Have something done once all that this turn holds has left, or waits for its sync."""
        if not self._ending:
            self._end_soon()
        self._afterwards.append(work)

    def _end_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self.end)
        self._ending = True

    def end(self) -> None:
        """Record all that is held, and deliver it, or have it synced first. What cannot be recorded is refused."""
        try:
            self._work_out()
            self._ending = False
            self._record()
            if self._threads is not None and self._unsynced and not self._syncing:
                self._sync(self._threads)
        finally:
            last, self._afterwards = self._afterwards, []
            for work in last:
                work()

    def hurry(self) -> None:
        """Deliver all that is held before this returns, if need be with a sync in this very thread."""
        self._work_out()
        self._record()
        turn = self._syncing + self._unsynced
        self._syncing, self._unsynced = [], []
        if turn:
            self._deliver(turn, self._synced())

    def _work_out(self) -> None:
        gathered, self._gathered = self._gathered, []
        if not gathered:
            return
        enter_together(self._chain, [one.flight for one in gathered])
        for one in gathered:
            if self._entered is not None:
                self._entered(one)

    def _record(self) -> None:
        turn, self._held = self._held, []
        if not turn:
            return
        try:
            self._recorder.read([record for held in turn for record in held.flight.records])
        except Exception as error:  # noqa: BLE001  the clients get an internal error, the log gets the trace
            self._deliver(turn, error)
            return
        if self._threads is None:
            self._deliver(turn, None)
        else:
            self._unsynced += turn

    def _sync(self, threads: Executor) -> None:
        self._syncing, self._unsynced = self._unsynced, []
        done = asyncio.get_running_loop().run_in_executor(threads, self._synced)
        done.add_done_callback(partial(self._sync_done, self._syncing, threads))

    def _synced(self) -> BaseException | None:
        try:
            self._recorder.sync()
        except Exception as error:  # noqa: BLE001  as above
            return error
        return None

    def _sync_done(self, turn: list[HeldReply], threads: Executor, done: asyncio.Future[BaseException | None]) -> None:
        if turn is not self._syncing:
            return  # somebody was in a hurry, and it is delivered
        self._syncing = []
        if self._unsynced:
            self._sync(threads)
        self._deliver(turn, asyncio.CancelledError() if done.cancelled() else done.exception() or done.result())

    def _deliver(self, turn: list[HeldReply], error: BaseException | None) -> None:
        for held in turn:
            if error is not None:
                held.reply = self._chain.refuse_unwritten(held.flight, error)
            self._count(held.flight)
            try:
                held.hand_over()
            except Exception:  # one client's connection is not the others' affair
                log.exception("an answer could not be delivered")


class HeldReply:
    """One reply of a turn (parts.Held)."""

    __slots__ = ("_turn", "deliver", "flight", "reply")

    can_hurry = True

    def __init__(self, turn: Turn, flight: Flight, reply: HTTPReply) -> None:
        self._turn = turn
        self.flight = flight
        self.reply = reply
        self.deliver: Callable[[HTTPReply], None] | None = None

    def hurry(self) -> None:
        """As parts.Held."""
        self._turn.hurry()

    def hand_over(self) -> None:
        """Give the reply to whoever waits for it."""
        if self.deliver is not None:
            self.deliver(self.reply)


class GatheredReply(HeldReply):
    """The reply to a read that is worked out with others (parts.Held). It may turn out to be a write's."""

    __slots__ = ("standing",)

    can_hurry = False

    def __init__(self, turn: Turn, flight: Flight, standing: Standing) -> None:
        super().__init__(turn, flight, _NOT_YET)
        self.standing = standing

    def give(self, reply: HTTPReply) -> None:
        """Take a reply that is recorded already, and hand it over."""
        self.reply = reply
        self.hand_over()


_NOT_YET = HTTPReply(500, (), b"")
Entered = Callable[[GatheredReply], None]
