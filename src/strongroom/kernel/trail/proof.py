"""Whether a copy of the journal is whole, by its own chains and by the signed heads; with nothing but a public key.

The newest head on the disk holds every chain's end as of its moment; a head that was kept elsewhere (``pinned``) holds
the heads themselves: whoever cuts lines off has to cut heads off, too, and then the pinned one is not among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from strongroom.base.classes import dataclass, field
from strongroom.kernel.journal.verify import Fault, Findings, Known, Removed, walked
from strongroom.kernel.trail.heads import (
    NOTHING_BEFORE,
    BadHead,
    End,
    Gone,
    Head,
    Manifest,
    files,
    first_number,
    lines_of,
    opened,
)

GRACE_MS = 60_000
"""A chain that begins no later than this before the newest head must be in it; the runner looks every second."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a verification found.

    ``through_ms``: when the newest good head was signed; None where there is none. Lines written later
    (``beyond``) are held by their chains alone. ``heads``: how many heads are good.
    """

    findings: Findings
    heads: int
    through_ms: int | None
    beyond: int

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, removed or moved."""
        return self.findings.whole


@dataclass(slots=True)
class _Log:
    """The heads of a node as the disk has them."""

    node: str = ""
    manifest: Manifest = field(default_factory=Manifest)
    at: dict[int, str] = field(default_factory=dict)
    newest: Head | None = None
    ever_gone: dict[str, Gone] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def prove(journal: Path, heads: Path, public: bytes, pinned: bytes | None = None) -> Proof:
    """Verify a journal against its heads, and against one that was kept elsewhere. Raises BadHead for a bad pin."""
    log = _read(heads, public)
    ends: dict[str, set[End]] = {}
    for chain, end in log.manifest.chains.items():
        ends.setdefault(chain, set()).add(end)
    through = None if log.newest is None else log.newest.at_ms
    if pinned is not None:
        head, hashed = opened(pinned.strip(), public)
        _compare_pin(log, head, hashed)
        for chain, end in head.chains.items():
            if chain not in log.ever_gone or not log.ever_gone[chain].whole:
                ends.setdefault(chain, set()).add(end)
        through = max(through or 0, head.at_ms)
    known = Known(
        removed={chain: Removed(gone.number, gone.seq, gone.hash) for chain, gone in log.ever_gone.items()},
        asked={chain: frozenset(end.seq for end in known_ends) for chain, known_ends in ends.items()},
    )
    walk = walked(journal, known)
    faults = [*log.faults, *walk.findings.faults]
    for chain, known_ends in sorted(ends.items()):
        faults.extend(_held(chain, known_ends, walk.seen, walk.ends, log.ever_gone))
    if log.newest is not None:
        faults.extend(
            Fault("added", chain, 0, "this chain began before the newest head, and no head names it")
            for chain, begun in sorted(walk.begun.items())
            if chain not in ends and begun < log.newest.at_ms - GRACE_MS
        )
    beyond = sum(
        max(0, last - max((end.seq for end in ends.get(chain, ())), default=0)) for chain, last in walk.ends.items()
    )
    notes = (*walk.findings.notes, *log.notes)
    return Proof(replace(walk.findings, faults=tuple(faults), notes=notes), len(log.at), through, beyond)


def _held(
    chain: str,
    ends: set[End],
    seen: Mapping[tuple[str, int], str],
    last: Mapping[str, int],
    gone: Mapping[str, Gone],
) -> Iterator[Fault]:
    """Whether a chain still reaches every end that was signed, with the same line."""
    for end in sorted(ends, key=lambda one: one.seq):
        if chain in gone and end.seq <= gone[chain].seq:
            continue  # removed by the policy, as a later head says
        if chain not in last:
            yield Fault("removed", chain, 0, f"this chain had {end.seq} lines when it was signed, and is not there")
        elif last[chain] < end.seq:
            yield Fault("removed", chain, last[chain], f"lines {last[chain] + 1} to {end.seq} were signed and are gone")
        elif seen.get((chain, end.seq)) != end.hash:
            yield Fault("changed", chain, end.seq, "this line is not the one that was signed")


def _compare_pin(log: _Log, head: Head, hashed: str) -> None:
    """Whether the head that was kept elsewhere is among those of the disk."""
    if log.node and head.node != log.node:
        log.faults.append(Fault("changed", "heads", head.number, f"the given head is of node {head.node}"))
    elif head.number in log.at:
        if log.at[head.number] != hashed:
            log.faults.append(Fault("changed", "heads", head.number, "this head is not the one that was given"))
    elif log.newest is None or head.number > log.newest.number:
        last = 0 if log.newest is None else log.newest.number
        text = f"heads {last + 1} to {head.number} were signed and are not here"
        log.faults.append(Fault("removed", "heads", head.number, text))
    elif log.at and head.number < min(log.at):
        log.notes.append(
            f"the given head is older than the oldest one kept, {min(log.at)}: compared by its chains alone"
        )
    else:
        log.faults.append(Fault("removed", "heads", head.number, "this head was signed and is not here"))


def _read(directory: Path, public: bytes) -> _Log:
    """All heads of the disk, oldest first, as far as they are good."""
    log, number, previous = _Log(), 0, NOTHING_BEFORE
    for path in files(directory):
        begins = first_number(path)
        if number and begins != number + 1:
            log.faults.append(
                Fault("removed", path.name, 0, f"heads {number + 1} to {begins - 1} are missing before it")
            )
            previous = ""
        elif not number and begins > 1:
            log.notes.append(f"heads before {begins} are not kept")
            previous = ""
        number = begins - 1
        for at, line in enumerate(lines_of(path), 1):
            try:
                head, hashed = opened(line, public)
            except BadHead as bad:
                log.faults.append(Fault("changed", path.name, at, f"this is no head of the given key: {bad}"))
                number, previous = number + 1, ""
                continue
            if head.number != number + 1 or (previous and head.previous != previous):
                log.faults.append(Fault("changed", path.name, at, "this head does not follow the one before it"))
            if at == 1 and not head.full:
                log.faults.append(
                    Fault("changed", path.name, at, "a file of heads begins with one that names all chains")
                )
            number, previous = head.number, hashed
            _take(log, head, hashed)
    if log.newest is None:
        log.notes.append("there is no signed head: lines cut off the ends of chains cannot be seen")
    else:
        log.faults.extend(Fault("changed", "heads", log.newest.number, text) for text in log.newest.broken)
    return log


def _take(log: _Log, head: Head, hashed: str) -> None:
    if log.node and head.node != log.node:
        log.faults.append(Fault("changed", "heads", head.number, f"this head is of node {head.node}, not {log.node}"))
        return
    log.node = log.node or head.node
    log.manifest.take(head)
    log.at[head.number] = hashed
    log.newest = head
    log.ever_gone.update(head.gone)
