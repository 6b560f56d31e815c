"""What becomes of closed segments: they are packed, and go when the operator's policy says so.

Nothing goes that is not signed: the head that says that a segment is gone, and with what line it ended, is durable
before the segment is removed, so that a verification tells what the policy removed from what somebody else did.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from strongroom.base.classes import dataclass
from strongroom.base.clock import Clock
from strongroom.kernel.journal.files import SegmentName, chains, lives, settled_through, sync_directory
from strongroom.kernel.journal.packed import PACKED_SUFFIX, pack
from strongroom.kernel.trail.heads import Gone, files
from strongroom.kernel.trail.signer import Signer

log = logging.getLogger("strongroom.keeping")

HEAD_FILES_KEPT = 10
"""However old they are."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How long the journal is kept. ``days``: 0 means for ever; ``most_bytes``, as it lies on the disk: 0 means any."""

    days: int
    most_bytes: int


@dataclass(frozen=True, slots=True)
class _Closed:
    """A segment that nobody writes any more, with all before it in its chain; when it was last written (seconds)."""

    name: SegmentName
    path: Path
    written: float
    size: int
    last: bool


class Keeper:
    """Keeps one node's journal. To be used from one thread. ``forget`` is told of each (chain, number) that goes."""

    def __init__(
        self,
        journal: Path,
        heads: Path,
        *,
        signer: Signer,
        policy: Policy,
        clock: Clock,
        forget: Callable[[str, int], None] = lambda _chain, _number: None,
    ) -> None:
        self._journal = journal
        self._heads = heads
        self._signer = signer
        self._policy = policy
        self._clock = clock
        self._forget = forget

    def step(self) -> None:
        """Pack one segment, and remove what the policy says is too old or too much."""
        closed = list(self._closed())
        self._expire(closed)
        for one in closed:
            if one.path.suffix != PACKED_SUFFIX and one.path.exists() and self._is_signed(one):
                pack(one.path)
                break

    # ------------------------------------------------------------------ what is closed

    def _closed(self) -> list[_Closed]:
        """Every closed segment, oldest first within its chain; the newest of a chain only once it is settled."""
        settled, found = settled_through(self._journal), []
        for names in chains(self._journal).values():
            ended = names[0].start <= settled and not lives(self._journal, names)
            for name in names if ended else names[:-1]:
                one = self._at(name, last=name is names[-1])
                if one is not None:
                    found.append(one)
        return found

    def _at(self, name: SegmentName, *, last: bool) -> _Closed | None:
        plain = self._journal / name.file
        for path in (plain.with_name(plain.name + PACKED_SUFFIX), plain):
            try:
                told = path.stat()
            except FileNotFoundError:
                continue
            return _Closed(name, path, told.st_mtime, told.st_size, last)
        return None

    def _is_signed(self, one: _Closed) -> bool:
        """Whether a head holds all of a segment."""
        end = self._signer.end_of(one.name.chain)
        if end is None:
            return False
        return end.number > one.name.number or (end.number == one.name.number and end.offset >= one.size)

    # ------------------------------------------------------------------ what goes

    def _expire(self, closed: Sequence[_Closed]) -> None:
        going = self._too_old(closed) | self._too_much(closed)
        doomed = [one for one in closed if (one.name.chain, one.name.number) in going]
        kept = [one for one in doomed if self._tell(one)]
        if kept:
            self._signer.step()
        for one in kept:
            gone = self._signer.gone_of(one.name.chain)
            if gone is not None and gone.number >= one.name.number:
                self._forget(one.name.chain, one.name.number)
                one.path.unlink(missing_ok=True)
        if kept:
            sync_directory(self._journal)
            log.info("%d segments of the journal went as the policy says", len(kept))
        self._expire_heads()

    def _too_old(self, closed: Sequence[_Closed]) -> set[tuple[str, int]]:
        if not self._policy.days:
            return set()
        oldest = (self._clock() - timedelta(days=self._policy.days)).timestamp()
        return self._from_the_front(closed, lambda one: one.written < oldest)

    def _too_much(self, closed: Sequence[_Closed]) -> set[tuple[str, int]]:
        if not self._policy.most_bytes:
            return set()
        over = sum(path.stat().st_size for path in self._journal.glob("*.jsonl*")) - self._policy.most_bytes
        chosen: set[tuple[str, int]] = set()
        for one in sorted(closed, key=lambda each: (each.written, each.name)):
            if over <= 0:
                break
            chosen.add((one.name.chain, one.name.number))
            over -= one.size
        return self._from_the_front(closed, lambda one: (one.name.chain, one.name.number) in chosen)

    @staticmethod
    def _from_the_front(closed: Sequence[_Closed], goes: Callable[[_Closed], bool]) -> set[tuple[str, int]]:
        """Of each chain only what has nothing older left before it."""
        stopped: set[str] = set()
        found = set()
        for one in closed:
            if one.name.chain in stopped:
                continue
            if goes(one):
                found.add((one.name.chain, one.name.number))
            else:
                stopped.add(one.name.chain)
        return found

    def _tell(self, one: _Closed) -> bool:
        """Have the next head say that a segment goes, where it is signed and its end can be read."""
        if not self._is_signed(one):
            return False
        end = self._signer.last_line_of(one.name)
        if end is None:
            return False
        self._signer.removed(one.name.chain, Gone(one.name.number, end.seq, end.hash, whole=one.last))
        return True

    def _expire_heads(self) -> None:
        """Heads that are older than all that is kept; the newest files always stay."""
        if not self._policy.days:
            return
        oldest = (self._clock() - timedelta(days=self._policy.days)).timestamp()
        for path in files(self._heads)[:-HEAD_FILES_KEPT]:
            if path.stat().st_mtime >= oldest:
                break
            path.unlink()
