"""A request that can be answered at once is answered where it was parsed: no task, no messages, one write.

It is for requests that are whole when their head is, on a connection with nothing else under way: every call of
every SDK, but for large bodies. All others go the long way, as tasks, with the same bounds. What cannot be
answered at once after all (what waits for a thread, say) goes on as a task from where it stands. A write is held until
its commit; what its client sends meanwhile waits unread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.server.parts import (
    ASGI,
    AtOnce,
    Glance,
    Held,
    Receive,
    Scope,
    Send,
    StreamReply,
    TLSDetails,
    WireLimits,
)
from strongroom.server.plain import MAX_BYTES, read_plain
from strongroom.server.protocol import BoundedProtocol

Asked = HTTPReply | Held | Coroutine[Any, Any, HTTPReply]


class QuickProtocol(BoundedProtocol):
    """One connection. A held request has its head read and bounded, and its application not started yet."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        loop: Any,
        limits: WireLimits,
        at_once: AtOnce,
        glance: Glance = lambda _, __: None,
    ) -> None:
        super().__init__(config, server_state, {}, loop, limits)
        self._at_once = at_once
        self._glance = glance
        self._held = False
        self._waiting: Held | None = None  # for the end of this turn of the loop, or for its commit
        self._early = b""  # what came while it could not be hurried
        self._last = False  # whether the answer that is held is the last of this connection
        self._quickly = 0  # how many were answered of the bytes that came together
        self._parts: list[bytes] = []
        self._asked: Asked | None = None  # what came of a plain request that takes the parser's way after all
        self._dated: tuple[object, bytes] = (None, b"")

    def data_received(self, data: bytes) -> None:
        """Hold nothing longer than the bytes that came together."""
        if self._waiting is not None:
            self._waiting.hurry()
        if self._waiting is not None:
            # Answers leave in the order of their requests; nothing more is read until this one has left.
            self._early += data
            self.flow.pause_reading()
            return
        if not (self._in_head or self._in_body) and self._is_idle() and self._took(data):
            return
        self._quickly = 0
        super().data_received(data)
        if self._asked is not None:
            self._forget_asked()
        if self._held:
            self._let_go()

    def _took(self, data: bytes) -> bool:
        """Whether these bytes are a plain request that is answered or held now; the parser need not see it."""
        refused = self._glance(data, self.standing)
        if refused is not None:
            self._refuse_unread(*refused)
            return True
        request = read_plain(data)
        if request is None or not self._is_within_limits(request):
            return False
        self.standing.patient = True
        reply = self._reply_to(request)
        self.standing.patient = False
        if isinstance(reply, HTTPReply):
            if self._write(reply):  # a refusal, mostly: it must cost little
                return True
        elif not isinstance(reply, Coroutine):
            self._hold(reply)
            return True
        # From here on as any other: the parser reads what was read, and finds it asked already.
        self._asked = reply
        return False

    def on_message_begin(self) -> None:
        """A request starts; answers leave in the order of their requests."""
        if self._waiting is not None:
            self._waiting.hurry()
        super().on_message_begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more for what is on its way; it is recorded all the same."""
        if self._waiting is not None:
            self._waiting.deliver = None
            self._waiting, self._early = None, b""
        super().connection_lost(exc)

    def on_body(self, body: bytes) -> None:
        """Gather the body of a held request."""
        if self._held and self._body_bytes + len(body) > self._most_body:
            self._let_go()
        if not self._held:
            super().on_body(body)
            return
        self._body_bytes += len(body)
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Answer a held request."""
        if not self._held:
            super().on_message_complete()
            return
        self._held = False
        self._in_body = False
        reply = self._ask()
        if isinstance(reply, HTTPReply):
            self._deliver(reply)
        elif isinstance(reply, Coroutine):
            self._go_on(reply)
        elif reply.can_hurry:
            self._hold(reply)
        else:  # the parser goes on meanwhile, and may have the next request already
            self._go_on(settled(reply))

    def shutdown(self) -> None:
        """Close it where it is idle; what is under way is answered first, and says that it was the last."""
        if self._waiting is None:
            super().shutdown()
        else:
            self._last = True

    def _hold(self, reply: Held) -> None:
        self._waiting = reply
        self.deadline = 0.0
        reply.deliver = self._deliver

    def _deliver(self, reply: HTTPReply) -> None:
        self._waiting = None
        if self.transport.is_closing():
            return
        if self._last and _CLOSE not in reply.headers:
            reply = HTTPReply(reply.status, (*reply.headers, _CLOSE), reply.body)
        if not self._write(reply):
            self._go_on(_given(reply))
        early, self._early = self._early, b""
        if early and not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(early)

    def _go_on(self, reply: Coroutine[Any, Any, HTTPReply]) -> None:
        """From here on it is a task as any other; the body is gathered already."""
        whole, self.app = self.app, _carrier(reply)
        try:
            super().start_request()
        finally:
            self.app = whole
        super().on_message_complete()

    def start_request(self) -> None:
        """Hold a request that may be answered at once; start the application for any other."""
        parser = self.parser
        if (
            self._quickly >= self.limits.max_pipelined  # a flood queues up, and is cut there
            or self.expect_100_continue
            or not self._is_idle()
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or parser.get_http_version() != "1.1"
            or parser.get_method() == b"HEAD"
        ):
            super().start_request()
            return
        self._held = True
        self._quickly += 1
        self._parts = []

    def _refuse(self, status: int, code: str, message: str) -> None:
        if self._held:
            self._let_go()
        super()._refuse(status, code, message)

    def _let_go(self) -> None:
        """Go the long way after all, with as much of the body as has come."""
        self._held = False
        self._body_bytes = 0
        super().start_request()
        for part in self._parts:
            super().on_body(part)

    def _answering(self) -> bool:
        return self._waiting is not None or super()._answering()

    def _is_idle(self) -> bool:
        """Whether nothing is under way on this connection, and nothing keeps an answer from leaving."""
        running = self._running
        return not (
            self.pipeline
            or self._refused
            or self._waiting is not None
            or (running is not None and not running.response_complete)
            or self.flow.write_paused
            or self.transport.is_closing()
        )

    def _forget_asked(self) -> None:
        """The parser went another way after all, and has asked again: nothing of the first answer was begun."""
        asked, self._asked = self._asked, None
        if isinstance(asked, Coroutine):
            asked.close()

    def _is_within_limits(self, request: HTTPRequest) -> bool:
        limits = self.limits
        return (
            len(request.body) <= limits.max_body_bytes
            and len(request.headers) <= limits.max_headers
            and limits.max_head_bytes > MAX_BYTES
        )

    def _ask(self) -> HTTPReply | Held | Coroutine[Any, Any, HTTPReply]:
        if self._asked is not None:
            asked, self._asked = self._asked, None
            self._parts = []
            return asked
        path, query = self.url, b""
        if path != b"/":
            parsed = httptools.parse_url(path)
            path, query = parsed.path, parsed.query or b""
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        return self._reply_to(HTTPRequest(self.parser.get_method().decode("ascii"), path, query, self.headers, body))

    def _reply_to(self, request: HTTPRequest) -> HTTPReply | Held | Coroutine[Any, Any, HTTPReply]:
        tls: TLSDetails | None = self.app_state["tls"]
        try:
            return self._at_once(request, self.client[0] if self.client else "", tls, self.standing)
        except Exception as error:  # noqa: BLE001  the task reports it, and answers 500
            return _raised(error)

    def _write(self, reply: HTTPReply) -> bool:
        """Send an answer; False, and nothing sent, where a header would break out of its line."""
        now = self.server_state.default_headers
        if self._dated[0] is not now:
            self._date(now)
        headers, body = reply.headers, reply.body
        parts = [STATUS_LINE[reply.status], self._dated[1]]
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
        head, lines = b"".join(parts), 1 + len(now) + len(headers)
        if head.count(b"\n") != lines or head.count(b"\r") != lines:
            return False
        self.transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        self.server_state.total_requests += 1
        if _CLOSE in headers:
            self.transport.close()
        elif not self.flow.write_paused:
            self.deadline = self.loop.time() + self.limits.keep_alive
        return True

    def _refuse_unread(self, status: int, rest: bytes) -> None:
        now = self.server_state.default_headers
        if self._dated[0] is not now:
            self._date(now)
        self.transport.write(b"%b%b%b" % (STATUS_LINE[status], self._dated[1], rest))
        self.server_state.total_requests += 1
        if not self.flow.write_paused:
            self.deadline = self.loop.time() + self.limits.keep_alive

    def _date(self, now: list[tuple[bytes, bytes]]) -> None:
        """Keep the headers that every answer of this second has."""
        self._dated = (now, b"".join([b"%b: %b\r\n" % pair for pair in now]))


