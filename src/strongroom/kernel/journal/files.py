"""The journal's directory: what its files are called, which exist, and which of their chains still live.

    <node>-<start>-<process>-<number>.jsonl     one segment of one chain; names sort by node and then by start
    <node>-<start>-<process>-<number>.jsonl.gz  the same, packed (packed.py), once nothing more comes
    settled.json                                which chains have been settled

A chain is one incarnation of one process: ``<node>-<start>-<process>``. It lives as long as somebody holds
the lock on its newest segment; the kernel lets go of a lock when its process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from strongroom.base.classes import dataclass
from strongroom.base.clock import from_ms, to_ms

SUFFIX = ".jsonl"
SETTLED_FILE = "settled.json"
NONE_YET = "0"
"""Before every start there is."""
_NODE = re.compile(r"\w{1,32}", re.ASCII)
_PROCESS = re.compile(r"[\w-]{1,32}", re.ASCII)
_SEGMENT = re.compile(r"(\w{1,32})-(\d{8}T\d{9}Z)-([\w-]{1,32})-(\d{6,9})\.jsonl(?:\.gz)?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """One segment's place: of which chain, and which of its files. ``start`` is ``YYYYMMDDTHHMMSSmmmZ``."""

    node: str
    start: str
    process: str
    number: int

    @property
    def chain(self) -> str:
        """The chain's name."""
        return f"{self.node}-{self.start}-{self.process}"

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.chain}-{self.number:06d}{SUFFIX}"


def parse_name(file: str) -> SegmentName | None:
    """The place that a file's name tells; None for a file that is no segment."""
    found = _SEGMENT.fullmatch(file)
    if found is None:
        return None
    return SegmentName(found[1], found[2], found[3], int(found[4]))


def chains(directory: Path) -> dict[str, list[SegmentName]]:
    """Every chain of a directory with its segments in order, oldest chain first."""
    if not directory.is_dir():
        return {}
    # A set: for a moment a segment is there in both forms.
    names = sorted({name for path in directory.iterdir() if (name := parse_name(path.name)) is not None})
    found: dict[str, list[SegmentName]] = {}
    for name in names:
        found.setdefault(name.chain, []).append(name)
    return found


def new_start(directory: Path, node: str, process: str, now: datetime) -> str:
    """The start of a chain that begins now: later than that of every chain there is, whatever the clock says.

    So the order of starts is the order of incarnations even where a clock was set back. Raises ValueError for
    a node or process that cannot stand in a file's name.
    """
    if not _NODE.fullmatch(node) or not _PROCESS.fullmatch(process):
        raise ValueError(f"{node!r} and {process!r} cannot stand in a file's name")
    newest = max((segments[0].start for segments in chains(directory).values()), default="")
    start = _stamp(now)
    return start if start > newest else _stamp(_moment(newest) + timedelta(milliseconds=1))


def lives(directory: Path, segments: list[SegmentName]) -> bool:
    """Whether some process still writes a chain."""
    try:
        handle = os.open(directory / segments[-1].file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@dataclass(frozen=True, slots=True)
class SettledNote:
    """What is settled: every chain up to the start ``through``, and some later ones up to a line of theirs."""

    through: str
    later: Mapping[str, int]

    def covers(self, chain: str, start: str, seq: int) -> bool:
        """Whether a chain that ends with line ``seq`` is settled."""
        return start <= self.through or self.later.get(chain) == seq


def read_settled(directory: Path) -> SettledNote | None:
    """The note that the last start left; None where there is none that can be read."""
    try:
        told = json.loads((directory / SETTLED_FILE).read_text(encoding="ascii"))
        return SettledNote(str(told["through"]), {str(chain): int(seq) for chain, seq in told["later"].items()})
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def settled_through(directory: Path) -> str:
    """Up to which start every chain is settled; empty where that is not known or none is."""
    note = read_settled(directory)
    return "" if note is None or note.through == NONE_YET else note.through


def write_settled(directory: Path, note: SettledNote) -> None:
    """Leave the note for the next start, durably."""
    temporary = directory / f"{SETTLED_FILE}.new"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump({"through": note.through, "later": dict(note.later)}, file)
        file.flush()
        os.fsync(handle)
    temporary.replace(directory / SETTLED_FILE)
    sync_directory(directory)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S}{to_ms(moment) % 1000:03d}Z"


def stamp_ms(stamp: str) -> int:
    """The milliseconds of a chain's start."""
    return to_ms(_moment(stamp))


def _moment(stamp: str) -> datetime:
    whole = datetime.strptime(stamp[:15] + "+0000", "%Y%m%dT%H%M%S%z")
    return from_ms(to_ms(whole) + int(stamp[15:18]))
