"""The ASGI application of one worker: bytes in, the engine, bytes out. Health and the metrics' door are its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import orjson

from strongroom.base.classes import dataclass
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.kernel.call import Source, Sources
from strongroom.kernel.storage.port import Transaction
from strongroom.server.admission import Standing
from strongroom.server.engine import Engine
from strongroom.server.hosts import HostCheck
from strongroom.server.parts import Bare, Held, Receive, Scope, Send, TLSDetails
from strongroom.server.proxies import Proxies
from strongroom.server.quick import answered, settled
from strongroom.server.scraping import PATH as METRICS
from strongroom.server.scraping import bearer, is_token

HEALTH = b"/_strongroom/health"
CONSOLE = b"/console"

Sealed = Callable[[HTTPRequest], HTTPReply]
"""What answers while no root key is there: every call 503 in its protocol's form."""

Console = Callable[[HTTPRequest, Source], Coroutine[Any, Any, HTTPReply]]
"""What answers pages for people, where they are on. It has threads of its own."""


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
