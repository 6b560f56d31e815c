"""The short way of a request through a connection, and when it is not taken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.server.admission import Standing
from strongroom.server.parts import AtOnce, Receive, Scope, Send, TLSDetails, WireLimits
from strongroom.server.quick import QuickProtocol, send_reply, settled

ONE = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
LAST = ONE.replace(b"/a", b"/last").replace(b"Host", b"Connection: close\r\nHost")


def exchange(at_once: AtOnce, *chunks: bytes, stopped_after: float | None = None) -> bytes:
    """All that a connection answers to some chunks, the last of which asks for its close, or the server is stopped."""
    return asyncio.run(_exchange(at_once, chunks, stopped_after))


@contextlib.asynccontextmanager
async def serving(at_once: AtOnce, state: ServerState | None = None) -> AsyncIterator[tuple[str, int]]:
    """Where it listens."""

    async def long_way(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        await send_reply(HTTPReply(200, (), b"long:" + scope["raw_path"] + b":" + body), send)

    config = uvicorn.Config(long_way, interface="asgi3", lifespan="off", log_config=None)
    config.load()
    state = state or ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: QuickProtocol(config, state, loop, WireLimits(), at_once), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()


async def _exchange(at_once: AtOnce, chunks: tuple[bytes, ...], stopped_after: float | None) -> bytes:
    state = ServerState()
    async with serving(at_once, state) as address:
        reader, writer = await asyncio.open_connection(*address)
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(stopped_after or 0.02)
        if stopped_after is not None:
            for connection in list(state.connections):
                connection.shutdown()
        answered = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answered


def short(request: HTTPRequest, client: str, tls: TLSDetails | None, standing: Standing) -> HTTPReply:
    """Answers everything at once."""
    assert client == "127.0.0.1" and tls is None
    return HTTPReply(200, (), b"short:" + request.path + b"?" + request.query + b":" + request.body)


def test_whole_requests_are_answered_at_once_in_their_order() -> None:
    answered = exchange(short, ONE + ONE.replace(b"/a", b"/b?c=d"), LAST)
    places = [answered.index(text) for text in (b"short:/a?:hi", b"short:/b?c=d:hi", b"long:/last:hi")]
    assert places == sorted(places)


def test_a_body_that_comes_later_goes_the_long_way_whole() -> None:
    assert b"long:/a:hi" in exchange(short, ONE[:-1], ONE[-1:], LAST)


def test_a_chunked_body_that_comes_whole_is_answered_at_once() -> None:
    chunked = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n"
    assert b"short:/c?:hi" in exchange(short, chunked, LAST)


def test_what_follows_an_answer_that_must_wait_is_not_answered_before_it() -> None:
    def at_once(
        request: HTTPRequest, client: str, tls: TLSDetails | None, standing: Standing
    ) -> Coroutine[Any, Any, HTTPReply]:
        async def later() -> HTTPReply:
            await asyncio.sleep(0.05)
            return short(request, client, tls, standing)

        return later()

    answered = exchange(at_once, ONE + LAST)
    assert answered.index(b"short:/a?:hi") < answered.index(b"long:/last:hi")


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb"])
def test_a_header_that_would_break_out_of_its_line_is_never_sent(value: bytes) -> None:
    def at_once(request: HTTPRequest, client: str, tls: TLSDetails | None, standing: Standing) -> HTTPReply:
        return HTTPReply(200, ((b"x-odd", value),), b"secret")

    answered = exchange(at_once, ONE, LAST)
    assert b"secret" not in answered and b"x-odd" not in answered


def test_a_fault_is_told_as_500_and_no_more() -> None:
    def at_once(request: HTTPRequest, client: str, tls: TLSDetails | None, standing: Standing) -> HTTPReply:
        raise RuntimeError("a secret")

    answered = exchange(at_once, ONE)
    assert answered.startswith(b"HTTP/1.1 500 ") and b"a secret" not in answered


class Late:
    """Holds every answer until it is hurried, or 50 ms have passed."""

    def __init__(self) -> None:
        self.waiting: list[Late.One] = []
        self.hurried = 0

    class One:
        can_hurry = True

        def __init__(self, late: Late, reply: HTTPReply) -> None:
            self.late, self.reply, self.deliver = late, reply, None

        deliver: Callable[[HTTPReply], None] | None

        def hurry(self) -> None:
            self.late.hurried += 1
            self.late.end()

    def __call__(self, request: HTTPRequest, client: str, tls: TLSDetails | None, standing: Standing) -> Late.One:
        one = Late.One(self, short(request, client, tls, standing))
        self.waiting.append(one)
        asyncio.get_running_loop().call_later(0.05, self.end)
        return one

    def end(self) -> None:
        ended, self.waiting = self.waiting, []
        for one in ended:
            if one.deliver is not None:
                one.deliver(one.reply)


def test_a_held_answer_leaves_before_the_one_to_what_came_behind_it() -> None:
    late = Late()
    answered = exchange(late, ONE + ONE.replace(b"/a", b"/b"), ONE.replace(b"/a", b"/c"), LAST)
    places = [answered.index(text) for text in (b"short:/a?:hi", b"short:/b?:hi", b"short:/c?:hi", b"long:/last:hi")]
    assert places == sorted(places)
    assert late.hurried >= 2, "within one chunk, and by the next"


def test_garbage_behind_a_held_answer_takes_nothing_from_it() -> None:
    answered = exchange(Late(), ONE + b"garbage\r\n\r\n")
    assert answered.index(b"short:/a?:hi") < len(answered)
    assert 1 == answered.count(b"HTTP/1.1 200")
    assert b"BadRequest" in answered[answered.index(b"short:/a?:hi") :] or answered.endswith(b"short:/a?:hi")


PLAIN = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
ENDING = PLAIN.replace(b"Host", b"Connection: close\r\nHost")


def test_a_plain_request_is_asked_once_whichever_way_its_answer_takes() -> None:
    asked: list[bytes] = []

    def at_once(
        request: HTTPRequest, client: str, tls: TLSDetails | None, standing: Standing
    ) -> HTTPReply | Coroutine[Any, Any, HTTPReply]:
        asked.append(request.body)

        async def later() -> HTTPReply:
            await asyncio.sleep(0)
            return short(request, client, tls, standing)

        return later() if len(asked) % 2 else short(request, client, tls, standing)

    answered = exchange(at_once, PLAIN, PLAIN, PLAIN.replace(b"hi", b"yo"), ENDING)
    assert asked == [b"hi", b"hi", b"yo"]
    assert answered.count(b"short:/?:hi") == 2 and answered.count(b"short:/?:yo") == 1
    assert answered.endswith(b"long:/:hi")


def test_a_plain_request_in_two_pieces_is_asked_whole() -> None:
    assert b"short:/?:hi" in exchange(short, PLAIN[:10], PLAIN[10:], ENDING)


def test_a_plain_request_inside_the_body_of_another_is_its_body() -> None:
    outer = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(PLAIN)
    answered = exchange(short, outer, PLAIN, ENDING)
    assert answered.count(b"HTTP/1.1 200") == 2 and b"long:/:" + PLAIN in answered


class Committing(Late):
    """Holds every answer for 50 ms, and cannot be hurried; what was asked is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []

    def __call__(self, request: HTTPRequest, client: str, tls: TLSDetails | None, standing: Standing) -> Late.One:
        self.asked.append(request.body)
        one = super().__call__(request, client, tls, standing)
        one.can_hurry = False
        one.hurry = lambda: None  # type: ignore[method-assign]
        return one


