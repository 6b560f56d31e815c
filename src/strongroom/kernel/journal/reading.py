"""Lines read back from segments: what they are, without parsing the events in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from strongroom.kernel.journal.chain import MAX_LINE_BYTES

_HEAD = re.compile(
    rb'\{"seq":(\d{1,18}),"prev":"([0-9a-f]{64})","at":-?\d{1,18},'
    rb'(?:"id":"([^"\\]{1,200})","writes":(true|false),|"mark":")'
)


@dataclass(frozen=True, slots=True)
class Line:
    """One whole line: its number, the hash it names, and what kind it is of.

    ``event_id`` is None on a mark. ``writes`` is whether a record stands or falls with a commit.
    """

    raw: bytes
    seq: int
    prev: str
    event_id: str | None
    writes: bool

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
    head = _HEAD.match(raw)
    if head is None or not raw.endswith(b"}"):
        return None
    event_id = None if head[3] is None else head[3].decode("utf-8", "replace")
    return Line(raw, int(head[1]), head[2].decode(), event_id, head[4] == b"true")


def raw_lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Each line without its newline, and whether it had one. A line too long to be ours comes in pieces."""
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            whole = line.endswith(b"\n")
            yield (line[:-1] if whole else line), whole
