"""server/fairness: threads go round among those who wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from strongroom.server.fairness import FairThreads


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def test_who_has_much_to_do_waits_behind_their_own_calls(threads: ThreadPoolExecutor) -> None:
    done: list[str] = []
    begin = threading.Event()

    def work(name: str) -> None:
        begin.wait(60)
        done.append(name)

    async def run() -> None:
        fair = FairThreads(threads, 1)
        calls = [asyncio.ensure_future(fair.run("many", work, f"many {number}")) for number in range(20)]
        await asyncio.sleep(0)
        calls.append(asyncio.ensure_future(fair.run("few", work, "few")))
        await asyncio.sleep(0)
        begin.set()
        await asyncio.gather(*calls)

    asyncio.run(run())
    assert 21 == len(done)
    assert done.index("few") <= 2


def test_as_many_work_at_once_as_may_and_errors_give_their_thread_back(threads: ThreadPoolExecutor) -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def work(fails: bool) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        with lock:
            under_way -= 1
        if fails:
            raise ValueError
        return 7

    async def run() -> list[object]:
        fair = FairThreads(threads, 2)
        calls = [fair.run(number % 3, work, number % 2 == 0) for number in range(50)]
        return list(await asyncio.gather(*calls, return_exceptions=True))

    found = asyncio.run(run())
    assert 25 == found.count(7) and 25 == sum(isinstance(one, ValueError) for one in found)
    assert 1 <= most <= 2


def test_who_goes_away_while_waiting_leaves_the_thread_to_the_next(threads: ThreadPoolExecutor) -> None:
    begin = threading.Event()

    async def run() -> str:
        fair = FairThreads(threads, 1)
        first = asyncio.ensure_future(fair.run("a", begin.wait, 60))
        await asyncio.sleep(0)
        gone = [asyncio.ensure_future(fair.run("b", begin.wait, 60)) for _ in range(3)]
        last = asyncio.ensure_future(fair.run("c", str, 1))
        await asyncio.sleep(0)
        for one in gone:
            one.cancel()
        begin.set()
        await first
        return await asyncio.wait_for(last, 60)

    assert "1" == asyncio.run(run())