def test_what_comes_while_a_commit_is_waited_for_is_read_after_it() -> None:
    late = Committing()
    following = PLAIN.replace(b"hi", b"yo")
    answered = exchange(late, PLAIN, following[:20], following[20:] + ENDING)
    places = [answered.index(text) for text in (b"short:/?:hi", b"short:/?:yo", b"long:/:hi")]
    assert places == sorted(places)
    assert [b"hi", b"yo"] == late.asked[:2], "each once, and in their order"


def test_requests_that_come_together_are_answered_in_their_order_though_they_cannot_be_hurried() -> None:
    answered = exchange(Committing(), ONE + ONE.replace(b"/a", b"/b"), LAST)
    places = [answered.index(text) for text in (b"short:/a?:hi", b"long:/b:hi", b"long:/last:hi")]
    assert places == sorted(places)


@pytest.mark.parametrize("asked", [PLAIN, ONE], ids=["plain", "parsed"])
def test_a_server_that_stops_answers_what_waits_for_its_commit_and_closes(asked: bytes) -> None:
    answered = exchange(Committing(), asked, stopped_after=0.02)
    assert b"HTTP/1.1 200" in answered and b":hi" in answered
    assert b"connection: close" in answered


def test_a_client_that_has_gone_hears_nothing_and_leaves_nothing() -> None:
    late = Committing()

    async def gone() -> None:
        async with serving(late) as address:
            _, writer = await asyncio.open_connection(*address)
            writer.write(PLAIN)
            await asyncio.sleep(0.02)
            (one,) = late.waiting
            assert one.deliver is not None
            writer.transport.abort()
            await asyncio.sleep(0.02)
            assert one.deliver is None

    asyncio.run(gone())


def test_a_reply_that_comes_before_it_is_awaited_is_not_lost() -> None:
    async def told() -> HTTPReply:
        held = Committing()(HTTPRequest("POST", b"/", b"", [], b"hi"), "127.0.0.1", None, Standing())
        waiting = settled(held)
        assert held.deliver is not None
        held.deliver(held.reply)
        return await asyncio.wait_for(waiting, 10)

    assert b"short:/?:hi" == asyncio.run(told()).body
