"""The inside of a store: the writing transaction that the write queue fills call by call."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from strongroom.kernel.storage.cache import Cache
from strongroom.kernel.storage.port import Store, Transaction

WRITE_WAIT_S = 10.0  # how long anybody waits for the one writer's place


class Batch(Transaction, Protocol):
    """A writing transaction with savepoints. Its thread alone may touch it.

    Any method raises StoreUnavailable once the transaction is lost; nothing of it was kept then.
    """

    def savepoint(self) -> None:
        """Begin one call."""
        ...

    def release(self) -> None:
        """Keep the call's changes for the commit."""
        ...

    def undo(self) -> None:
        """Take the call's changes back; the transaction goes on."""
        ...

    def commit(self) -> None:
        """Make everything kept durable and give the writer's place back.

        Raises CommitUnknown where the outcome cannot be told, any other StoreError where nothing was kept.
        """
        ...

    def rollback(self) -> None:
        """Keep nothing and give the writer's place back. Never raises; harmless after commit."""
        ...


class BatchStore(Store, Protocol):
    """A store as the write queue sees it."""

    @property
    def cache(self) -> Cache:
        """What is kept in memory about its rows."""
        ...

    def begin_write(self, wait_s: float = WRITE_WAIT_S) -> Batch:
        """Wait for the one writer's place and begin. Raises StoreBusy or StoreUnavailable."""
        ...


class WriteBlock:
    """``with store.write() as tx``: one batch of one call."""

    __slots__ = ("_batch", "_store")

    def __init__(self, store: BatchStore) -> None:
        self._store = store
        self._batch: Batch | None = None

    def __enter__(self) -> Transaction:
        self._batch = self._store.begin_write()
        return self._batch

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return
        if kind is None:
            batch.commit()
        else:
            batch.rollback()
