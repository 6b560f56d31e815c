"""The ASGI application of one worker: bytes in, the chain, bytes out. The only async code on a call's way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson

from strongroom.base.classes import dataclass
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.authz.principal import PrincipalKind
from strongroom.kernel.call import Source, Sources
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import Flight
from strongroom.kernel.journal.written import WrittenRecord
from strongroom.kernel.metrics.alarms import Alarm, Alarms
from strongroom.kernel.metrics.outcomes import outcome_of
from strongroom.kernel.metrics.tally import ANSWERED
from strongroom.kernel.metrics.text import CONTENT_TYPE
from strongroom.kernel.metrics.usage import Usage
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.storage.port import Store, Transaction
from strongroom.kernel.storage.writequeue import Outcome, QueueFull, WriteQueue
from strongroom.kernel.traced import flown
from strongroom.server.admission import Admission, Lane, Standing
from strongroom.server.alerts import PENDING_DELETION_READ
from strongroom.server.commits import Commits, Deliveries, HeldWrite
from strongroom.server.fairness import FairThreads
from strongroom.server.glimpse import Shapes
from strongroom.server.hosts import HostCheck
from strongroom.server.metering import Metering
from strongroom.server.parts import Bare, Held, Receive, Scope, Send, TLSDetails
from strongroom.server.proxies import Proxies
from strongroom.server.quick import answered, settled
from strongroom.server.rounds import Rounds
from strongroom.server.scraping import PATH as METRICS
from strongroom.server.scraping import bearer, is_token
from strongroom.server.space import Level, Space
from strongroom.server.streams import Streams
from strongroom.server.traces import Traces
from strongroom.server.turn import Turn
from strongroom.server.turnedaway import TurnedAway

log = logging.getLogger("strongroom.asgi")

HEALTH = b"/_strongroom/health"
CONSOLE = b"/console"
SLOW_CALLS_AT_ONCE = 8
WAITING_CALLS_AT_ONCE = 64
"""Calls that wait for a function. They have threads of their own: a function may call us back while we wait for it."""
OUTSIDE_CALLS_AT_ONCE = 4
OUTSIDE_CALLS_WAITING = 32
_DECRYPT = ("kms.amazonaws.com", "Decrypt")
_READS = ("GetSecretValue", "BatchGetSecretValue")
STREAM_THREADS = 2
STREAM, LOCAL = "StreamEvents", "strongroom"
"""The one operation whose answer goes on."""
"""Calls that ask the world outside have threads of their own: a slow provider then delays nobody else."""


Sealed = Callable[[HTTPRequest], HTTPReply]
"""What answers while no root key is there: every call 503 in its protocol's form."""

