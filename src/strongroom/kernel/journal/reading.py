"""Lines read back from segments: what they are, without parsing the events in them."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from strongroom.base.classes import dataclass
from strongroom.kernel.journal.chain import MAX_LINE_BYTES
from strongroom.kernel.journal.packed import PACKED_SUFFIX, unpacked

HEAD = re.compile(
    rb'\{"seq":(\d{1,18}),"prev":"([0-9a-f]{64})","at":(-?\d{1,18}),'
    rb'(?:"id":"([^"\\]{1,200})","writes":(true|false),|"mark":")'
)
"""How every line begins: its number, the hash it names, when it was written, and of a record the id and ``writes``."""
_OPEN, _SETTLED = b'"open":[', b'"mark":"settled"'


@dataclass(frozen=True, slots=True)
class Line:
    """One whole line: its number, the hash it names, and what kind it is of.

    ``event_id`` is None on a mark. ``writes`` is whether a record stands or falls with a commit. ``at_ms`` is when it
    was written.
    """

    raw: bytes
    seq: int
    prev: str
    event_id: str | None
    writes: bool
    at_ms: int

    def mark(self) -> dict[str, Any] | None:
        """The mark in full; None for a record, and for a mark that is no JSON."""
        if self.event_id is not None:
            return None
        try:
            told = orjson.loads(self.raw)
        except orjson.JSONDecodeError:
            return None
        return told if isinstance(told, dict) and isinstance(told.get("mark"), str) else None


def read_line(raw: bytes) -> Line | None:
    """A line by its first members, which are always in the same order; None where it is not one of ours."""
    head = HEAD.match(raw)
    if head is None or not raw.endswith(b"}"):
        return None
    event_id = None if head[4] is None else head[4].decode("utf-8", "replace")
    return Line(raw, int(head[1]), head[2].decode(), event_id, head[5] == b"true", int(head[3]))


def newest_statement(path: Path) -> int | None:
    """Where the last line of a segment begins that says what was open; None where no line does.

    Searched from the end, so that only the end of a large segment is read.
    """
    with _whole(path) as content:
        at = content.rfind(_OPEN)
        while at >= 0:
            begin, end = content.rfind(b"\n", 0, at) + 1, content.find(b"\n", at)
            line = read_line(content[begin:end]) if end >= 0 else None
            mark = line.mark() if line else None
            if mark is not None and isinstance(mark.get("open"), list):
                return begin
            at = content.rfind(_OPEN, 0, begin)
    return None


def settlements(path: Path) -> Iterator[tuple[str, int]]:
    """Each chain that a segment says is settled, and up to which of its lines."""
    with _whole(path) as content:
        at = content.find(_SETTLED)
        while at >= 0:
            begin, end = content.rfind(b"\n", 0, at) + 1, content.find(b"\n", at)
            line = read_line(content[begin:end]) if end >= 0 else None
            mark = (line.mark() if line else None) or {}
            if mark.get("mark") == "settled" and isinstance(mark.get("through"), int):
                yield str(mark.get("chain")), mark["through"]
            at = content.find(_SETTLED, end) if end >= 0 else -1


def raw_lines(path: Path, begin: int = 0) -> Iterator[tuple[bytes, bool]]:
    """Each line from an offset on, without its newline, and whether it had one.

    A line too long to be ours comes in pieces. ``path`` is the segment's own; where it is packed, that is read.
    Raises FileNotFoundError, NotPacked.
    """
    with _opened(path) as file:
        file.seek(begin)
        while line := file.readline(MAX_LINE_BYTES):
            whole = line.endswith(b"\n")
            yield (line[:-1] if whole else line), whole


@contextmanager
def _whole(path: Path) -> Iterator[mmap.mmap | bytes]:
    """All of a segment, in memory only as far as it is looked at, where it is not packed."""
    try:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                yield b""
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                yield content
    except FileNotFoundError:
        with _opened(path) as packed:
            yield packed.read()


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        # Bounded by the size of a segment; members are checked before anything of them is believed.
        return BytesIO(b"".join(unpacked(path.with_name(path.name + PACKED_SUFFIX))))
