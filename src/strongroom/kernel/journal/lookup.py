"""Finding the lines of one request again: its own record, and those of the calls on its behalf."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from strongroom.kernel.journal.files import parse_name
from strongroom.kernel.journal.packed import PACKED_SUFFIX, unpacked

MAX_BYTES = 4 * 1024**3
"""How much of the journal is searched, newest segments first. Our choice: some seconds of a thread."""
MAX_LINES = 50


def lines_of_request(
    directory: Path, request_id: str, *, max_bytes: int = MAX_BYTES
) -> tuple[list[Mapping[str, Any]], bool]:
    """The lines that speak of a request, oldest first, and whether every segment was searched.

    ``request_id`` has been checked to be one: it is looked for as text. Only this node's journal is here.
    """
    found: list[Mapping[str, Any]] = []
    left = max_bytes
    for path in sorted(_segments(directory), key=lambda one: one.stat().st_mtime_ns, reverse=True):
        size = path.stat().st_size
        if size > left:
            return _in_order(found), False
        left -= size
        found.extend(_in(path, request_id))
        if len(found) >= MAX_LINES:
            break
    return _in_order(found[:MAX_LINES]), True


def _in_order(lines: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(lines, key=lambda line: (line["at"], line["seq"]))


def _segments(directory: Path) -> Iterator[Path]:
    return (path for path in directory.iterdir() if parse_name(path.name) is not None)


def _in(path: Path, request_id: str) -> Iterator[Mapping[str, Any]]:
    if path.name.endswith(PACKED_SUFFIX):
        for content in unpacked(path):
            yield from _found(content, request_id)
        return
    try:
        file = path.open("rb")
    except FileNotFoundError:  # packed since it was listed, or gone
        packed = path.with_name(path.name + PACKED_SUFFIX)
        if packed.exists():
            yield from _in(packed, request_id)
        return
    with file:
        if not path.stat().st_size:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            yield from _found(whole, request_id)


def _found(whole: mmap.mmap | bytes, request_id: str) -> Iterator[Mapping[str, Any]]:
    wanted = b'"%b"' % request_id.encode()
    at = whole.find(wanted)
    while at >= 0:
        start, end = whole.rfind(b"\n", 0, at) + 1, whole.find(b"\n", at)
        if end < 0:  # not whole yet
            return
        line = _read(whole[start:end])
        if line is not None and _speaks_of(line, request_id):
            yield line
        at = whole.find(wanted, end)


def _read(raw: bytes) -> Mapping[str, Any] | None:
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("event"), dict) else None


def _speaks_of(line: Mapping[str, Any], request_id: str) -> bool:
    """A request may hold any text in its parameters: only these two members count."""
    decision = line.get("decision")
    return line["event"].get("requestID") == request_id or (
        isinstance(decision, dict) and decision.get("for") == request_id
    )
