"""server/asgi, Turn: an answer leaves behind its record, and a turn stands or falls as one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.app import Opened, Product
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.kernel.call import Source
from strongroom.server.asgi import Turn
from strongroom.settings import Settings

HERE = Source("127.0.0.1")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    product = Product(Settings(data=tmp_path_factory.mktemp("turn"), tls="off"))
    product.prepare(bytes(32))
    opened = product.open_engine(bytes(32), "worker0")
    yield opened
    opened.close()


def held_in_one_turn(opened: Opened, count: int) -> tuple[list[HTTPReply], list[int]]:
    """The replies to some unsigned requests of one turn, and how much was recorded when each was delivered."""
    turn = Turn(opened.chain, opened.recorder)
    replies: list[HTTPReply] = []
    recorded: list[int] = []

    def deliver(reply: HTTPReply) -> None:
        replies.append(reply)
        recorded.append(opened.recorder.journal._appended)

    async def run() -> None:
        before = opened.recorder.journal._appended
        for number in range(count):
            request = HTTPRequest("POST", b"/", b"", [(b"x-amz-target", b"secretsmanager.ListSecrets")], b"%d" % number)
            flight = opened.chain.enter(opened.chain.begin(request, HERE))
            assert flight.reply is not None
            turn.hold(flight, flight.reply).deliver = deliver
        assert [] == replies and before == opened.recorder.journal._appended
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(run())
    return replies, recorded


def lines(opened: Opened) -> int:
    return opened.recorder.journal._segment.path.read_bytes().count(b"\n")


def test_all_answers_of_a_turn_leave_behind_one_write_of_all_their_records(opened: Opened) -> None:
    before = lines(opened)
    replies, recorded = held_in_one_turn(opened, 5)
    assert [400] * 5 == [reply.status for reply in replies]
    assert 5 == lines(opened) - before
    assert 1 == len(set(recorded)), "one append, before the first answer"


def test_one_client_that_cannot_be_answered_does_not_keep_the_others_waiting(opened: Opened) -> None:
    turn = Turn(opened.chain, opened.recorder)
    heard: list[int] = []

    def broken(reply: HTTPReply) -> None:
        raise OSError

    async def run() -> None:
        takers: list[Any] = [broken, lambda reply: heard.append(reply.status)]
        for take in takers:
            flight = opened.chain.enter(opened.chain.begin(HTTPRequest("POST", b"/", b"", [], b""), HERE))
            assert flight.reply is not None
            turn.hold(flight, flight.reply).deliver = take
        turn.end()

    asyncio.run(run())
    assert 1 == len(heard)


def test_a_turn_that_cannot_be_recorded_is_refused_whole(tmp_path: Path) -> None:
    product = Product(Settings(data=tmp_path, tls="off"))
    product.prepare(bytes(32))
    opened = product.open_engine(bytes(32), "worker0")
    opened.recorder.journal.close()
    replies, _ = held_in_one_turn(opened, 3)
    assert [500] * 3 == [reply.status for reply in replies]
    opened.close()
