"""Changes of secrets as server-sent events, to callers who signed for them.

A worker with streams looks at the feed several times a second: the table is the store's, so that a stream has what
other workers and nodes did. Whoever reads is proven and decided anew: before each event whether the caller may
describe that secret, and at least each second whether key, user, session and permission still stand. With them the
stream ends.
Source: HTML Living Standard, "Server-sent events"; issue 7, point 6. Our choice: docs/decisions/0047-streams.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from strongroom.base.http import HTTPReply
from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel import signing
from strongroom.kernel.authz.model import Decision
from strongroom.kernel.call import Call, Target
from strongroom.kernel.chain import Chain
from strongroom.kernel.feed import rows
from strongroom.kernel.feed.rows import Event
from strongroom.kernel.flight import Flight
from strongroom.kernel.storage.port import Store, Transaction
from strongroom.server.parts import Receive, Send, StreamReply

log = logging.getLogger("strongroom.streams")

MOST_STREAMS = 64
MOST_OF_ONE = 8
"""Streams of one worker, and of one user or role among them."""
LOOK_SECONDS = 0.2
PROOF_SECONDS = 1.0
COMMENT_SECONDS = 15.0
"""After so much silence a comment, so that what lies between knows that the connection lives."""
SLOW_SECONDS = 10.0
"""A reader that has not taken what is sent by then is cut off: nothing is kept for it."""
AT_ONCE = 20
"""Events that are read together; with 256 KiB at most each, this bounds what a stream holds."""
_SECRETS = "aws.secretsmanager"
_ID = b"last-event-id"


class Over(Exception):  # noqa: N818  the end of a stream, in order
    """The caller may no longer read. The text is told, and names nothing."""


class Reader:
    """One caller's way through the feed. ``read`` runs in threads, one at a time."""

    def __init__(self, chain: Chain, store: Store, flight: Flight, number: int | None) -> None:
        self._chain = chain
        self._store = store
        self._call = flight.call
        claim = signing.read_claim(flight.request)
        self._key, self._token = claim.access_key_id, claim.session_token
        self._describe = chain.registry.rooms["secretsmanager"].operations["DescribeSecret"]
        self._number = number

    def read(self) -> tuple[list[bytes], bool]:
        """What there is to send, and whether there may be more at once. Raises Over."""
        with self._store.read() as tx:
            self._prove(tx)
            newest = rows.last(tx)
            if self._number is None or self._number > newest:
                self._number = newest
                return [], False
            told: list[bytes] = []
            found = rows.after(tx, self._number, AT_ONCE)
            if found and found[0].number > self._number + 1:
                told.append(b"event: missed\ndata: {}\n\n")
            for one in found:
                if self._may_see(tx, one):
                    told.append(b"id: %d\ndata: %b\n\n" % (one.number, one.body.encode()))
                self._number = one.number
            return told, len(found) == AT_ONCE

    def _prove(self, tx: Transaction) -> None:
        """That the caller is who it was, and may still read events."""
        chain, call = self._chain, self._call
        now = chain.clock()
        product_now = now + chain.offset(tx)
        try:
            credential = chain.principals.credential(tx, self._key, self._token, product_now)
            if credential is None or credential.principal.unique_id != call.principal.unique_id:
                raise Over("The key or the session that signed for this stream is over.")
            self._call = replace(call, credential=credential, now=product_now, machine_now=now)
            self._decided(tx, "strongroom:EventsRead", Target("*", credential.principal.account))
        except Answerable:
            raise Over("The caller may no longer read events.") from None

    def _may_see(self, tx: Transaction, one: Event) -> bool:
        if one.source != _SECRETS or one.region != self._call.region or not one.resource:
            return False
        asked = replace(
            self._call,
            service="secretsmanager",
            name="DescribeSecret",
            params={"SecretId": one.resource},
            target=None,
            remembered=None,
        )
        try:
            target = self._describe.locate(asked, tx)
            self._chain.authorise(
                asked, tx, "secretsmanager:DescribeSecret", target, self._describe.keys(asked, target)
            )
        except Answerable:
            return False
        return True

    def _decided(self, tx: Transaction, action: str, target: Target) -> Decision:
        asked: Call = replace(self._call, target=None, remembered=None)
        return self._chain.authorise(asked, tx, action, target, {})


