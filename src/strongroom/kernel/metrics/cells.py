"""Numbers of one process in a mapped file, which every process of the server may read while they grow.

A file says itself what its numbers are: blocks of rows (label values) and columns, then one cell each.
A process that is started anew in the same place goes on where the last one stood, so that no sum falls.
Our choice: docs/decisions/0045-metrics.md.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from pathlib import Path

import orjson

from strongroom.base.classes import dataclass

_MAGIC = b"STRCELL1"
_WORD = 8
_MOST_BYTES = 16 * 1024 * 1024
SUFFIX = ".cells"
_LIMIT = 1 << 62
"""A number that is greater was never counted: the file is broken, and adding to it could fail a call."""


@dataclass(frozen=True, slots=True)
class Block:
    """One table of numbers: ``rows`` are tuples of label values, ``columns`` what is counted of each."""

    name: str
    rows: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...]


class Cells:
    """The numbers of this process. One thread adds to a cell; a reader elsewhere sees the old or the new number.

    ``values`` are the cells themselves, to be added to by index: ``values[at] += 1``.
    """

    def __init__(self, path: Path, blocks: Sequence[Block]) -> None:
        """Map the file, made 0600 where it is missing or was for other blocks. Raises OSError."""
        head = orjson.dumps([[one.name, one.rows, one.columns] for one in blocks])
        start = _start(len(head))
        count = sum(len(one.rows) * len(one.columns) for one in blocks)
        size = start + count * _WORD
        if size > _MOST_BYTES:
            raise ValueError("more is counted than a file of counts may hold")
        prologue = _MAGIC + len(head).to_bytes(_WORD, "little") + head
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not _is_ours(path, prologue, size):
            _make(path, prologue, size)
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        self.values = memoryview(self._map)[start:].cast("Q")
        self._starts: dict[str, int] = {}
        self._blocks = {one.name: one for one in blocks}
        at = 0
        for one in blocks:
            self._starts[one.name] = at
            at += len(one.rows) * len(one.columns)

    def index(self, block: str) -> dict[tuple[str, ...], int]:
        """Where the row of each label tuple begins."""
        found, start = self._blocks[block], self._starts[block]
        return {row: start + number * len(found.columns) for number, row in enumerate(found.rows)}

    def close(self) -> None:
        """Let go of the file; the numbers stay in it."""
        self.values.release()
        self._map.close()


Sum = dict[tuple[str, ...], list[int]]
"""The numbers of one block by row, in the order of its columns."""


def summed(directory: Path) -> dict[str, tuple[tuple[str, ...], Sum]]:
    """Block name to (columns, sums over all processes). What cannot be read is left out."""
    total: dict[str, tuple[tuple[str, ...], Sum]] = {}
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        for block, values in _blocks_of(path):
            columns, rows = total.setdefault(block.name, (block.columns, {}))
            if columns != block.columns:  # left by an older version in a slot that nobody has any more
                continue
            width = len(columns)
            for number, row in enumerate(block.rows):
                part = values[number * width : (number + 1) * width]
                kept = rows.get(row)
                rows[row] = part if kept is None else [a + b for a, b in zip(kept, part, strict=True)]
    return total


def _blocks_of(path: Path) -> list[tuple[Block, list[int]]]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return []
        raw = path.read_bytes()
    except OSError:
        return []
    length = int.from_bytes(raw[_WORD : 2 * _WORD], "little")
    start = _start(length)
    if raw[:_WORD] != _MAGIC or start > len(raw):
        return []
    found: list[tuple[Block, list[int]]] = []
    try:
        told = orjson.loads(raw[2 * _WORD : 2 * _WORD + length])
        values = memoryview(raw)[start:].cast("Q")
        at = 0
        for name, rows, columns in told:
            block = Block(name, tuple(tuple(row) for row in rows), tuple(columns))
            size = len(block.rows) * len(block.columns)
            if at + size > len(values):
                return []
            found.append((block, values[at : at + size].tolist()))
            at += size
    except (ValueError, TypeError):
        return []
    return found


def _start(head: int) -> int:
    """Cells begin at a multiple of their size, so that each is written in one store."""
    return (2 * _WORD + head + _WORD - 1) // _WORD * _WORD


def _is_ours(path: Path, prologue: bytes, size: int) -> bool:
    try:
        with path.open("rb") as file:
            if path.stat().st_size != size or file.read(len(prologue)) != prologue:
                return False
            file.seek(_start(len(prologue) - 2 * _WORD))
            return max(memoryview(file.read()).cast("Q"), default=0) < _LIMIT
    except OSError:
        return False


def _make(path: Path, prologue: bytes, size: int) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(prologue)
        file.truncate(size)
    draft.replace(path)
