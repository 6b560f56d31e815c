"""At start: what the last incarnations wrote and did not live to settle.

A record of a write goes out before its COMMIT. Where a process ends between the two, only the store knows
whether the transaction was committed: it holds the event's id, or it does not. Here the open records of
chains that have ended are looked up, those that are not there are followed by ``not committed``, and a mark
``settled`` says up to which line each chain has been gone through, and that line's hash.
Source: DESIGN.md, "Journal and commit agree".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from strongroom.base.classes import dataclass, field
from strongroom.kernel.journal.chain import first_link
from strongroom.kernel.journal.files import (
    NONE_YET,
    SegmentName,
    SettledNote,
    chains,
    lives,
    read_settled,
    write_settled,
)
from strongroom.kernel.journal.reading import Line, newest_statement, raw_lines, read_line, settlements
from strongroom.kernel.journal.segments import Journal

Committed = Callable[[Sequence[str]], set[str]]
"""Which of these event ids are in the store."""

REASON = "the process ended before its COMMIT was known to succeed"


@dataclass(slots=True)
class Tail:
    """The end of a chain that has ended: its last whole line, and the records that nobody has settled.

    ``torn_bytes`` are the remains of a line that power loss cut short; ``damaged`` counts lines that are not
    ours. Both stay where they are.
    """

    chain: str
    start: str
    seq: int
    hash: str
    open: dict[str, None] = field(default_factory=dict)
    torn_bytes: int = 0
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What a start found: chains gone through, records found uncommitted, chains with damage at their end."""

    chains: int
    not_committed: int
    damaged_chains: int


def unsettled(directory: Path) -> list[tuple[str, str]]:
    """Each record, as (event id, chain), of ended chains whose outcome the journal does not tell."""
    return [(event_id, tail.chain) for tail in _survey(directory)[0] for event_id in tail.open]


def settle(journal: Journal, directory: Path, committed: Committed) -> Settled:
    """Tell, in ``journal``, the outcome of everything that earlier incarnations left open.

    The ids of what was committed are handed to the journal, whose ``checkpoint`` gives them out for deletion.
    Raises JournalUnwritable, and whatever ``committed`` raises; then nothing counts as settled.
    """
    tails, note = _survey(directory)
    found = committed([event_id for tail in tails for event_id in tail.open])
    missing = 0
    for tail in tails:
        lost = [event_id for event_id in tail.open if event_id not in found]
        missing += len(lost)
        journal.not_committed(lost, REASON, chain=tail.chain)
        if tail.torn_bytes or tail.damaged:
            journal.mark([_recovered(tail)])
        journal.mark([{"mark": "settled", "chain": tail.chain, "through": tail.seq, "hash": tail.hash}])
    journal.sync()
    write_settled(directory, note)
    journal.forget([event_id for tail in tails for event_id in tail.open if event_id in found])
    return Settled(len(tails), missing, sum(1 for tail in tails if tail.torn_bytes or tail.damaged))


def read_tail(directory: Path, segments: Sequence[SegmentName]) -> Tail:
    """The end of a chain, read from the last line that says what was open when it was written."""
    name = segments[0]
    tail = Tail(name.chain, name.start, 0, first_link(name.chain))
    oldest, offset = len(segments) - 1, newest_statement(directory / segments[-1].file)
    while offset is None and oldest > 0:
        oldest -= 1
        offset = newest_statement(directory / segments[oldest].file)
    for segment in segments[oldest:]:
        tail.damaged += bool(tail.torn_bytes)  # a torn line is a matter of course only at the very end
        tail.torn_bytes = 0
        _read_segment(directory / segment.file, offset or 0, tail)
        offset = 0
    return tail


def _read_segment(path: Path, begin: int, tail: Tail) -> None:
    last = None
    for raw, whole in raw_lines(path, begin):
        line = read_line(raw) if whole else None
        if line is not None:
            _take_in(line, tail)
            last = line
        elif whole:
            tail.damaged += 1
        else:
            tail.torn_bytes += len(raw)
    if last is not None:
        tail.seq, tail.hash = last.seq, sha256(last.raw).hexdigest()


def _take_in(line: Line, tail: Tail) -> None:
    if line.event_id is not None:
        if line.writes:
            tail.open[line.event_id] = None
        return
    mark = line.mark() or {}
    if isinstance(mark.get("open"), list):
        tail.open = dict.fromkeys(mark["open"])
    elif mark.get("mark") == "not committed" and mark.get("chain") == tail.chain:
        tail.open.pop(mark.get("id", ""), None)


def _survey(directory: Path) -> tuple[list[Tail], SettledNote]:
    """The tails of chains that have ended and are not settled yet, and the note that is true once they are.

    Where no note says what is settled already, the marks do, at the price of looking for them in every file. A
    start that died between its marks and its note is repeated: no row is deleted before the note is durable.
    """
    known = read_settled(directory)
    named = [names for names in chains(directory).values() if known is None or names[0].start > known.through]
    alive = [names for names in named if lives(directory, names)]
    ended = [names for names in named if names not in alive]
    tails = [read_tail(directory, names) for names in ended]
    if known is None:
        known = SettledNote(NONE_YET, _settled_by_marks(directory, ended))
    oldest = min((names[0].start for names in alive), default="9")
    through = max((tail.start for tail in tails if tail.start < oldest), default=known.through)
    later = {tail.chain: tail.seq for tail in tails if tail.start > through}
    open_tails = [tail for tail in tails if not known.covers(tail.chain, tail.start, tail.seq)]
    return open_tails, SettledNote(through, later)


def _settled_by_marks(directory: Path, ended: Sequence[Sequence[SegmentName]]) -> dict[str, int]:
    files = [directory / name.file for names in ended for name in names]
    return {chain: seq for file in files for chain, seq in settlements(file)}


def _recovered(tail: Tail) -> dict[str, object]:
    return {
        "mark": "recovered", "chain": tail.chain, "after": tail.seq,
        "torn_bytes": tail.torn_bytes, "damaged_lines": tail.damaged,
    }  # fmt: skip
