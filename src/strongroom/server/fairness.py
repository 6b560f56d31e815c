"""Threads that work for everybody in turn: who has much to do waits behind their own calls, not others before them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class FairThreads:
    """A bounded number of threads of an executor, lent to one lane after the other. In the event loop's thread alone.

    ``at_once``: as many as the executor has. How many may wait is whoever admits' affair (server/admission).
    """

    def __init__(self, threads: Executor, at_once: int) -> None:
        self._threads = threads
        self._free = at_once
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    async def run(self, lane: Hashable, work: Callable[..., _Result], *given: Any) -> _Result:
        """What ``work`` returns or raises, once it is the lane's turn."""
        loop = asyncio.get_running_loop()
        if self._free:
            self._free -= 1
        else:
            await self._turn_of(lane, loop.create_future())
        try:
            return await loop.run_in_executor(self._threads, work, *given)
        finally:
            self._next()

    async def _turn_of(self, lane: Hashable, place: asyncio.Future[None]) -> None:
        self._waiting.setdefault(lane, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._next()  # it was given and is not taken
            raise

    def _next(self) -> None:
        """Give a free thread to the lane that has waited longest for one."""
        while self._waiting:
            lane = next(iter(self._waiting))
            places = self._waiting.pop(lane)
            place = places.popleft()
            if places:
                self._waiting[lane] = places  # behind all others
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