Console = Callable[[HTTPRequest, Source], Coroutine[Any, Any, HTTPReply]]
"""What answers pages for people, where they are on. It has threads of its own."""


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
        self.tally = recorder.tally
        self.space = space
        self.chain = chain
        self.store = store
        self.queue = queue
        self.recorder = recorder
        self.sync_each = sync_each
        self.threads = ThreadPoolExecutor(SLOW_CALLS_AT_ONCE, thread_name_prefix="call")
        self.fair = FairThreads(self.threads, SLOW_CALLS_AT_ONCE)
        self.commits = Commits(chain, queue, deliveries, self.admission.commits, self.turned_away, self._refuse)
        self.turn = Turn(chain, recorder, syncing_in=self.threads if sync_each else None, count=self.count)
        self.admission.soon = self.turn.afterwards
        self.waiting = ThreadPoolExecutor(WAITING_CALLS_AT_ONCE, thread_name_prefix="waiting")
        self.streams = Streams(chain, store, ThreadPoolExecutor(STREAM_THREADS, thread_name_prefix="stream"))
        self.rounds = Rounds(chain, store, recorder)
        self._waiting = 0
        self.outside = ThreadPoolExecutor(OUTSIDE_CALLS_AT_ONCE, thread_name_prefix="outside")
        self._outside_calls = 0

    @property
    def stopped(self) -> bool:
        """Whether every call is refused for want of room."""
        return self.space is not None and self.space.level() is Level.STOPPED

    def close(self) -> None:
        """Finish what was accepted, then give everything back."""
        self.streams.close()
        self.waiting.shutdown(wait=True)
        self.rounds.close()
        self.threads.shutdown(wait=True)
        self.outside.shutdown(wait=True)
        if self.metering is not None:
            self.metering.close()
        if self.traces is not None:
            self.traces.close()
        self.commits.submit()
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
            self.chain.enter(flight)
            lane = self.admission.answered(standing, flight.call, begun)
            if flight.needs_time:
                return self._line_up(flight, standing)
            if flight.reply is not None:
                if flight.first_use:
                    self._note_use(flight)
                return self.turn.hold(flight, flight.reply)
            reply = self._finish(flight, lane, self.count)
        except Exception as error:  # noqa: BLE001  the client gets an internal error, the log gets the trace
            reply = self.chain.refuse_unwritten(flight, error)
        if isinstance(reply, HTTPReply):
            self.count(flight)
        return self._wait(flight, reply) if isinstance(reply, Coroutine) else reply

    def _aside(self, flight: Flight, standing: Standing) -> HTTPReply | Held | Coroutine[Any, Any, HTTPReply] | None:
        """What must not run in the event loop, on its way in a thread; None for what may."""
        operation = flight.operation
        steady = operation is not None and operation.steady  # a plain read, which can be remembered
        if not steady:
            if flight.waits_outside:
                return self._wait(flight, self._outside(flight, standing))
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
        go_on = self._in_round if in_rounds else self._in_thread
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
        await self.fair.run(lane, self.chain.turn_away, flight)
        self.recorder.read(flight.records)
        return _reply(flight)

    def _no_room(self, flight: Flight, space: Space) -> HTTPReply | None:
        operation = flight.operation
        text = space.refuses(flight.call.name, changes=operation is not None and operation.mode.changes)
        return None if text is None else self._refuse(flight, Refusal(Kind.UNAVAILABLE, text))

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
            body = await asyncio.get_running_loop().run_in_executor(self.threads, make)
        except Exception:  # whoever asked gets an internal error
            log.exception("the metrics could not be read")
            return HTTPReply(500, (), b"")
        return HTTPReply(200, ((b"content-type", CONTENT_TYPE.encode()),), body)

    def count(self, flight: Flight) -> None:
        """Count a call that is answered now. In the event loop."""
        if self.tally is not None:
            operation, refusal = flight.operation, flight.refusal
            outcome = ANSWERED if refusal is None else outcome_of(refusal)
            self.tally.call(flight.route.service, None if operation is None else operation.name, outcome, flight.begun)
        if self.traces is not None:
            self.traces.tell(flown(flight))
        if self.metering is not None and flight.operation is not None:
            usage, remembered = self.metering.usage, flight.call.remembered
            # A remembered call is of one caller and resource, and all that it asks for is kms:Decrypt.
            if remembered is None or not usage.again(remembered, len(flight.records) - 1):
                self._meter(usage, flight)
            if flight.refusal is not None:
                alarmed(self.metering.alarms, flight, flight.refusal)

    def _meter(self, usage: Usage, flight: Flight) -> None:
        """Count whose call it was, once its caller is proven; and the calls of KMS that it made on their behalf."""
        call = flight.call
        principal = call.credential.principal
        account = principal.account
        if not account or principal.kind is PrincipalKind.ANONYMOUS:
            return
        target = call.target
        # Who was refused has not read: the first read after that is the first one.
        answered = flight.refusal is None
        resource = target.arn if answered and target is not None and target.found is not None else ""
        records, decrypts = flight.records, 0
        if len(records) > 1:
            for record in records[:-1]:
                if type(record) is WrittenRecord:  # a remembered call's: kms:Decrypt, or a part of a batch
                    decrypts += record.operation == _DECRYPT
                    continue
                name = kms_call(record.event)
                if name is not None:
                    usage.count(account, call.region, "kms", name, principal.entity_arn, "")
        usage.count(
            account,
            call.region,
            call.service,
            call.name,
            principal.entity_arn,
            resource,
            decrypts,
            # A batch's records are not all of calls to KMS: it is looked at each time. What kin has answered is seldom
            # met again, and would be held for nothing.
            asked=call.remembered if answered and not call.by_kin and decrypts == len(records) - 1 else None,
        )

    async def _outside(self, flight: Flight, standing: Standing) -> HTTPReply:
        if self._outside_calls >= OUTSIDE_CALLS_AT_ONCE + OUTSIDE_CALLS_WAITING:
            return self._refuse(flight, Refusal(Kind.THROTTLED, "Too many calls of this kind. Please try again."))
        self._outside_calls += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self.outside, self.chain.enter, flight)
            reply = self._finish(flight, self.admission.met(standing, flight.call))
            return await settled(reply)
        finally:
            self._outside_calls -= 1

    async def _in_round(self, flight: Flight, standing: Standing, lane: Lane) -> HTTPReply:
        line = self.admission.threads
        line.enter(id(flight), lane, flight.begun)
        try:
            taken = await self.rounds.ask(flight)
        finally:
            line.leave(id(flight), lane)
        if not taken or flight.needs_time:
            return await self._in_thread(flight, standing, lane)
        whose = self.admission.met(standing, flight.call)
        if flight.reply is None:
            reply = self._finish(flight, whose)
            return await settled(reply)
        if flight.first_use:
            self._note_use(flight)
        return await self._synced(flight.reply) if self.sync_each else flight.reply

    async def _in_thread(self, flight: Flight, standing: Standing, lane: Lane) -> HTTPReply:
        line = self.admission.threads
        flight.call.patient = True
        line.enter(id(flight), lane, inf if flight.slow else flight.begun)
        try:
            await self.fair.run(lane, self.chain.enter, flight)
        finally:
            line.leave(id(flight), lane)
        reply = self._finish(flight, self.admission.met(standing, flight.call))
        return await settled(reply)

    def _finish(
        self, flight: Flight, lane: Lane, count: Callable[[Flight], None] | None = None
    ) -> HTTPReply | HeldWrite | Coroutine[Any, Any, HTTPReply]:
        """``count`` counts a flight that is held, where nobody else does."""
        if flight.first_use:
            self._note_use(flight)
        if flight.reply is None:
            waits = flight.call.afterwards is not None
            return self._afterwards(flight) if waits else self.commits.hold(flight, lane, count)
        self.recorder.read(flight.records)
        return self._synced(flight.reply) if self.sync_each else flight.reply

    async def _synced(self, reply: HTTPReply) -> HTTPReply:
        await asyncio.get_running_loop().run_in_executor(self.threads, self.recorder.journal.sync)
        return reply

    async def _afterwards(self, flight: Flight) -> HTTPReply:
        if self._waiting >= WAITING_CALLS_AT_ONCE:
            return self._refuse(flight, Refusal(Kind.THROTTLED, "Rate Exceeded."))
        self._waiting += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self.waiting, self.chain.go_on_outside, flight)
        finally:
            self._waiting -= 1
        if flight.reply is None:
            raise RuntimeError("a call that waited has no reply")
        self.recorder.read(flight.records)
        return await self._synced(flight.reply) if self.sync_each else flight.reply

    def _note_use(self, flight: Flight) -> None:
        with contextlib.suppress(QueueFull):  # a date can wait for the next hour
            self.queue.submit(lambda tx: self.chain.last_used.note(flight.call, tx), _ignore)

    def _refuse(self, flight: Flight, error: BaseException) -> HTTPReply:
        """Refuse, and record the refusal of, a call that never came to its handler."""
        reply = self.chain.refuse_unwritten(flight, error)
        with contextlib.suppress(Answerable):  # refused it is either way
            self.recorder.read(flight.records)
        return reply


