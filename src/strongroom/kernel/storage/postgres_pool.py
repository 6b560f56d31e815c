"""A bounded number of reading connections to PostgreSQL, each with what it knows of the generations."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping

import psycopg

from strongroom.kernel.storage.cache import Cache, Reading
from strongroom.kernel.storage.errors import StoreBusy, StoreUnavailable
from strongroom.kernel.storage.postgres_connection import connect, last_row, translated

RECONNECT_S = 10.0  # how long a restarting server is waited for
_PAUSE_S = 0.1
_GENERATIONS = "SELECT kind, value FROM kernel_generation WHERE account = %s"
# The row without account and kind is redrawn with every other one: while it stays, no generation has changed.
# Both statements go in one message.
_BEGIN = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
    "SELECT value FROM kernel_generation WHERE account = '' AND kind = ''"
)


class Pooled:
    """One reading connection."""

    __slots__ = ("_raw", "cursor", "view")

    def __init__(self, where: str, cache: Cache) -> None:
        self._raw = connect(where)
        self.cursor = self._raw.cursor()
        self.view = Reading(cache, self._kinds)

    def begin(self) -> None:
        """Begin a transaction and take its snapshot, reading the generations' stamp in it."""
        row = last_row(self.cursor.execute(_BEGIN))
        self.view.begin(None if row is None else row[0])

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return self._raw.closed

    def close(self) -> None:
        """Give the connection back to the server."""
        self._raw.close()

    def _kinds(self, account: str) -> Mapping[str, int]:
        try:
            return dict(self.cursor.execute(_GENERATIONS, (account,)).fetchall())
        except psycopg.Error as error:
            raise translated(error) from None


class Pool:
    """Up to ``size`` connections, opened when they are first needed; the one used last is given out first."""

    def __init__(self, where: str, cache: Cache, size: int) -> None:
        self._where = where
        self._cache = cache
        self._places = threading.BoundedSemaphore(size)
        self._size = size
        self._idle: list[Pooled] = [Pooled(where, cache)]  # fails at once where the address is wrong
        self.closed = False

    def begin(self) -> Pooled:
        """A connection with a reading transaction just begun.

        A server that restarts is waited for, bounded: nothing has been read yet, so beginning again is safe.
        """
        deadline = time.monotonic() + RECONNECT_S
        if not self._places.acquire(timeout=RECONNECT_S):
            raise StoreBusy(f"none of {self._size} connections came free in {RECONNECT_S:g} s")
        try:
            while True:
                try:
                    return self._begun()
                except StoreUnavailable:
                    if self.closed or time.monotonic() + _PAUSE_S > deadline:
                        raise
                    time.sleep(_PAUSE_S)
        except BaseException:
            self._places.release()
            raise

    def give(self, pooled: Pooled) -> None:
        """Take a connection back whose transaction has ended, or which is lost."""
        if pooled.lost or self.closed:
            pooled.close()
        else:
            self._idle.append(pooled)
        self._places.release()

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it is given back."""
        self.closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _begun(self) -> Pooled:
        if self.closed:
            raise StoreUnavailable("the store is closed")
        try:
            pooled = self._idle.pop()
        except IndexError:
            pooled = Pooled(self._where, self._cache)
        try:
            pooled.begin()
        except psycopg.Error as error:
            pooled.close()
            self._close_idle()  # after a restart the others are dead too
            raise translated(error) from None
        except BaseException:
            pooled.close()
            raise
        return pooled