_CLOSE = (b"connection", b"close")


async def _raised(error: Exception) -> HTTPReply:
    raise error


async def _given(reply: HTTPReply) -> HTTPReply:
    return reply


def settled(reply: HTTPReply | Held | Coroutine[Any, Any, HTTPReply]) -> Coroutine[Any, Any, HTTPReply]:
    """The reply itself, whatever has to be awaited for it. A held one is heard from now on, awaited or not."""
    if isinstance(reply, HTTPReply):
        return _given(reply)
    if isinstance(reply, Coroutine):
        return reply
    waiting: asyncio.Future[HTTPReply] = asyncio.get_running_loop().create_future()

    def deliver(given: HTTPReply) -> None:
        if not waiting.done():
            waiting.set_result(given)

    reply.deliver = deliver
    return _awaited(waiting)


async def _awaited(waiting: asyncio.Future[HTTPReply]) -> HTTPReply:
    return await waiting


def _carrier(reply: Coroutine[Any, Any, HTTPReply]) -> ASGI:
    """An application whose one answer is on its way already."""

    async def carry(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await answered(await reply, receive, send)

    return carry


async def answered(reply: HTTPReply, receive: Receive, send: Send) -> None:
    """Send a reply, whole or going on."""
    if isinstance(reply, StreamReply):
        await reply.run(receive, send)
    else:
        await send_reply(reply, send)


async def send_reply(reply: HTTPReply, send: Send) -> None:
    """One reply as the messages of ASGI."""
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
