"""A file of lines as batches: its hash first, then runs of whole lines, small enough for one request each."""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from strongroom.base.classes import dataclass, field
from strongroom.server.parts import StartRefused

LINES_AT_MOST = 500
BYTES_AT_MOST = 512 * 1024
LINE_BYTES_AT_MOST = 480 * 1024
"""More than a request with the longest value has, every character of it escaped."""
STANDARD_INPUT_AT_MOST = 1 << 30
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A file that has been read once."""

    file: BinaryIO = field(repr=False)
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Some lines. ``first`` counts from 1; ``end``: where in the file they end; ``filled``: how many are not blank."""

    first: int
    count: int
    filled: int
    end: int
    last: bool
    content: bytes = field(repr=False)


@contextlib.contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """A file for reading; ``-`` is standard input, kept in memory: nothing of it may lie in a file.

    Raises StartRefused.
    """
    if name == "-":
        content = sys.stdin.buffer.read(STANDARD_INPUT_AT_MOST + 1)
        if len(content) > STANDARD_INPUT_AT_MOST:
            raise StartRefused(f"standard input has more than {STANDARD_INPUT_AT_MOST >> 20} MiB: name a file")
        yield io.BytesIO(content)
        return
    try:
        with Path(name).open("rb") as file:
            yield file
    except OSError as error:
        raise StartRefused(f"{name} cannot be read: {error.strerror}") from None


def hashed(file: BinaryIO) -> Found:
    """Read a file once, for its hash."""
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    file.seek(0)
    return Found(file, digest.hexdigest(), size)


def batches(found: Found, next_line: int) -> Iterator[Batch]:
    """The lines from one on. Raises StartRefused for a line that is too long, or a file that changes meanwhile."""
    digest, end = hashlib.sha256(), 0
    first, size = next_line, 0
    held: list[bytes] = []
    for number, line in enumerate(iter(lambda: found.file.readline(LINE_BYTES_AT_MOST + 1), b""), 1):
        digest.update(line)
        if len(line) > LINE_BYTES_AT_MOST:
            raise StartRefused(f"line {number} is longer than {LINE_BYTES_AT_MOST >> 10} KiB")
        if number >= next_line:
            if len(held) >= LINES_AT_MOST or size + len(line) > BYTES_AT_MOST:
                yield _batch(first, held, end, last=False)
                first, held, size = number, [], 0
            held.append(line)
            size += len(line)
        end += len(line)
    if digest.hexdigest() != found.sha256:
        raise StartRefused("the file has changed since the import began; run it again")
    yield _batch(first, held, end, last=True)


def _batch(first: int, held: list[bytes], end: int, *, last: bool) -> Batch:
    filled = sum(1 for line in held if line.strip())
    return Batch(first, len(held), filled, end, last, b"".join(held))