class Streams:
    """The open streams of one worker. Used in the event loop's thread, but for what readers do."""

    def __init__(self, chain: Chain, store: Store, threads: Executor) -> None:
        self._chain = chain
        self._store = store
        self._threads = threads
        self._open: dict[int, str] = {}
        self._ending = False

    def end(self) -> None:
        """Let every stream end, and open no more."""
        self._ending = True

    def close(self) -> None:
        """End, and wait for what readers are at."""
        self.end()
        self._threads.shutdown(wait=True)

    def opened(self, flight: Flight, reply: HTTPReply) -> HTTPReply:
        """The reply that goes on, for a call that was allowed to have it. Raises Refusal where there are too many."""
        whose = flight.call.principal.entity_arn
        mine = sum(1 for other in self._open.values() if other == whose)
        if self._ending or len(self._open) >= MOST_STREAMS or mine >= MOST_OF_ONE:
            raise Refusal(Kind.THROTTLED, "Too many streams are open. Please try again.")
        given = flight.request.header(_ID)
        number = int(given) if given and given.isascii() and given.isdigit() and len(given) <= 18 else None
        reader = Reader(self._chain, self._store, flight, number)
        # Counted from now on, so that a flood of requests that are answered together is bounded as well.
        self._open[id(reader)] = whose

        async def run(receive: Receive, send: Send) -> None:
            try:
                await self._run(reader, reply, receive, send)
            finally:
                self._open.pop(id(reader), None)

        return StreamReply(reply.status, reply.headers, b"", run)

    async def _run(self, reader: Reader, reply: HTTPReply, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await send({"type": "http.response.start", "status": reply.status, "headers": list(reply.headers)})
            await self._body(b": strongroom\n\n", send)
            await self._follow(reader, gone, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            await _cut_off(send)
        finally:
            gone.cancel()

    async def _follow(self, reader: Reader, gone: asyncio.Future[None], send: Send) -> None:
        loop = asyncio.get_running_loop()
        seen, proven, spoken = -1, 0.0, loop.time()
        while not gone.done() and not self._ending:
            try:
                newest = await loop.run_in_executor(self._threads, self._newest)
                more = newest != seen or loop.time() - proven >= PROOF_SECONDS
                while more and not gone.done():
                    told, more = await loop.run_in_executor(self._threads, reader.read)
                    proven = loop.time()
                    for part in told:  # one by one: who does not read is waited for before the next
                        await self._body(part, send)
                        spoken = loop.time()
            except Over as over:
                await self._body(b'event: end\ndata: {"message": "%b"}\n\n' % str(over).encode(), send)
                return
            except TimeoutError:
                raise
            except Exception as error:  # noqa: BLE001  a store that restarts, or one that is closed: the client comes again
                log.warning("a stream ends: %s", type(error).__name__)
                return
            seen = newest
            if loop.time() - spoken >= COMMENT_SECONDS:
                await self._body(b": \n\n", send)
                spoken = loop.time()
            await asyncio.wait((gone,), timeout=LOOK_SECONDS)

    def _newest(self) -> int:
        with self._store.read() as tx:
            return rows.last(tx)

    @staticmethod
    async def _body(part: bytes, send: Send) -> None:
        async with asyncio.timeout(SLOW_SECONDS):
            await send({"type": "http.response.body", "body": part, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut_off(send: Send) -> None:
    """Drop the connection, with all that its client has not taken. uvicorn would wait for it to be taken."""
    cycle: Any = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    with contextlib.suppress(RuntimeError):
        if transport is not None:
            transport.abort()
            while not getattr(cycle, "disconnected", True):
                await asyncio.sleep(0.01)
