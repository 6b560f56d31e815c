"""server/asgi, Turn: an answer leaves behind its record, and a turn stands or falls as one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from strongroom.app import Opened, Product
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.kernel.call import Source
from strongroom.kernel.journal.segment import JournalUnwritable, Segment
from strongroom.server.turn import HeldReply, Turn
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


@pytest.mark.parametrize("recordable", [True, False])
def test_what_is_done_afterwards_comes_once_behind_the_answers_of_its_turn(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, recordable: bool
) -> None:
    """The length of a turn is measured there: the delivery of its answers counts."""
    turn = Turn(opened.chain, opened.recorder)
    told: list[str] = []
    if not recordable:
        monkeypatch.setattr(opened.recorder, "read", lambda _: 1 / 0)

    async def run() -> None:
        for number in range(2):
            turn.afterwards(lambda number=number: told.append(f"the end of turn {number}"))
            flight = opened.chain.enter(opened.chain.begin(HTTPRequest("POST", b"/", b"", [], b""), HERE))
            assert flight.reply is not None
            turn.hold(flight, flight.reply).deliver = lambda _: told.append("an answer")
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(run())
    assert ["an answer", "the end of turn 0", "an answer", "the end of turn 1"] == told


def test_a_turn_that_cannot_be_recorded_is_refused_whole(tmp_path: Path) -> None:
    product = Product(Settings(data=tmp_path, tls="off"))
    product.prepare(bytes(32))
    opened = product.open_engine(bytes(32), "worker0")
    opened.recorder.journal.close()
    replies, _ = held_in_one_turn(opened, 3)
    assert [500] * 3 == [reply.status for reply in replies]
    opened.close()


def synced_turns(
    opened: Opened, count: int, threads: Executor, ended: threading.Event | None = None
) -> list[tuple[int, bool]]:
    """Status of each reply of some turns that end while a sync is under way, and whether its record was durable.

    ``ended`` is set when all turns have ended.
    """
    turn = Turn(opened.chain, opened.recorder, syncing_in=threads)
    replies: list[tuple[int, bool]] = []

    async def run() -> None:
        for _ in range(count):
            held = held_request(opened, turn)
            held.deliver = lambda reply: replies.append((reply.status, opened.recorder.journal.durable))
            turn.end()
        if ended is not None:
            ended.set()
        while len(replies) < count:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(run(), 60))
    return replies


def held_request(opened: Opened, turn: Turn) -> HeldReply:
    flight = opened.chain.enter(opened.chain.begin(HTTPRequest("POST", b"/", b"", [], b""), HERE))
    assert flight.reply is not None
    return turn.hold(flight, flight.reply)


def test_where_each_record_is_synced_no_answer_leaves_before_it_is_durable(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    ended = threading.Event()
    whole = opened.recorder.sync

    def counted() -> None:
        syncs.append(1)
        assert ended.wait(60)  # so that the other turns end meanwhile
        whole()

    monkeypatch.setattr(opened.recorder, "sync", counted)
    with ThreadPoolExecutor(1) as threads:
        replies = synced_turns(opened, 6, threads, ended)
    assert [(400, True)] * 6 == replies
    assert 2 == len(syncs), "one for the first turn, one for all that ended during it"


def test_an_answer_that_cannot_be_synced_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    product = Product(Settings(data=tmp_path, tls="off"))
    product.prepare(bytes(32))
    opened = product.open_engine(bytes(32), "worker0")

    def fails(self: Segment) -> None:
        raise JournalUnwritable("no more")

    monkeypatch.setattr(Segment, "sync", fails)
    with ThreadPoolExecutor(1) as threads:
        replies = synced_turns(opened, 3, threads)
    assert [500] * 3 == [status for status, _ in replies]
    opened.close()


def test_who_is_in_a_hurry_has_the_answer_and_its_sync_at_once(opened: Opened) -> None:
    with ThreadPoolExecutor(1) as threads:
        turn = Turn(opened.chain, opened.recorder, syncing_in=threads)
        replies: list[tuple[int, bool]] = []

        def deliver(reply: HTTPReply) -> None:
            replies.append((reply.status, opened.recorder.journal.durable))

        async def run() -> None:
            first, second = held_request(opened, turn), held_request(opened, turn)
            first.deliver = second.deliver = deliver
            turn.end()  # a sync is under way in the thread
            third = held_request(opened, turn)
            third.deliver = deliver
            third.hurry()
            assert [(400, True)] * 3 == replies
            await asyncio.sleep(0.05)

        asyncio.run(run())
    assert 3 == len(replies), "and the sync that was under way delivers nothing again"