def alarmed(alarms: Alarms, flight: Flight, refusal: Answerable) -> None:
    """Note a refusal that somebody may want to be told of: a denial, a read of a secret that waits for its deletion."""
    call = flight.call
    if not call.account:
        return
    if isinstance(refusal, Refusal) and refusal.kind is Kind.ACCESS_DENIED:
        alarms.deny(call.account)
    elif call.name in _READS and refusal.message is not None and "marked for deletion" in refusal.message:
        about = "" if call.target is None else call.target.arn
        alarms.raise_(Alarm(PENDING_DELETION_READ, flight.records[-1].event, about), call.principal.entity_arn)


def kms_call(event: Mapping[str, Any]) -> str | None:
    """The operation of KMS that a record tells of; None where it tells of anything else."""
    if event["eventSource"] != "kms.amazonaws.com" or event["eventType"] != "AwsApiCall":
        return None
    return str(event["eventName"])


def _reply(flight: Flight) -> HTTPReply:
    if flight.reply is None:
        raise RuntimeError("a refusal without a reply")
    return flight.reply


def _ignore(outcome: Outcome | BaseException) -> None:
    if isinstance(outcome, BaseException):
        log.warning("a last-used date was not stored: %s", type(outcome).__name__)


def is_page(path: bytes) -> bool:
    """Whether a path is the console's."""
    return path == CONSOLE or path.startswith(CONSOLE + b"/")


