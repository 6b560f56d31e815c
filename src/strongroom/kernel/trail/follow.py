"""Following the journal: reads what was appended since, decides which records count, and puts them into the index.

A record of a write counts when its COMMIT is known: a later mark does not name it as open, or the store has its id.
What is not known yet stays unread, and all after it in its chain with it, until the next look; a COMMIT takes
milliseconds. So a lookup never shows as a success what was not committed.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any

from strongroom.base.classes import dataclass, field
from strongroom.base.clock import Clock, to_ms
from strongroom.kernel.journal.files import SegmentName, chains, stamp_ms
from strongroom.kernel.journal.packed import PACKED_SUFFIX, NotPacked, packed_size
from strongroom.kernel.journal.reading import read_line
from strongroom.kernel.trail.halves import Lines, Reader, Write
from strongroom.kernel.trail.index import Index, Part, Standing
from strongroom.kernel.trail.places import read_part, segment_name

log = logging.getLogger("strongroom.index")

CHUNK_BYTES = 2 * 1024 * 1024
"""More than twice what lies between two marks that say what is open."""
STEP_BYTES = 4 * CHUNK_BYTES
"""What one step reads, or a chunk more."""
STALE_MS = 10 * 60 * 1000
"""No COMMIT takes so long: what has no outcome by then, and whose chain does not grow, has none."""
Committed = Callable[[Sequence[str]], set[str]]
"""Which of these event ids are in the store."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment that can be read: how long it is, and its bytes from an offset on.

    ``following``: reads the chain's next segment; None where there is none.
    """

    chain: str
    number: int
    size: int
    read: Callable[[int, int], bytes | None]
    following: Callable[[int, int], bytes | None] | None

    @property
    def last(self) -> bool:
        """Whether it is the newest of its chain."""
        return self.following is None


Elsewhere = Callable[[], Sequence[Segment]]
"""The segments of other nodes, oldest first."""


@dataclass(slots=True)
class _Read:
    """What was read of a segment: its lines, where they end, and what marks among them say.

    ``said``: writes and marks in their order. ``full``: there is more.
    """

    lines: Lines
    end: int
    full: bool
    said: list[Write | Mapping[str, Any]] = field(default_factory=list)
    undone: dict[str, set[str]] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    closed: bool = False


class Follower:
    """One index and how it is kept up. To be used from one thread."""

    def __init__(
        self, directory: Path, index: Index, committed: Committed, clock: Clock, elsewhere: Elsewhere = tuple
    ) -> None:
        self._directory = directory
        self._index = index
        self._committed = committed
        self._clock = clock
        self._elsewhere = elsewhere
        self._standings = index.standings()
        self._undone, self._settled = index.verdicts()
        self._listed: tuple[int, list[list[SegmentName]]] = (-1, [])
        self._reader = Reader()
        self._reached: dict[str, int] = {}
        self._quiet = False

    def step(self) -> int:
        """Read what is new, what is oldest first, as much as is bounded; how many bytes that was. 0: all is read."""
        parts: list[Part] = []
        read = 0
        queue = self._waiting()
        while queue and read < STEP_BYTES:
            _, number, segments = heappop(queue)
            segment = segments[0]
            part, more = self._segment(segment)
            if part is not None:
                parts.append(part)
                read += more
                self._standings[segment.chain, segment.number] = part.standing
            if part is None or not more or part.standing.ended:
                segments.popleft()
            if segments:
                heappush(queue, (self._reached[segment.chain], number, segments))
        if parts:
            self._index.add(parts)
        self._quiet = read == 0
        return read

    def _waiting(self) -> list[tuple[int, int, deque[Segment]]]:
        """The segments of each chain that are not wholly read, by when the last line was written that was read.

        So records that were written at one time lie near one another in the index, where it is made anew as well.
        """
        found: dict[str, deque[Segment]] = {}
        for segment in (*self._here(), *self._elsewhere()):
            known = self._standings.get((segment.chain, segment.number))
            if known is None or not known.ended:
                found.setdefault(segment.chain, deque()).append(segment)
        queue = []
        for number, (chain, segments) in enumerate(found.items()):
            self._reached.setdefault(chain, began_ms(chain))
            queue.append((self._reached[chain], number, segments))
        heapify(queue)
        return queue

    # ------------------------------------------------------------------ what there is

    def _here(self) -> Iterator[Segment]:
        changed = self._directory.stat().st_mtime_ns
        if self._listed[0] != changed:
            self._listed = (changed, list(chains(self._directory).values()))
            self._forget_missing()
        for names in self._listed[1]:
            for name, following in zip(names, [*names[1:], None], strict=True):
                known = self._standings.get((name.chain, name.number))
                if known is None or not known.ended:
                    found = self._found(name, following)
                    if found is not None:
                        yield found

    def _found(self, name: SegmentName, following: SegmentName | None) -> Segment | None:
        path = self._directory / name.file
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            try:
                size = packed_size(path.with_name(path.name + PACKED_SUFFIX))
            except (FileNotFoundError, NotPacked):
                return None
        then = None if following is None else partial(read_part, self._directory / following.file)
        return Segment(name.chain, name.number, size, partial(read_part, path), then)

    def _forget_missing(self) -> None:
        """Segments of chains of this directory that are gone by policy."""
        there = {(name.chain, name.number) for names in self._listed[1] for name in names}
        nodes = {names[0].node for names in self._listed[1]}
        for chain, number in list(self._standings):
            if (chain, number) not in there and chain.partition("-")[0] in nodes:
                self._index.forget(chain, number)
                del self._standings[chain, number]

    # ------------------------------------------------------------------ one segment

    def _segment(self, segment: Segment) -> tuple[Part | None, int]:
        """What the next part of a segment brings, and how many bytes it has; None where nothing has become known."""
        standing = self._standings.get((segment.chain, segment.number)) or Standing(0, ended=False)
        if standing.ended or (segment.size <= standing.done and segment.last):
            return None, 0
        read = self._read(segment, standing.done)
        if read is None:
            return None, 0
        part = self._settled_part(segment, read)
        ended = (read.closed or not segment.last) and read.end >= segment.size
        part.standing = Standing(read.end, ended)
        if part.standing == standing:
            return None, 0
        part.verdicts = [(chain, one) for chain, ids in read.undone.items() for one in ids]
        part.settled = read.settled
        if read.lines.at_ms is not None:
            self._reached[segment.chain] = read.lines.at_ms
        return part, read.end - standing.done

    def _read(self, segment: Segment, begin: int) -> _Read | None:
        try:
            data = segment.read(begin, CHUNK_BYTES)
        except NotPacked:
            data = None
        if data is None:
            return None
        whole = data.rfind(b"\n") + 1
        full = len(data) == CHUNK_BYTES
        read = _Read(self._reader.read(data, begin), begin + whole, full)
        if not whole and full:
            read.end = begin + len(data)  # damage: no line of ours is so long
        elif not whole and data and not segment.last:
            read.end = segment.size  # a torn end, left behind by a power loss
        for one in read.lines.said:
            if isinstance(one, bytes):
                self._hear(segment.chain, one, read)
            else:
                read.said.append(one)
        return read

    def _hear(self, chain: str, raw: bytes, read: _Read) -> None:
        line = read_line(raw)
        mark = None if line is None else line.mark()
        if mark is None:
            return
        read.said.append(mark)
        kind, about = mark["mark"], str(mark.get("chain"))
        if kind == "not committed":
            one = str(mark.get("id"))
            self._undone.setdefault(about, set()).add(one)
            if about != chain:
                read.undone.setdefault(about, set()).add(one)
        elif kind == "settled" and isinstance(mark.get("through"), int):
            self._settled[about] = read.settled[about] = mark["through"]
        read.closed = kind == "closed"

    def _ahead(self, segment: Segment) -> _Read:
        """The marks of the first lines of the next segment: they speak of the end of this one."""
        data = segment.following(0, CHUNK_BYTES) if segment.following is not None else None
        ahead = _Read(Lines(), 0, full=False)
        for raw in (data or b"").split(b"\n")[:-1]:
            self._hear(segment.chain, raw, ahead)
        return ahead

    # ------------------------------------------------------------------ what counts

    def _settled_part(self, segment: Segment, read: _Read) -> Part:
        """The entries of a part as far as every outcome is known; what was read is cut where one is not."""
        lines, open_ids = read.lines, self._open(segment, read)
        if read.full and lines.first_write in open_ids:
            # So much follows that its COMMIT is long over, and whatever failed would be marked by now.
            open_ids = set()
        lost, undone = self._undone.get(segment.chain, set()), []
        for one in read.said:
            if not isinstance(one, Write):
                continue
            if one.event_id in open_ids:
                # What was heard behind the cut is heard again; it was true the first time.
                read.end, read.closed = one.offset, False
                del lines.entries[one.before :]
                break
            if one.event_id in lost:
                undone.append(one.offset)
        return Part(segment.chain, segment.number, _NOT_YET, lines.entries, undone, lines.used)

    def _open(self, segment: Segment, read: _Read) -> set[str]:
        """The ids whose outcome nobody knows yet."""
        waiting = self._waiting_among(segment, read.said, {})
        if waiting and segment.following is not None and read.end >= segment.size:
            waiting = self._waiting_among(segment, self._ahead(segment).said, waiting)
        if not waiting:
            return set()
        there = self._committed(list(waiting))
        oldest = to_ms(self._clock()) - STALE_MS
        left = set()
        for one, write in waiting.items():
            if one in there:
                continue
            if self._quiet and segment.last and read.end >= segment.size and write.at_ms < oldest:
                self._undone.setdefault(segment.chain, set()).add(one)
                continue
            left.add(one)
        return left

    def _waiting_among(
        self, segment: Segment, said: Sequence[Write | Mapping[str, Any]], waiting: dict[str, Write]
    ) -> dict[str, Write]:
        """Which writes wait for their outcome, after what was said in lines one after the other."""
        for one in said:
            if isinstance(one, Write):
                waiting[one.event_id] = one
            elif isinstance(one.get("open"), list):
                still = set(one["open"])
                waiting = {event_id: write for event_id, write in waiting.items() if event_id in still}
        undone, settled = self._undone.get(segment.chain, set()), self._settled.get(segment.chain, 0)
        return {
            event_id: write for event_id, write in waiting.items() if event_id not in undone and write.seq > settled
        }


_NOT_YET = Standing(0, ended=False)


def began_ms(chain: str) -> int:
    """When a chain began, as its name tells."""
    name = segment_name(chain, 1)
    return 0 if name is None else stamp_ms(name.start)


def unread(standings: Mapping[tuple[str, int], Standing], begin: Mapping[str, int]) -> bool:
    """Whether any segment of this node has whole lines, of those that ``begin`` (file -> size) counted, unread."""
    for file, size in begin.items():
        name, _, number = file.removesuffix(".jsonl").rpartition("-")
        known = standings.get((name, int(number)))
        if known is None or (known.done < size and not known.ended):
            return True
    return False


def sizes(directory: Path) -> dict[str, int]:
    """The unpacked segments of this node as they are now: file -> size."""
    found = {}
    with os.scandir(directory) as entries:
        for one in entries:
            if one.name.endswith(".jsonl"):
                found[one.name] = one.stat().st_size
    return found
