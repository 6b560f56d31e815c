"""server/commits: a write's answer leaves behind its commit, and the writes of a turn are queued together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.app import Opened, Product
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.base.refusals import Refusal
from strongroom.kernel.call import Source
from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import Flight
from strongroom.kernel.storage.errors import StoreUnavailable
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.writequeue import Outcome, WriteQueue
from strongroom.server.admission import Bounds, Lane, Line, Standing
from strongroom.server.commits import Commits, Deliveries, HeldWrite
from strongroom.server.turnedaway import TurnedAway
from strongroom.settings import Settings

HERE = Source("127.0.0.1")
DONE = HTTPReply(200, (), b"done")


class Office:
    """A worker's writes, each of which does nothing, in a queue of its own."""

    def __init__(self, opened: Opened, capacity: int = 8) -> None:
        self.opened = opened
        self.deliveries = Deliveries()
        self.batches: list[int] = []
        self.refused: list[BaseException] = []
        self.counted: list[Flight] = []
        self.queue = WriteQueue(opened.store, self, capacity=capacity, on_batch_done=self.deliveries)
        self.may_commit = threading.Event()
        self.lost: BaseException | None = None
        self.line = Line(Bounds())
        turned_away = TurnedAway(opened.chain, opened.recorder, "")
        self.commits = Commits(opened.chain, self.queue, self.deliveries, self.line, turned_away, self.refuse)

    def refuse(self, flight: Flight, error: BaseException) -> HTTPReply:
        self.refused.append(error)
        return HTTPReply(503, (), b"")

    def before_commit(self, tx: Transaction, outcomes: Any) -> None:
        """As Ledger.before_commit."""
        self.batches.append(len(outcomes))
        assert self.may_commit.wait(60)
        if self.lost is not None:
            raise self.lost

    def committed(self, outcomes: Any) -> None:
        """As Ledger.committed."""

    def not_committed(self, outcomes: Any, reason: str) -> None:
        """As Ledger.not_committed."""

    def unknown(self, outcomes: Any) -> bool | None:
        """As Ledger.unknown."""
        return None

    def held(self, replies: list[HTTPReply]) -> HeldWrite:
        """One write that waits; ``replies`` is where its reply goes."""
        flight = self.opened.chain.begin(HTTPRequest("POST", b"/", b"", [], b""), HERE)
        held = self.commits.hold(flight, Lane("a lane"), self.counted.append)
        assert isinstance(held, HeldWrite)
        held.deliver = replies.append
        return held


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    product = Product(Settings(data=tmp_path, tls="off"))
    product.prepare(bytes(32))
    opened = product.open_engine(bytes(32), "worker0")

    def write(flight: Flight, tx: Transaction) -> Outcome:
        flight.reply = DONE
        return Outcome(keep=True, records=(), value=None)

    monkeypatch.setattr(opened.chain, "write", write)
    made = Office(opened)
    yield made
    made.may_commit.set()
    made.queue.close()
    opened.close()


async def until(replies: list[HTTPReply], count: int) -> None:
    async with asyncio.timeout(60):
        while len(replies) < count:
            await asyncio.sleep(0.001)


def test_no_answer_leaves_before_its_commit(office: Office) -> None:
    replies: list[HTTPReply] = []

    async def run() -> None:
        for _ in range(3):
            office.held(replies)
        while not office.batches:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert [] == replies
        assert [] == office.counted
        assert 3 == len(office.line)
        office.may_commit.set()
        await until(replies, 3)

    asyncio.run(run())
    assert [DONE] * 3 == replies
    assert 3 == len(office.counted)
    assert 0 == len(office.line)


def test_the_writes_of_a_turn_are_one_batch(office: Office) -> None:
    replies: list[HTTPReply] = []
    office.may_commit.set()

    async def run() -> None:
        for count in (5, 3):
            before = len(replies)
            for _ in range(count):
                office.held(replies)
            await until(replies, before + count)

    asyncio.run(run())
    assert [5, 3] == office.batches


def test_what_was_lost_with_its_batch_is_refused(office: Office) -> None:
    replies: list[HTTPReply] = []
    office.lost = StoreUnavailable("the disk")
    office.may_commit.set()

    async def run() -> None:
        for _ in range(2):
            office.held(replies)
        await until(replies, 2)

    asyncio.run(run())
    assert [503, 503] == [reply.status for reply in replies]
    assert [office.lost] * 2 == office.refused


def test_those_that_find_no_room_are_refused_and_the_others_are_not(office: Office) -> None:
    replies: list[HTTPReply] = []

    async def run() -> None:
        for _ in range(10):
            office.held(replies)
        await until(replies, 2)
        assert [503, 503] == [reply.status for reply in replies]
        assert all(isinstance(error, Refusal) for error in office.refused)
        office.may_commit.set()
        await until(replies, 10)

    asyncio.run(run())
    assert [DONE] * 8 == replies[2:]
    assert 0 == len(office.line)


def test_one_client_that_cannot_be_answered_keeps_no_other_waiting(office: Office) -> None:
    replies: list[HTTPReply] = []
    office.may_commit.set()

    def broken(reply: HTTPReply) -> None:
        raise OSError

    async def run() -> None:
        office.held(replies).deliver = broken
        office.held(replies)
        await until(replies, 1)

    asyncio.run(run())
    assert [DONE] == replies


def test_whatever_goes_wrong_with_a_refusal_its_client_is_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies: list[HTTPReply] = []
    office.lost = StoreUnavailable("the disk")
    office.may_commit.set()

    def broken(flight: Flight, error: BaseException | None = None) -> HTTPReply:
        raise RuntimeError

    monkeypatch.setattr(office.commits, "refuse", broken)

    async def run() -> None:
        office.held(replies)
        office.held(replies)._count = broken
        await until(replies, 2)

    asyncio.run(run())
    assert [500, 500] == [reply.status for reply in replies]
    assert 0 == len(office.line)


def test_what_was_let_in_is_committed_before_a_worker_is_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = Product(Settings(data=tmp_path, tls="off"))
    product.prepare(bytes(32))
    worker = product.open_worker(bytes(32), 0)
    replies: list[HTTPReply] = []

    def write(chain: Chain, flight: Flight, tx: Transaction) -> Outcome:
        flight.reply = DONE
        return Outcome(keep=True, records=(), value=None)

    monkeypatch.setattr(Chain, "enter", lambda chain, flight: flight)
    monkeypatch.setattr(Chain, "write", write)

    async def run() -> None:
        request = HTTPRequest("POST", b"/", b"", [(b"host", b"localhost")], b"")
        held = worker.at_once(request, "127.0.0.1", None, Standing())
        assert isinstance(held, HeldWrite)
        held.deliver = replies.append
        worker.seal()
        await until(replies, 1)

    asyncio.run(run())
    worker.close()
    assert [DONE] == replies
