"""Following the journal: reads what was appended since, decides which records count, and puts them into the index.

A record of a write counts when its COMMIT is known: a later mark does not name it as open, or the store has its id.
What is not known yet stays unread, and all after it in its chain with it, until the next look; a COMMIT takes
milliseconds. So a lookup never shows as a success what was not committed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import orjson

from strongroom.base.clock import Clock, to_ms
from strongroom.kernel.journal.files import SegmentName, chains
from strongroom.kernel.journal.packed import PACKED_SUFFIX, NotPacked, packed_size
from strongroom.kernel.journal.reading import Line, read_line
from strongroom.kernel.trail.index import Entry, Index, Standing
from strongroom.kernel.trail.places import read_part
from strongroom.kernel.trail.uses import uses_of
from strongroom.kernel.trail.words import words_of

log = logging.getLogger("strongroom.index")

CHUNK_BYTES = 2 * 1024 * 1024
"""More than twice what lies between two marks that say what is open."""
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
class _Part:
    """What was read of a segment: its lines with their offsets, and what marks in it say.

    ``ahead``: the first lines of the next segment, whose marks speak of the end of this one.
    """

    lines: list[tuple[int, Line]] = field(default_factory=list)
    ahead: list[Line] = field(default_factory=list)
    end: int = 0
    full: bool = False
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
        self._quiet = False

    def step(self) -> int:
        """Read what is new, a bounded part of each segment; how many bytes that was. 0 says that all is read."""
        read = sum(self._segment(segment) for segment in (*self._here(), *self._elsewhere()))
        self._quiet = read == 0
        return read

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

    def _segment(self, segment: Segment) -> int:
        standing = self._standings.get((segment.chain, segment.number)) or Standing(0, ended=False)
        if standing.ended or (segment.size <= standing.done and segment.last):
            return 0
        part = self._read(segment, standing.done)
        if part is None:
            return 0
        entries = self._settle(segment, part)
        ended = (part.closed or not segment.last) and part.end >= segment.size
        reached = Standing(part.end, ended)
        if reached == standing:
            return 0
        undone = [(chain, one) for chain, ids in part.undone.items() for one in ids]
        self._index.add(segment.chain, segment.number, entries, reached, undone=undone, settled=part.settled)
        self._standings[segment.chain, segment.number] = reached
        return part.end - standing.done

    def _read(self, segment: Segment, begin: int) -> _Part | None:
        try:
            data = segment.read(begin, CHUNK_BYTES)
        except NotPacked:
            data = None
        if data is None:
            return None
        part = _Part(end=begin, full=len(data) == CHUNK_BYTES)
        whole = data.rfind(b"\n") + 1
        if not whole and part.full:
            whole = len(data)  # damage: no line of ours is so long
        for at, line in _lines(data[:whole], begin):
            part.lines.append((at, line))
            self._hear(segment.chain, line, part)
        if segment.following is not None and begin + whole >= segment.size:
            part.ahead = [line for _, line in _lines(segment.following(0, CHUNK_BYTES) or b"", 0)]
            for line in part.ahead:
                self._hear(segment.chain, line, _Part())
        part.end = begin + whole
        if not whole and data and not segment.last:
            part.end = segment.size  # a torn end, left behind by a power loss
        return part

    def _hear(self, chain: str, line: Line, part: _Part) -> None:
        mark = line.mark()
        if mark is None:
            return
        kind, about = mark["mark"], str(mark.get("chain"))
        if kind == "not committed":
            one = str(mark.get("id"))
            self._undone.setdefault(about, set()).add(one)
            if about != chain:
                part.undone.setdefault(about, set()).add(one)
        elif kind == "settled" and isinstance(mark.get("through"), int):
            self._settled[about] = part.settled[about] = mark["through"]
        part.closed = kind == "closed"

    # ------------------------------------------------------------------ what counts

    def _settle(self, segment: Segment, part: _Part) -> list[Entry]:
        """The entries of a part as far as every outcome is known; the part is cut where one is not."""
        undone = self._undone.get(segment.chain, set())
        open_ids = self._open(segment, part, undone)
        if part.full and part.lines and part.lines[0][1].event_id in open_ids:
            # So much follows that its COMMIT is long over, and whatever failed would be marked by now.
            open_ids = set()
        entries = []
        for at, line in part.lines:
            if line.event_id is None:
                continue
            if line.event_id in open_ids:
                part.end, part.closed = at, False
                # What was heard behind the cut is heard again; it was true the first time.
                break
            entry = _entry(at, line, undone=line.event_id in undone)
            if entry is not None:
                entries.append(entry)
        return entries

    def _open(self, segment: Segment, part: _Part, undone: set[str]) -> set[str]:
        """The ids whose outcome nobody knows yet."""
        waiting: dict[str, Line] = {}
        ahead = (line for line in part.ahead if line.event_id is None)
        for line in (*(line for _, line in part.lines), *ahead):
            if line.event_id is not None:
                if line.writes and line.event_id not in undone:
                    waiting[line.event_id] = line
                continue
            mark = line.mark() or {}
            if isinstance(mark.get("open"), list):
                still = set(mark["open"])
                waiting = {one: found for one, found in waiting.items() if one in still}
        settled = self._settled.get(segment.chain, 0)
        waiting = {one: line for one, line in waiting.items() if line.seq > settled}
        if not waiting:
            return set()
        there = self._committed(list(waiting))
        oldest = to_ms(self._clock()) - STALE_MS
        left = set()
        for one, line in waiting.items():
            if one in there:
                continue
            if self._quiet and segment.last and part.end >= segment.size and line.at_ms < oldest:
                undone.add(one)
                self._undone[segment.chain] = undone
                continue
            left.add(one)
        return left


def _lines(data: bytes, at: int) -> Iterator[tuple[int, Line]]:
    """The whole lines that are ours, with their offsets."""
    for raw in data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]:
        line = read_line(raw)
        if line is not None:
            yield at, line
        at += len(raw) + 1


def _entry(at: int, line: Line, *, undone: bool) -> Entry | None:
    try:
        told = orjson.loads(line.raw)
        return Entry(words_of(told), str(line.event_id), at, undone, uses_of(told))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None


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
