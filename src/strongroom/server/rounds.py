"""Reads on a store that is asked over a network: those that have come together are answered of one look at it.

A thread looks for what has changed since its last look, and answers of what it remembers all that it can. What the
others asked for in vain it fetches together, and tries again; a few that still need more it reads one by one. What is
left is read as any other call is. So a read costs a part of one
question to the database, and each is as of a moment after it came.
Source: docs/decisions/0063-remembering-on-postgresql.md.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import Final

from strongroom.kernel.chain import Chain
from strongroom.kernel.flight import Flight
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.storage.errors import StoreError
from strongroom.kernel.storage.port import Store

log = logging.getLogger("strongroom.asgi")

CALLS_A_ROUND: Final = 256
LEARNING_SECONDS: Final = 0.025
"""For so long a round reads what is not remembered, one call after the other; the whole of the next waits for it."""
_FETCHES: Final = 2
"""A call may ask for one row because of another; whoever asks for more than this is read by itself."""

Place = tuple[Flight, "asyncio.Future[bool]"]


class Rounds:
    """The rounds of one worker, one at a time. Used in the event loop's thread alone."""

    def __init__(self, chain: Chain, store: Store, recorder: Recorder) -> None:
        self._chain = chain
        self._store = store
        self._recorder = recorder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="round")
        self._waiting: list[Place] = []
        self._under_way = False

    def ask(self, flight: Flight) -> asyncio.Future[bool]:
        """Whether a round has taken a flight as far as it goes without writing, its answer recorded; if not, it is as
        it was. Raises what recording raises.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((flight, done))
        if not self._under_way:
            self._under_way = True
            loop.call_soon(self._begin)  # all that came in this turn are of the round
        return done

    def close(self) -> None:
        """Finish the round that is under way."""
        self._thread.shutdown(wait=True)

    def _begin(self) -> None:
        places, self._waiting = self._waiting[:CALLS_A_ROUND], self._waiting[CALLS_A_ROUND:]
        loop = asyncio.get_running_loop()
        try:
            done = self._thread.submit(self._round, [flight for flight, _ in places])
        except RuntimeError:  # it was closed
            self._ended(places, [False] * len(places))
            return
        done.add_done_callback(lambda found: loop.call_soon_threadsafe(self._took, places, found))

    def _took(self, places: list[Place], found: Future[list[bool]]) -> None:
        failed = found.exception()
        if failed is not None:
            log.error("a round of reads failed: %s", type(failed).__name__)
        self._ended(places, [False] * len(places) if failed is not None else found.result())

    def _ended(self, places: list[Place], taken: list[bool]) -> None:
        records = [record for (flight, _), took in zip(places, taken, strict=True) if took for record in flight.records]
        try:
            if records:
                self._recorder.read(records)
        except Exception as error:  # noqa: BLE001  each client is refused, and the next round begins all the same
            for _, done in places:
                if not done.done():
                    done.set_exception(error)
        else:
            for (_, done), took in zip(places, taken, strict=True):
                if not done.done():
                    done.set_result(took)
        if self._waiting:
            self._begin()
        else:
            self._under_way = False

    def _round(self, flights: list[Flight]) -> list[bool]:
        taken = [False] * len(flights)
        try:
            self._store.look()
            self._remembered(flights, taken)
            for _ in range(_FETCHES):
                if all(taken):
                    break
                self._store.study()
                self._remembered(flights, taken)
            self._learn(flights, taken)
        except StoreError as error:  # the calls say so themselves, where they have waited for it to come back
            log.info("no look at the store: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001  what was taken stays so: to enter it again would record it twice
            log.error("a round of reads failed: %s", type(error).__name__)  # noqa: TRY400  its text may quote a value
        finally:
            self._store.blink()
        return taken

    def _remembered(self, flights: list[Flight], taken: list[bool]) -> None:
        for at, flight in enumerate(flights):
            if not taken[at]:
                taken[at] = self._chain.enter_remembering(flight)

    def _learn(self, flights: list[Flight], taken: list[bool]) -> None:
        until = perf_counter() + LEARNING_SECONDS
        for at, flight in enumerate(flights):
            if not taken[at] and perf_counter() < until:
                self._chain.enter(flight)
                taken[at] = True
