"""Whether the journal is as it was written: every chain walked, every link checked.

A changed line no longer has the hash that the next one names; a removed or moved one leaves a gap in the
numbers. The end of a chain that has ended is held by the mark with which the next start settled it. What
cannot be seen from the chains alone: lines cut off the end of the newest ones, and a journal rewritten as a
whole. Signed heads show that (kernel/trail/proof.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from strongroom.base.classes import dataclass, field
from strongroom.kernel.journal.chain import first_link
from strongroom.kernel.journal.files import SegmentName, chains, lives
from strongroom.kernel.journal.packed import NotPacked
from strongroom.kernel.journal.reading import Line, raw_lines, read_line

MAX_FAULTS = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where the journal is not as it was written. ``kind``: changed, removed, moved, unreadable."""

    kind: str
    file: str
    line: int
    says: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What a walk found. ``notes`` are no faults: torn ends, which power loss leaves behind."""

    chains: int
    lines: int
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, removed or moved."""
        return not self.faults


class Removed(NamedTuple):
    """The part of a chain that the policy removed: segments through ``number``; number and hash of its last line."""

    number: int
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the journal from elsewhere: what was removed of which chain, and which lines to tell of."""

    removed: Mapping[str, Removed] = field(default_factory=dict)
    asked: Mapping[str, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk saw: its findings, the hash of each line that was asked for, and of each chain its first ``at``
    (milliseconds) and its last line's number.
    """

    findings: Findings
    seen: Mapping[tuple[str, int], str]
    begun: Mapping[str, int]
    ends: Mapping[str, int]


@dataclass(slots=True)
class _Walk:
    """One walk. ``ends``: number and hash of each chain's last line; ``held``: the same as marks hold it."""

    directory: Path
    known: Known = field(default_factory=Known)
    seen: dict[tuple[str, int], str] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    lines: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ends: dict[str, tuple[int, str]] = field(default_factory=dict)
    held: dict[str, tuple[int, str]] = field(default_factory=dict)

    def fault(self, kind: str, file: str, line: int, says: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(kind, file, line, says))


def verify(directory: Path) -> Findings:
    """Walk all chains of a journal's directory; also while a server writes it. Reads each line once."""
    return walked(directory, Known()).findings


def walked(directory: Path, known: Known) -> Walked:
    """The same walk, with what is known from elsewhere, and what it saw."""
    walk = _Walk(directory, known)
    there = chains(directory)
    for chain, names in there.items():
        _walk_chain(walk, chain, names)
    _compare_ends(walk)
    findings = Findings(len(there), walk.lines, tuple(walk.faults), tuple(walk.notes))
    return Walked(findings, walk.seen, walk.begun, {chain: seq for chain, (seq, _) in walk.ends.items()})


def _walk_chain(walk: _Walk, chain: str, names: Sequence[SegmentName]) -> None:
    removed = walk.known.removed.get(chain, Removed(0, 0, first_link(chain)))
    # A crash between the signed word that a segment goes and its going leaves it there, still whole.
    gone = removed if names[0].number > removed.number else Removed(0, 0, first_link(chain))
    seq, link = gone.seq, gone.hash
    asked = walk.known.asked.get(chain, frozenset())
    alive = lives(walk.directory, list(names))
    for number, name in enumerate(names, gone.number + 1):
        if name.number != number:
            walk.fault("removed", name.file, 0, f"segment {number} of this chain is missing")
            return
        for at, (raw, whole) in enumerate(_lines(walk, name), 1):
            line = read_line(raw) if whole else None
            if not whole:
                _torn(walk, name.file, at, at_the_end=name is names[-1], alive=alive)
                continue
            walk.lines += 1
            if line is None:
                walk.fault("unreadable", name.file, at, "this line is not as the journal writes lines")
                seq, link = seq + 1, ""
                continue
            _check(walk, (name.file, at), line, (seq, link))
            seq, link = line.seq, sha256(raw).hexdigest()
            if seq in asked:
                walk.seen[chain, seq] = link
            if chain not in walk.begun:
                walk.begun[chain] = line.at_ms
            _hold(walk, line)
    walk.ends[chain] = (seq, link)


def _lines(walk: _Walk, name: SegmentName) -> Iterator[tuple[bytes, bool]]:
    try:
        yield from raw_lines(walk.directory / name.file)
    except NotPacked:
        walk.fault("unreadable", name.file, 0, "this packed segment is not as the journal packs segments")


def _check(walk: _Walk, place: tuple[str, int], line: Line, before: tuple[int, str]) -> None:
    file, at = place
    seq, link = before
    if line.seq > seq + 1:
        walk.fault("removed", file, at, f"lines {seq + 1} to {line.seq - 1} of the chain are missing before this one")
    elif line.seq <= seq:
        walk.fault("moved", file, at, f"line {line.seq} of the chain stands after line {seq}")
    elif link and line.prev != link:
        walk.fault("changed", file, at, f"line {seq} of the chain is not the one that this line was written after")


def _torn(walk: _Walk, file: str, at: int, *, at_the_end: bool, alive: bool) -> None:
    if not at_the_end:
        walk.fault("changed", file, at, "this line has no end, and another segment follows")
    elif not alive:  # the line of a living chain may be on its way
        walk.notes.append(f"{file}: line {at} is torn, as power loss leaves it")


def _hold(walk: _Walk, line: Line) -> None:
    if line.event_id is None:
        mark = line.mark() or {}
        if mark.get("mark") == "settled" and isinstance(mark.get("through"), int):
            walk.held[str(mark.get("chain"))] = (mark["through"], str(mark.get("hash")))


def _compare_ends(walk: _Walk) -> None:
    for chain, (seq, link) in walk.held.items():
        if chain not in walk.ends and chain in walk.known.removed:
            continue
        if chain not in walk.ends:
            walk.fault("removed", chain, 0, "this chain was settled and is not there any more")
            continue
        last, digest = walk.ends[chain]
        if last < seq:
            walk.fault("removed", chain, last, f"lines {last + 1} to {seq} were cut off the end of this chain")
        elif last > seq:
            walk.fault("changed", chain, last, f"this chain had ended with line {seq} and goes on")
        elif digest != link:
            walk.fault("changed", chain, last, "the last line of this chain was changed")
