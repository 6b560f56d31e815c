"""Reading a segment by offset, wherever it lies: a file of this node, packed or not, or pieces in the store.

An offset counts the bytes of the segment as it was written. Another node's segments lie in the store as pieces
(PostgreSQL alone), each a run of whole lines.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from strongroom.kernel.journal.chain import MAX_LINE_BYTES
from strongroom.kernel.journal.files import SegmentName, parse_name
from strongroom.kernel.journal.packed import PACKED_SUFFIX, read_packed

Piece = Callable[[str, int, int], tuple[int, bytes] | None]
"""The piece of (chain, number) that holds an offset: where it begins, and its bytes; None where there is none."""
_FIRST_BYTES = 4096


@lru_cache(maxsize=1024)
def segment_name(chain: str, number: int) -> SegmentName | None:
    """The name of a segment; None for what is no chain's name."""
    return parse_name(f"{chain}-{number:06d}.jsonl")


def read_part(path: Path, offset: int, most: int) -> bytes | None:
    """Up to ``most`` bytes of a segment from an offset on; None where neither the file nor its packed form is there."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(most)
    except FileNotFoundError:
        pass
    try:
        return read_packed(path.with_name(path.name + PACKED_SUFFIX), offset, most)
    except FileNotFoundError:
        return None


def line_at(directory: Path, chain: str, number: int, offset: int, piece: Piece | None = None) -> bytes | None:
    """The whole line that begins at an offset, without its newline; None where it is not there any more."""
    name = segment_name(chain, number)
    if name is None:
        return None
    path = directory / name.file
    found = read_part(path, offset, _FIRST_BYTES)
    if found is not None:
        if b"\n" not in found:
            found = read_part(path, offset, MAX_LINE_BYTES) or b""
    elif piece is not None:
        there = piece(chain, number, offset)
        if there is None:
            return None
        begin, data = there
        found = data[offset - begin :]
    else:
        return None
    line, newline, _ = found.partition(b"\n")
    return line if newline else None
