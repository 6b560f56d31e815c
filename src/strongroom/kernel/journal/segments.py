"""The journal of one process: records go out in whole lines, chained, and are synced in groups.

    append          handed to the kernel, so it survives the process; synced within 100 ms
    append_synced   durable when it returns
    sync            makes all that was appended before durable; those who ask at once share one fdatasync

One append is one write; what cannot be written whole is taken back and refused. After a failed sync nothing
more is accepted: the kernel may have dropped the pages, and a later sync would only seem to have saved them.
Source: DESIGN.md, "Journal and commit agree"; promise 2.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from strongroom.base.clock import Clock, to_ms
from strongroom.kernel.journal.chain import Addition, Chain, Recordable
from strongroom.kernel.journal.files import SegmentName, new_start, sync_directory
from strongroom.kernel.journal.outcomes import Outcomes
from strongroom.kernel.journal.segment import JournalUnwritable, Segment

__all__ = ["Journal", "JournalUnwritable"]

log = logging.getLogger("strongroom.journal")

SYNC_AFTER_SECONDS = 0.08
STATEMENT_EVERY_BYTES = 1024 * 1024
"""How much a start reads of a chain at most, or nearly so: from the last mark that says what is open."""
MAX_REASON_CHARS = 200
_ATTEMPTS = 100
_JOURNALS: weakref.WeakSet[Journal] = weakref.WeakSet()


class Journal:
    """One chain in a directory, written by this process alone; safe to share between its threads."""

    def __init__(
        self,
        directory: Path,
        *,
        node: str,
        process: str,
        clock: Clock,
        segment_max_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        """Begin a chain. The directory is made, 0700, where it is missing. Raises JournalUnwritable."""
        self._directory = directory
        self._clock = clock
        self._segment_max_bytes = segment_max_bytes
        self._lock = threading.Lock()  # over the chain, its newest segment and the outcomes
        self._sync_lock = threading.Lock()  # over syncing; taken before the other where both are
        self._outcomes = Outcomes()
        self._appended = self._synced = 0
        self._refusal: str | None = None
        self._full: list[Segment] = []
        self._unsynced = threading.Event()
        self._closing = threading.Event()
        self._begin(node, process)
        _JOURNALS.add(self)
        self._thread = threading.Thread(target=self._sync_soon, name="journal-sync", daemon=True)
        self._thread.start()

    @property
    def chain_id(self) -> str:
        """The chain's name: node, start, process."""
        return self._chain.name

    @property
    def durable(self) -> bool:
        """Whether all that was appended has been synced."""
        return self._synced >= self._appended

    # ------------------------------------------------------------------ records

    def append(self, records: Sequence[Recordable]) -> None:
        """Hand records to the kernel, all of them or none. Raises JournalUnwritable."""
        if not records:
            return
        with self._lock:
            self._make_room()
            addition = self._chain.records(records, to_ms(self._clock()))
            self._put(addition)
            if addition.waits:
                self._outcomes.wait(addition.waits)
        if not self._unsynced.is_set():
            self._unsynced.set()

    def append_synced(self, records: Sequence[Recordable]) -> None:
        """Append, and return when it is durable. Raises JournalUnwritable; the records may be there yet."""
        self.append(records)
        self.sync()

    def sync(self) -> None:
        """Make durable what was appended before. Raises JournalUnwritable."""
        wanted = self._appended
        with self._sync_lock:
            if self._synced >= wanted:
                return
            with self._lock:
                self._check()
                covers, segments, self._full = self._appended, [*self._full, self._segment], []
            try:
                for segment in segments:
                    segment.sync()
                if len(segments) > 1:
                    sync_directory(self._directory)
            except (JournalUnwritable, OSError) as error:
                self._refusal = f"the journal could not be synced: {error}"
                raise JournalUnwritable(self._refusal) from error
            finally:
                for segment in segments[:-1]:
                    segment.close()
            self._synced = covers

    # ------------------------------------------------------------------ outcomes

    def committed(self, event_ids: Sequence[str]) -> None:
        """The transaction of these records, appended before, was committed."""
        with self._lock:
            self._outcomes.committed(event_ids)

    def not_committed(self, event_ids: Sequence[str], reason: str, *, chain: str | None = None) -> None:
        """Record, durably, that the transaction of these records was not committed; ``chain`` if another's.

        Of ``reason`` only the first line is kept: a driver's second one may quote a row.
        Raises JournalUnwritable.
        """
        said = (reason.splitlines() or [""])[0][:MAX_REASON_CHARS]
        where = chain or self.chain_id
        told = {"mark": "not committed", "chain": where, "reason": said}
        self.mark([{**told, "id": event_id} for event_id in event_ids])
        # Only when this is durable may a mark say that nothing is open: pages do not reach the disk in order.
        self.sync()
        with self._lock:
            self._outcomes.undone(event_ids)

    def forget(self, event_ids: Sequence[str]) -> None:
        """The outcome of these records of other chains is settled: ``checkpoint`` may give their ids out."""
        with self._lock:
            self._outcomes.forget(event_ids)

    def checkpoint(self) -> Sequence[str]:
        """The committed ids whose rows in the store may now be deleted; often none.

        A durable mark names what is still open: nobody will ask the store about other records before it.
        INVARIANT: an id is given out only after that mark is durable. Raises JournalUnwritable.
        """
        with self._lock:
            due = self._outcomes.due()
        if due:
            try:
                self.mark([{"mark": "checkpoint"}])
                self.sync()
            except JournalUnwritable:
                self.forget(due)
                raise
        return due

    def mark(self, marks: Sequence[Mapping[str, Any]]) -> None:
        """Append marks. Those that settle (segment, checkpoint, closed) say what is open, too."""
        if not marks:
            return
        with self._lock:
            self._make_room()
            self._put_marks(marks)
        self._unsynced.set()

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """Close the chain: a last mark, a last sync. What is still open stays open until the next start."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._unsynced.set()
        try:
            self.mark([{"mark": "closed"}])
            self.sync()
        except JournalUnwritable:
            log.exception("the journal could not be closed in order")
        finally:
            if self._thread is not threading.current_thread():
                self._thread.join()
            with self._sync_lock, self._lock:
                if self._refusal != _CLOSED:
                    self._refusal = _CLOSED
                    self._segment.close()

    # ------------------------------------------------------------------ inside; the lock is held

    def _begin(self, node: str, process: str) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JournalUnwritable(f"the journal's directory cannot be made: {error.strerror}") from error
        for _ in range(_ATTEMPTS):
            start = new_start(self._directory, node, process, self._clock())
            self._name = SegmentName(node, start, process, 1)
            try:
                self._segment = Segment(self._directory / self._name.file)
                break
            except FileExistsError:  # another process took the same name since we looked
                continue
        else:
            raise JournalUnwritable("no name for a new chain is free")
        self._chain = Chain(self._name.chain)
        try:
            self._put_marks([self._header()])
            self._segment.sync()
        except JournalUnwritable:
            self._segment.discard()
            raise
        sync_directory(self._directory)
        self._state_again()
        self._synced = self._appended

    def _header(self) -> Mapping[str, Any]:
        return {"mark": "segment", "chain": self._name.chain, "segment": self._name.number, "format": 1}

    def _check(self) -> None:
        if self._refusal is not None:
            raise JournalUnwritable(self._refusal)

    def _make_room(self) -> None:
        """Say from time to time what is open, and go on in a new segment where this one is full."""
        self._check()
        size = self._segment.size
        if size < self._next_statement:
            return
        if size < self._segment_max_bytes:
            self._put_marks([{"mark": "checkpoint"}])
            self._state_again()
            return
        before = self._name, self._segment
        name = replace(self._name, number=self._name.number + 1)
        try:
            following = Segment(self._directory / name.file)
        except FileExistsError as error:
            raise JournalUnwritable(f"segment {name.file} is in the way") from error
        self._name, self._segment = name, following
        try:
            self._put_marks([self._header()])
        except JournalUnwritable:
            self._segment.discard()
            self._name, self._segment = before
            raise
        self._full.append(before[1])
        self._state_again()

    def _state_again(self) -> None:
        self._next_statement = min(self._segment.size + STATEMENT_EVERY_BYTES, self._segment_max_bytes)

    def _put_marks(self, marks: Sequence[Mapping[str, Any]]) -> None:
        told = [{**mark, "open": self._outcomes.open()} if mark["mark"] in _SETTLING else mark for mark in marks]
        self._put(self._chain.marks(told, to_ms(self._clock())))

    def _put(self, addition: Addition) -> None:
        self._check()
        self._segment.write(addition.data)
        self._chain.take(addition)
        self._appended += 1

    # ------------------------------------------------------------------ the journal's own thread

    def _sync_soon(self) -> None:
        while not self._closing.is_set():
            self._unsynced.wait()
            if self._closing.wait(SYNC_AFTER_SECONDS):
                return
            self._unsynced.clear()
            try:
                self.sync()
            except JournalUnwritable:
                log.exception("the journal takes no more records")
                return

    def _forked(self) -> None:
        """A child must not write its parent's chain; its copies of locks may be closed for ever."""
        self._refusal = "this journal belongs to the process that forked"
        self._lock, self._sync_lock = threading.Lock(), threading.Lock()
        self._closing.set()
        for segment in (*self._full, self._segment):
            segment.abandon()


_CLOSED = "the journal is closed"
_SETTLING = frozenset({"segment", "checkpoint", "closed"})


def _after_fork() -> None:
    for journal in list(_JOURNALS):
        if not journal._closing.is_set():
            journal._forked()
    _JOURNALS.clear()


os.register_at_fork(after_in_child=_after_fork)
