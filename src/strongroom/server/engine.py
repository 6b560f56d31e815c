"""The product as one worker runs it: each request let in, on its way in the loop or beside it, or turned away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import Any

from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.call import Source
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import Flight
from strongroom.kernel.metrics.text import CONTENT_TYPE
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.storage.port import Store, Transaction
from strongroom.kernel.storage.writequeue import WriteQueue
from strongroom.server.admission import Admission, Lane, Standing
from strongroom.server.commits import Deliveries
from strongroom.server.counting import Counting
from strongroom.server.glimpse import Shapes
from strongroom.server.metering import Metering
from strongroom.server.parts import Bare, Held
from strongroom.server.space import Level, Space
from strongroom.server.streams import Streams
from strongroom.server.traces import Traces
from strongroom.server.turn import GatheredReply, Turn
from strongroom.server.turnedaway import TurnedAway
from strongroom.server.ways import Ways

log = logging.getLogger("strongroom.asgi")

STREAM_THREADS = 2
STREAM, LOCAL = "StreamEvents", "strongroom"
"""The one operation whose answer goes on."""


class Engine:
    """The product as one worker runs it, while it is unsealed."""

    def __init__(
        self,
        chain: Chain,
        store: Store,
        queue: WriteQueue,
        recorder: Recorder,
        deliveries: Deliveries,
        *,
        sync_each: bool,
        metering: Metering | None = None,
        space: Space | None = None,
        traces: Traces | None = None,
        admission: Admission | None = None,
        account: str = "",
    ) -> None:
        """``account``: the one of the first start, whose records tell of calls that are nobody's."""
        self.metering = metering
        self.traces = traces
        self.admission = admission or Admission()
        self.turned_away = TurnedAway(chain, recorder, account)
        self.shapes = Shapes()
        self.space = space
        self.chain = chain
        self.store = store
        self.queue = queue
        self.recorder = recorder
        self.ways = Ways(
            chain, store, queue, recorder, deliveries, self.admission, self.turned_away, sync_each=sync_each
        )
        self.count = Counting(recorder.tally, traces, metering).count
        self.turn = Turn(
            chain,
            recorder,
            syncing_in=self.ways.threads if sync_each else None,
            count=self.count,
            entered=self._entered,
        )
        self.admission.soon = self.turn.afterwards
        self._going_on: set[asyncio.Task[HTTPReply]] = set()
        self.streams = Streams(chain, store, ThreadPoolExecutor(STREAM_THREADS, thread_name_prefix="stream"))

    @property
    def stopped(self) -> bool:
        """Whether every call is refused for want of room."""
        return self.space is not None and self.space.level() is Level.STOPPED

    def close(self) -> None:
        """Finish what was accepted, then give everything back."""
        self.streams.close()
        self.ways.close()
        if self.metering is not None:
            self.metering.close()
        if self.traces is not None:
            self.traces.close()
        self.ways.commits.submit()
        self.queue.close()
        self.turned_away.close()
        self.recorder.journal.close()
        self.store.close()

    def answer(
        self, request: HTTPRequest, source: Source, standing: Standing
    ) -> HTTPReply | Held | Coroutine[Any, Any, HTTPReply]:
        """The reply to one request, recorded. What cannot be recorded or committed has not happened.

        Held where its record goes out at the end of this turn or with a commit, a coroutine where it must wait for a
        thread or a sync. ``standing`` is that of its connection. To be called in the event loop.
        """
        begun, admission = perf_counter(), self.admission
        if begun > admission.crowded_at:
            full = admission.refused(request, source.ip, standing, begun)
            if full is not None:
                return self._turn_away(request, source, full, begun)
        return self._let_in(request, source, standing, begun)

    def glance(self, data: bytes, standing: Standing) -> Bare | None:
        """The refusal of a request whose connection has proven whose it is, and whose lane is full (parts.Glance)."""
        begun, admission = perf_counter(), self.admission
        if begun <= admission.crowded_at or not standing.proven:
            return None
        shape = standing.shape
        if shape is None or not shape.fits(data):
            shape = standing.shape = self.shapes.of(data)
            if shape is None:
                return None
        lane = standing.proven.get(shape.key)
        if lane is None or not admission.is_full(lane):
            return None
        return self.turned_away.at_a_glance(lane, shape.target, begun)

    def _let_in(
        self, request: HTTPRequest, source: Source, standing: Standing, begun: float
    ) -> HTTPReply | Held | Coroutine[Any, Any, HTTPReply]:
        flight = self.chain.begin(request, source)
        flight.begun = begun
        if self.space is not None and self.space.level() > Level.LOW:
            refused = self._no_room(flight, self.space)
            if refused is not None:
                return refused
        try:
            aside = self._aside(flight, standing)
            if aside is not None:
                return aside
            if standing.patient and self._may_be_gathered(flight):
                return self.turn.gather(flight, standing)
            self.chain.enter(flight)
        except Exception as error:  # noqa: BLE001  the client gets an internal error, the log gets the trace
            refused = self.chain.refuse_unwritten(flight, error)
            self.count(flight)
            return refused
        return self._went(flight, standing)

    def _may_be_gathered(self, flight: Flight) -> bool:
        """Whether a call may be worked out with others. Traced ones have times of their own."""
        operation = flight.operation
        return operation is not None and operation.steady and self.traces is None

    def _went(
        self, flight: Flight, standing: Standing, gathered: GatheredReply | None = None
    ) -> HTTPReply | Held | Coroutine[Any, Any, HTTPReply]:
        """What is to be done with a flight that has gone as far as it goes in the event loop."""
        reply: HTTPReply | Held | Coroutine[Any, Any, HTTPReply]
        try:
            lane = self.admission.answered(standing, flight.call, flight.begun)
            if flight.needs_time:
                return self._line_up(flight, standing)
            if flight.reply is not None:
                if flight.first_use:
                    self.ways.note_use(flight)
                return self.turn.hold(flight, flight.reply, gathered)
            reply = self.ways.finish(flight, lane, self.count)
        except Exception as error:  # noqa: BLE001  as above
            reply = self.chain.refuse_unwritten(flight, error)
        if isinstance(reply, HTTPReply):
            self.count(flight)
        return self._wait(flight, reply) if isinstance(reply, Coroutine) else reply

    def _entered(self, gathered: GatheredReply) -> None:
        """Go on with a read that was worked out with others (``Turn`` asks for it, once for each)."""
        reply = self._went(gathered.flight, gathered.standing, gathered)
        if reply is gathered:
            return
        loop = asyncio.get_running_loop()
        if isinstance(reply, HTTPReply):
            loop.call_soon(gathered.give, reply)  # its connection may not even hold it yet
        elif isinstance(reply, Coroutine):
            task = loop.create_task(reply)
            self._going_on.add(task)
            task.add_done_callback(partial(self._went_on, gathered))
        else:
            reply.deliver = gathered.give

    def _went_on(self, gathered: GatheredReply, task: asyncio.Task[HTTPReply]) -> None:
        self._going_on.discard(task)
        if not task.cancelled():  # it is where the worker ends
            gathered.give(task.result())

    def _aside(self, flight: Flight, standing: Standing) -> HTTPReply | Held | Coroutine[Any, Any, HTTPReply] | None:
        """What must not run in the event loop, on its way in a thread; None for what may."""
        operation = flight.operation
        steady = operation is not None and operation.steady  # a plain read, which can be remembered
        if not steady:
            if flight.waits_outside:
                return self._wait(flight, self.ways.outside(flight, standing))
            if flight.slow:
                return self._line_up(flight, standing)
        return None if self.store.embedded else self._line_up(flight, standing, in_rounds=steady)

    def _line_up(
        self, flight: Flight, standing: Standing, *, in_rounds: bool = False
    ) -> HTTPReply | Held | Coroutine[Any, Any, HTTPReply]:
        request, source, admission = flight.request, flight.call.source, self.admission
        lane = admission.lane_of(request, source.ip, standing)
        if admission.threads.refuses(lane, flight.begun):
            return self._turn_away(request, source, lane, flight.begun)
        go_on = self.ways.in_round if in_rounds else self.ways.in_thread
        return self._wait(flight, go_on(flight, standing, lane))

    def _turn_away(
        self, request: HTTPRequest, source: Source, lane: Lane, begun: float
    ) -> HTTPReply | Held | Coroutine[Any, Any, HTTPReply]:
        """Refuse a call that has no place: a few proven and recorded, the others as cheaply as can be."""
        if self.turned_away.may_record(begun):
            flight = self.chain.begin(request, source)
            flight.begun = begun
            if not self.store.embedded:
                return self._wait(flight, self._turned_away_in_thread(flight, lane))
            self.chain.turn_away(flight)
            return self.turn.hold(flight, _reply(flight))
        return self.turned_away.unread(lane, self.chain.router.route(request), begun)

    async def _turned_away_in_thread(self, flight: Flight, lane: Lane) -> HTTPReply:
        await self.ways.fair.run(lane, self.chain.turn_away, flight)
        self.recorder.read(flight.records)
        return _reply(flight)

    def _no_room(self, flight: Flight, space: Space) -> HTTPReply | None:
        operation = flight.operation
        text = space.refuses(flight.call.name, changes=operation is not None and operation.mode.changes)
        return None if text is None else self.ways.refuse(flight, Refusal(Kind.UNAVAILABLE, text))

    async def _wait(self, flight: Flight, reply: Coroutine[Any, Any, HTTPReply]) -> HTTPReply:
        try:
            answer = await reply
            goes_on = flight.refusal is None and flight.route.operation == STREAM and flight.route.service == LOCAL
            return self.streams.opened(flight, answer) if goes_on else answer
        except Exception as error:  # noqa: BLE001  as above
            return self.chain.refuse_unwritten(flight, error)
        finally:
            self.count(flight)

    async def scraped(self, page: Callable[[Transaction], bytes]) -> HTTPReply:
        """The page of the metrics, made in a thread."""

        def make() -> bytes:
            with self.store.read() as tx:
                return page(tx)

        try:
            body = await asyncio.get_running_loop().run_in_executor(self.ways.threads, make)
        except Exception:  # whoever asked gets an internal error
            log.exception("the metrics could not be read")
            return HTTPReply(500, (), b"")
        return HTTPReply(200, ((b"content-type", CONTENT_TYPE.encode()),), body)


def _reply(flight: Flight) -> HTTPReply:
    if flight.reply is None:
        raise RuntimeError("a refusal without a reply")
    return flight.reply
