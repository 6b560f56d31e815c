"""HTTP/1.1 as one client speaks it: uvicorn's protocol with bounds on everything a client can send or hold.

uvicorn parses (httptools), queues pipelined requests and runs the application. This file adds what it leaves
out: the size of a head and of a body, the time they may take, the number of queued requests and connections,
and an answer to malformed input that never falls into the middle of another answer. Time is kept as one
``deadline`` a connection, looked at twice a second by ``WorkerServer``: a timer a request costs too much.

Source: RFC 9112 (HTTP/1.1), sections 2.2, 7.1, 9.3 and 9.6.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from strongroom.server.admission import Standing
from strongroom.server.parts import TLSDetails, WireLimits

_LINGER_SECONDS = 2.0
_LINGER_BODIES = 16
_STRANGER_SECONDS = 1.0
_CODE_PATHS = (b"/2015-03-31/functions", b"/2018-10-31/layers")
"""Where Lambda takes code and payloads: nobody is proven yet when a body comes, so its size is bounded by place."""
_LARGE_AT_ONCE = 4
_large = 0
_FRAMING_FACTOR = 8
"""How many bytes of chunk framing a body byte may cost: one-byte chunks cost six."""


class _Refused(Exception):  # noqa: N818  leaves the parser from inside a callback
    """The request is over a bound; ``BoundedProtocol`` has the answer ready."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. ``deadline`` is the loop's time at which its patience ends; 0 where it has no hurry."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        limits: WireLimits,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        # A parser of our own, without the leniency for data after `Connection: close` that uvicorn allows.
        self.parser = httptools.HttpRequestParser(self)
        self.limits = limits
        self.deadline = 0.0
        self._in_head = False
        self._in_body = False
        self._chunk_bytes = 0
        self._first_bytes = 0
        self._body_bytes = 0
        self._message_bytes = 0
        self._refused = False
        self._refusal: tuple[int, str, str] | None = None
        self._running: RequestResponseCycle | None = None
        self._discarded = 0
        self._most_body = limits.max_body_bytes
        self._is_large = False
        self.standing = Standing()
        self._since = 0.0

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note how the connection is protected; send it away where there are too many."""
        super().connection_made(transport)
        secured = transport.get_extra_info("ssl_object")
        tls = None if secured is None else TLSDetails(secured.version(), secured.cipher()[0])
        self.app_state = {"tls": tls, "standing": self.standing}
        self._since = self.loop.time()
        self.deadline = self._since + self.limits.head_timeout
        if len(self.connections) > 2 * self.limits.max_connections:
            transport.abort()
        elif len(self.connections) > self.limits.max_connections:
            self._refuse(*_TOO_MANY)

    def data_received(self, data: bytes) -> None:
        """Parse what came; never raises and never logs what a client can cause."""
        if self._refused:
            self._discard(len(data))
            return
        self._chunk_bytes = len(data)
        self._message_bytes += len(data)
        try:
            self.parser.feed_data(data)
            if self._in_head and self._message_bytes - self._first_bytes > self.limits.max_head_bytes:
                self._refusal = _HEAD_TOO_LARGE
            elif self._in_body and self._message_bytes > self._most_message_bytes():
                self._refusal = _BODY_TOO_LARGE
            else:
                return
        except httptools.HttpParserUpgrade:
            # No protocol is offered to upgrade to: answer as HTTP/1.1, then close (RFC 9110, section 7.8).
            self._last_request()
            return
        except httptools.HttpParserError:
            pass
        self._refuse(*(self._refusal or _MALFORMED))

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what was queued, and tell whoever is at work."""
        self.pipeline.clear()
        self.deadline = 0.0
        self._end_large()
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read its answer: it has as long as a body may take."""
        self.deadline = self.loop.time() + self.limits.body_timeout
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        if not self._refused:
            self.deadline = 0.0 if self._answering() else self.loop.time() + self.limits.keep_alive
        super().resume_writing()

    def expire(self) -> None:
        """Its patience is over: tell a client inside a request, close an idle one, drop a stuck one."""
        if self._refused or self.transport.is_closing() or self.flow.write_paused:
            self.transport.abort()
        elif self._in_head or self._in_body:
            self._refuse(*_TOO_SLOW)
        else:
            self.transport.close()
            self.deadline = self.loop.time() + _LINGER_SECONDS

    def is_in_the_way(self, now: float) -> bool:
        """Whether it has proven nothing for a second, and nobody is at work for it: it goes where places are short."""
        proven = self.standing.proven and not self.standing.failed
        return not (proven or self._answering() or self._refused) and now - self._since > _STRANGER_SECONDS

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """A request starts."""
        super().on_message_begin()
        self._in_head = True
        self._body_bytes = 0
        # The chunk in which a request begins may hold others before it, so this is a bound and not a count.
        self._message_bytes = self._first_bytes = self._chunk_bytes
        self.deadline = self.loop.time() + self.limits.head_timeout

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; drop trailers, which would otherwise join the signed headers after the fact."""
        if self._in_head:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole: check its size and the body it announces, then start the application."""
        headers, limits = self.headers, self.limits
        if len(headers) > limits.max_headers:
            self._stop(_HEAD_TOO_LARGE)
        if self._message_bytes > limits.max_head_bytes:
            size = sum(len(name) + len(value) for name, value in headers) + len(self.url)
            if size > limits.max_head_bytes:
                self._stop(_HEAD_TOO_LARGE)
        self._most_body = limits.max_body_bytes
        for name, value in headers:
            if name == b"content-length" and len(value) < 20 and int(value) > limits.max_body_bytes:
                self._begin_large(int(value))
        if len(self.pipeline) >= limits.max_pipelined:
            self._stop(_MALFORMED)
        self._in_head = False
        self._in_body = True
        self.deadline = self.loop.time() + limits.body_timeout
        self.start_request()

    def start_request(self) -> None:
        """Give the application a request whose head is read, or queue it behind the one before."""
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count what a chunked body did not announce."""
        self._body_bytes += len(body)
        if self._body_bytes > self._most_body:
            self._stop(_BODY_TOO_LARGE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; now it is our turn, and the client may wait as long as we need."""
        self._end_large()
        self._in_body = False
        self.deadline = 0.0
        super().on_message_complete()
        if self.cycle.response_complete:
            self.deadline = self.loop.time() + self.limits.keep_alive

    def on_response_complete(self) -> None:
        """Start the next queued request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._in_body and self.expect_100_continue:
            # The client was never told to send the body: what comes next could be either (RFC 9110, 10.1.1).
            self.transport.close()
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif not (self._in_head or self._in_body or self._refused or self.flow.write_paused):
            self.deadline = self.loop.time() + self.limits.keep_alive

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    # Bodies that hold code

    def _begin_large(self, announced: int) -> None:
        """Allow an announced body more than the usual, where it is for code and few others are under way."""
        global _large  # noqa: PLW0603  one count a process, in one thread
        if announced > self.limits.max_code_bytes or not self.url.startswith(_CODE_PATHS):
            self._stop(_BODY_TOO_LARGE)
        if _large >= _LARGE_AT_ONCE:
            self._stop(_TOO_MANY_LARGE)
        _large += 1
        self._is_large = True
        self._most_body = self.limits.max_code_bytes

    def _end_large(self) -> None:
        global _large  # noqa: PLW0603
        if self._is_large:
            self._is_large = False
            _large -= 1

    # Refusing

    def _stop(self, refusal: tuple[int, str, str]) -> None:
        self._refusal = refusal
        raise _Refused

    def _most_message_bytes(self) -> int:
        return self.limits.max_head_bytes + _FRAMING_FACTOR * self._most_body

    def _last_request(self) -> None:
        """What was accepted is still answered, then the connection is closed."""
        self._refused = True
        last = self.pipeline[0][0] if self.pipeline else self._running
        if last is None or last.response_complete:
            self.transport.close()
        else:
            last.keep_alive = False

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer and close; without an answer where one for this or an earlier request is on its way."""
        self._end_large()
        bad = self.cycle if self._in_body else None  # one refused in its head has no cycle of its own yet
        self._in_head = self._in_body = False
        if bad is not None:
            if bad.response_started:
                self._last_request()
                return
            bad.disconnected = True
            bad.message_event.set()
            if self.pipeline:
                self.pipeline.popleft()
            else:
                self._running = None
        if self._answering():
            self._last_request()
            self.deadline = 0.0
            return
        self._refused = True
        self.transport.write(self._refusal_bytes(status, code, message))
        # Our side ends here, theirs may go on for a moment: a full close with unread data would make the
        # kernel reset the connection, and the client would lose the answer (RFC 9112, section 9.6).
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.deadline = self.loop.time() + _LINGER_SECONDS
        self.flow.resume_reading()

    def _refusal_bytes(self, status: int, code: str, message: str) -> bytes:
        body = json.dumps({"__type": code, "message": message}).encode()
        head = [STATUS_LINE[status]]
        for name, value in self.server_state.default_headers:
            head += [name, b": ", value, b"\r\n"]
        head.append(b"content-type: application/x-amz-json-1.1\r\nconnection: close\r\n")
        head.append(b"content-length: %d\r\n\r\n" % len(body))
        return b"".join([*head, body])

    def _discard(self, count: int) -> None:
        self._discarded += count
        if self._discarded > _LINGER_BODIES * self.limits.max_body_bytes:
            self.transport.abort()


_TOO_MANY_LARGE = (503, "ServiceUnavailable", "Too many large requests. Please try again.")
_TOO_MANY = (503, "ServiceUnavailable", "Too many connections.")
_TOO_SLOW = (408, "RequestTimeout", "The request did not arrive in time.")
_MALFORMED = (400, "BadRequest", "The request is not well-formed HTTP/1.1.")
_HEAD_TOO_LARGE = (431, "RequestHeaderFieldsTooLarge", "The request's headers are too large.")
_BODY_TOO_LARGE = (413, "RequestEntityTooLargeException", "The request's body is too large.")
