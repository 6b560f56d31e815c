"""Several nodes, one trail: each node copies its journal to the store that they share, and reads the others' there.

Done only where nodes can share a store (PostgreSQL). Lines are copied as they are, whatever their outcome: the marks
that tell outcomes are copied like all else.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import and_, bindparam, delete, insert, select, update

from strongroom.kernel.journal.files import chains
from strongroom.kernel.journal.packed import PACK_LEVEL
from strongroom.kernel.storage.port import Statement, Store, Transaction
from strongroom.kernel.storage.schema import trail_copied, trail_piece
from strongroom.kernel.trail.follow import Segment
from strongroom.kernel.trail.places import read_part

PIECE_BYTES = 512 * 1024
"""More than the longest line."""
PIECES_AT_ONCE = 8

_c, _p = trail_copied.c, trail_piece.c
_OWN = Statement(lambda: select(_c.chain, _c.number, _c.size).where(_c.node == bindparam("node")))
_OTHERS = Statement(
    lambda: select(_c.chain, _c.number, _c.size).where(_c.node != bindparam("node")).order_by(_c.chain, _c.number)
)
_ADD = Statement(
    lambda: insert(trail_piece).values(
        chain=bindparam("chain"),
        number=bindparam("number"),
        begin=bindparam("begin"),
        size=bindparam("size"),
        packed=bindparam("packed"),
    )
)
_BEGIN = Statement(
    lambda: insert(trail_copied).values(
        chain=bindparam("chain"), number=bindparam("number"), node=bindparam("node"), size=bindparam("size")
    )
)
_GO_ON = Statement(
    lambda: (
        update(trail_copied)
        .where(and_(_c.chain == bindparam("of"), _c.number == bindparam("its"), _c.size == bindparam("before")))
        .values(size=bindparam("size"))
    )
)
_READ = Statement(
    lambda: (
        select(_p.begin, _p.size, _p.packed)
        .where(
            and_(
                _p.chain == bindparam("chain"),
                _p.number == bindparam("number"),
                _p.begin + _p.size > bindparam("after"),
            )
        )
        .order_by(_p.begin)
        .limit(bindparam("most"))
    )
)
_DROP = tuple(
    Statement(delete(table).where(and_(table.c.chain == bindparam("chain"), table.c.number == bindparam("number"))))
    for table in (trail_piece, trail_copied)
)

Write = Callable[[Callable[[Transaction], None]], None]
"""Runs a change in a writing transaction of its own, and returns when it is committed."""


class Copier:
    """Copies one node's journal. To be used from one thread."""

    def __init__(self, directory: Path, node: str, store: Store, write: Write) -> None:
        self._directory = directory
        self._node = node
        self._write = write
        with store.read() as tx:
            self._whole: set[tuple[str, int]] = set()
            self._copied = {(chain, number): size for chain, number, size in tx.rows(_OWN, node=node)}

    def step(self) -> None:
        """Copy what is new, a bounded part of it. Raises what the store raises; then nothing counts as copied."""
        left = PIECES_AT_ONCE
        for names in chains(self._directory).values():
            for name in names:
                if left <= 0 or name.node != self._node:
                    break
                if (name.chain, name.number) in self._whole:
                    continue
                path = self._directory / name.file
                done = self._copied.get((name.chain, name.number), 0)
                if path.exists() and path.stat().st_size <= done:
                    continue
                copied = self._copy(name.chain, name.number, path, done, left)
                left -= copied
                if not copied and not path.exists():  # packed: nothing more will come
                    self._whole.add((name.chain, name.number))

    def forget(self, chain: str, number: int) -> None:
        """A segment is gone by policy: its pieces go as well."""

        def change(tx: Transaction) -> None:
            for statement in _DROP:
                tx.run(statement, chain=chain, number=number)

        self._write(change)
        self._copied.pop((chain, number), None)
        self._whole.discard((chain, number))

    def _copy(self, chain: str, number: int, path: Path, done: int, most: int) -> int:
        pieces: list[tuple[int, bytes]] = []
        end = done
        while len(pieces) < most:
            data = read_part(path, end, PIECE_BYTES) or b""
            data = data[: data.rfind(b"\n") + 1]
            if not data:
                break
            pieces.append((end, data))
            end += len(data)
        if not pieces:
            return 0

        def change(tx: Transaction) -> None:
            where = {"chain": chain, "number": number}
            if done == 0:
                tx.run(_BEGIN, **where, node=self._node, size=end)
            elif not tx.run(_GO_ON, of=chain, its=number, before=done, size=end):
                raise RuntimeError(f"another process copies the journal of node {self._node}")
            for begin, data in pieces:
                tx.run(_ADD, **where, begin=begin, size=len(data), packed=zlib.compress(data, PACK_LEVEL))

        self._write(change)
        self._copied[chain, number] = end
        return len(pieces)


def elsewhere(store: Store, node: str) -> Sequence[Segment]:
    """The segments of the other nodes, as far as they are copied, oldest of each chain first."""
    with store.read() as tx:
        rows = tx.rows(_OTHERS, node=node)
    found = []
    for at, (chain, number, size) in enumerate(rows):
        after = rows[at + 1] if at + 1 < len(rows) else None
        following = partial(_part, store, chain, after[1]) if after is not None and after[0] == chain else None
        found.append(Segment(chain, number, size, partial(_part, store, chain, number), following))
    return found


def piece_at(tx: Transaction, chain: str, number: int, offset: int) -> tuple[int, bytes] | None:
    """The piece that holds an offset: where it begins, and its bytes (places.Piece)."""
    row = tx.row(_READ, chain=chain, number=number, after=offset, most=1)
    return None if row is None else (row[0], _unpacked(row[2], row[1]))


def _part(store: Store, chain: str, number: int, offset: int, most: int) -> bytes:
    """Up to so many bytes of a segment from an offset on."""
    with store.read() as tx:
        rows = tx.rows(_READ, chain=chain, number=number, after=offset, most=most // PIECE_BYTES + 2)
    if not rows:
        return b""
    data = b"".join(_unpacked(packed, size) for _, size, packed in rows)
    return data[offset - rows[0][0] :][:most]


def _unpacked(packed: bytes, size: int) -> bytes:
    """Bounded by what the row says."""
    return zlib.decompressobj().decompress(packed, size)