@dataclass(frozen=True, slots=True)
class Scrape:
    """Where the token of the metrics lies, and who writes their page."""

    token_file: Path
    page: Callable[[Transaction], bytes]


class Application:
    """What uvicorn calls. It answers health itself; all else goes through the engine, or is refused while sealed."""

    def __init__(
        self,
        *,
        host_check: HostCheck,
        max_body_bytes: int,
        sealed: Sealed,
        health: Callable[[bool], Sequence[tuple[str, Any]]],
        proxies: Proxies | None = None,
        scrape: Scrape | None = None,
    ) -> None:
        self._scrape = scrape
        self._source_of = (proxies or Proxies()).source_of
        self.engine: Engine | None = None
        self.console: Console | None = None
        self._host_check = host_check
        self._max_body = max_body_bytes
        self._sealed = sealed
        self._health = health
        self._sources = Sources()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await self._body(receive)
        if body is None:
            return
        request = HTTPRequest(scope["method"], scope["raw_path"], scope["query_string"], scope["headers"], body)
        client = scope.get("client")
        state = scope["state"]
        standing = state.get("standing") or Standing()
        reply = self.at_once(request, client[0] if client else "", state.get("tls"), standing)
        await answered(await settled(reply), receive, send)

    def at_once(
        self, request: HTTPRequest, client: str, tls: TLSDetails | None, standing: Standing
    ) -> HTTPReply | Held | Coroutine[Any, Any, HTTPReply]:
        """The reply to a whole request, or what will have it (parts.AtOnce)."""
        headers = request.by_name
        host = headers.get(b"host", b"")
        if len(headers) != len(request.headers) or not self._host_check.knows(host):
            refused = self._host_check(request.headers)
            if refused is not None:
                return refused
        path = request.path
        if path == HEALTH:
            return self._health_reply(request.query)
        address = self._source_of(client, request.headers)
        source = self._sources.of(address, headers.get(b"user-agent", b""), host, tls)
        engine = self.engine
        if self.console is not None and path != b"/" and is_page(path) and not (engine and engine.stopped):
            return self.console(request, source)
        if engine is None:
            return self._sealed(request)
        if path == METRICS:
            token = bearer(request)
            if token is not None:
                return self._scraped(engine, token)
        return engine.answer(request, source, standing)

    def glance(self, data: bytes, standing: Standing) -> Bare | None:
        """The refusal of a request that nobody needs to read (parts.Glance)."""
        engine = self.engine
        return None if engine is None else engine.glance(data, standing)

    def _scraped(self, engine: Engine, token: str) -> HTTPReply | Coroutine[Any, Any, HTTPReply]:
        """The metrics for whoever brings the operator's token. Nothing is read before that is known."""
        if self._scrape is None or not is_token(token, self._scrape.token_file):
            body = orjson.dumps({"message": "This token is not the one that opens the metrics."})
            return HTTPReply(403, ((b"content-type", b"application/json"),), body)
        return engine.scraped(self._scrape.page)

    async def _body(self, receive: Receive) -> bytes | None:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            return body
        parts, size = [body], len(body)
        while message.get("more_body", False):
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_body:  # the protocol bounds it already; this holds whatever stands before us
                return None
            parts.append(part)
        return b"".join(parts)

    def _health_reply(self, query: bytes) -> HTTPReply:
        ready = self.engine is not None
        status = 200 if ready or query != b"ready" else 503
        body = orjson.dumps({"live": True, "ready": ready, **dict(self._health(ready))})
        return HTTPReply(status, ((b"content-type", b"application/json"),), body)
