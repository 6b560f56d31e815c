"""Signing heads: the runner looks every second at how far the chains have come, and signs what is new.

Nothing shorter than what was signed before is ever signed over: it is named as broken, in the head and in the log.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import orjson
from sqlalchemy import bindparam, delete, func, insert, select

from strongroom.base.clock import Clock, to_ms
from strongroom.kernel import roots
from strongroom.kernel.crypto import keypairs
from strongroom.kernel.crypto.keypairs import KeyPair
from strongroom.kernel.journal.chain import MAX_LINE_BYTES
from strongroom.kernel.journal.files import SegmentName, chains, sync_directory
from strongroom.kernel.journal.packed import PACKED_SUFFIX, NotPacked, packed_size
from strongroom.kernel.journal.reading import read_line
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Statement, Store, Transaction
from strongroom.kernel.storage.schema import kernel_key, trail_head
from strongroom.kernel.trail.heads import (
    NOTHING_BEFORE,
    BadHead,
    End,
    Gone,
    Head,
    Manifest,
    file_for,
    files,
    lines_of,
    opened,
    signed,
)
from strongroom.kernel.trail.places import read_part

log = logging.getLogger("strongroom.heads")

KEY_NAME = "journal-heads"
HEADS_A_FILE = 5000
ROWS_KEPT = 1000
"""Heads of one node in the store: more than half an hour of a busy one, and the newest always."""
_h = trail_head.c
_KEY = Statement(lambda: select(kernel_key.c.sealed).where(kernel_key.c.name == bindparam("which")))
_ADD_KEY = Statement(lambda: insert(kernel_key).values(name=bindparam("v_name"), sealed=bindparam("v_sealed")))
_NEWEST = Statement(lambda: select(_h.node, func.max(_h.number)).group_by(_h.node))
_ONE = Statement(
    lambda: select(_h.hash, _h.document).where(_h.node == bindparam("node")).where(_h.number == bindparam("number"))
)
_ADD = Statement(
    lambda: insert(trail_head).values(
        node=bindparam("node"),
        number=bindparam("number"),
        hash=bindparam("hash"),
        at_ms=bindparam("at_ms"),
        document=bindparam("document"),
    )
)
_DROP = Statement(lambda: delete(trail_head).where(_h.node == bindparam("of")).where(_h.number <= bindparam("through")))

Write = Callable[[Callable[[Transaction], None]], None]
Sink = Callable[[bytes], None]
"""Takes each signed line as it is made, to keep it elsewhere. It must not wait long, and may fail."""


def signing_key(tx: Transaction, keyring: Keyring) -> KeyPair | None:
    """The key that signs heads, the same for all nodes; in a writing transaction made where there is none."""
    row = tx.row(_KEY, which=KEY_NAME)
    if row is not None:
        return KeyPair(keyring.open(roots.KEYS_PURPOSE, row[0], KEY_NAME.encode()))
    if not tx.writable:
        return None
    made = keypairs.generate(keypairs.ED25519)
    tx.run(_ADD_KEY, v_name=KEY_NAME, v_sealed=keyring.seal(roots.KEYS_PURPOSE, made, KEY_NAME.encode()))
    return KeyPair(made)


def newest_heads(tx: Transaction) -> dict[str, tuple[int, str, str]]:
    """The newest head of each node in the store: its number, its hash and its line."""
    found = {}
    for node, number in tx.rows(_NEWEST):
        row = tx.row(_ONE, node=node, number=number)
        if row is not None:
            found[node] = (number, row[0], row[1])
    return found


class Signer:
    """Signs the heads of one node. Safe to share between threads."""

    def __init__(
        self,
        journal: Path,
        heads: Path,
        *,
        node: str,
        key: KeyPair,
        store: Store,
        write: Write,
        clock: Clock,
        sinks: Sequence[Sink] = (),
    ) -> None:
        self._journal = journal
        self._heads = heads
        self._node = node
        self._key = key
        self._store = store
        self._write = write
        self._clock = clock
        self._sinks = list(sinks)
        self._manifest = Manifest()
        self._number, self._previous = 0, NOTHING_BEFORE
        self._in_file = HEADS_A_FILE  # a start begins a file
        self._file: Path | None = None
        self._broken: dict[str, str] = {}
        self._told: tuple[str, ...] = ()
        self._gone: dict[str, Gone] = {}
        self._all_gone: dict[str, Gone] = {}
        self._lock = threading.RLock()
        heads.mkdir(mode=0o700, exist_ok=True)
        self._take_up()

    @property
    def number(self) -> int:
        """The number of the newest head; 0 before the first."""
        return self._number

    def end_of(self, chain: str) -> End | None:
        """Up to where a chain is vouched for."""
        return self._manifest.chains.get(chain)

    def removed(self, chain: str, gone: Gone) -> None:
        """The policy removes a part of a chain. To be told, and signed by ``step``, before it is done."""
        with self._lock:
            self._gone[chain] = gone

    def gone_of(self, chain: str) -> Gone | None:
        """What of a chain a signed head says is gone."""
        return self._all_gone.get(chain) or self._manifest.gone.get(chain)

    def last_line_of(self, name: SegmentName) -> End | None:
        """Where a segment ends; None where it has no whole line or cannot be read."""
        try:
            return self._last_line(name, self._size(name))
        except _Broken:
            return None

    def step(self) -> Head | None:
        """Sign a head where anything changed since the last one. Raises what the disk or the store raise."""
        with self._lock:
            return self._step()

    def _step(self) -> Head | None:
        changed = self._changed()
        full = self._in_file >= HEADS_A_FILE
        broken = tuple(f"{name}: {what}" for name, what in sorted(self._broken.items()))
        if not changed and not self._gone and broken == self._told:
            return None
        with self._store.read() as tx:
            others = {node: (number, hashed) for node, (number, hashed, _) in newest_heads(tx).items()}
        others.pop(self._node, None)
        head = Head(
            self._node,
            self._number + 1,
            self._previous,
            to_ms(self._clock()),
            full=False,
            chains=changed,
            gone=dict(self._gone),
            broken=broken,
            others=others,
        )
        after = Manifest(dict(self._manifest.chains), dict(self._manifest.gone))
        after.take(head)
        line = signed(after.as_of(head) if full else head, self._key)
        hashed = _hash(line)
        self._append(line, head.number, full=full)
        self._all_gone.update(self._gone)
        self._manifest, self._gone, self._told = after, {}, broken
        self._number, self._previous = head.number, hashed
        self._keep(head, hashed, line)
        for sink in self._sinks:
            try:
                sink(line)
            except Exception:  # a sink is somebody else's affair
                log.exception("a head could not be handed on")
        return head

    # ------------------------------------------------------------------ taking up where it stopped

    def _take_up(self) -> None:
        there = files(self._heads)
        for path in there[-1:]:
            for line in lines_of(path):
                head, hashed = opened(line, self._key.public_der())
                self._manifest.take(head)
                self._number, self._previous = head.number, hashed
        with self._store.read() as tx:
            newest = newest_heads(tx).get(self._node)
        if newest is not None and newest[0] > self._number:
            # Somebody removed heads from the disk, or an old copy of it was put back: go on where the store stands.
            what = f"the store knows head {newest[0]}, the disk only head {self._number}"
            log.error("the heads of this node were shortened: %s", what)
            self._broken["heads"] = what
            self._number, self._previous = newest[0], newest[1]
            try:
                head, _ = opened(newest[2].encode(), self._key.public_der())
                self._manifest.chains.update(head.chains)
            except BadHead:
                self._broken["store"] = "the newest head in the store is not signed by this key"

    # ------------------------------------------------------------------ what changed

    def _changed(self) -> dict[str, End]:
        changed: dict[str, End] = {}
        there = chains(self._journal)
        for chain, names in there.items():
            known = self._manifest.chains.get(chain)
            if chain in self._broken:
                continue
            try:
                end = self._end(names, known)
            except _Broken as broken:
                log.error("chain %s: %s", chain, broken)  # noqa: TRY400  said in full
                self._broken[chain] = str(broken)
                continue
            if end is not None and end != known:
                changed[chain] = end
        for chain in self._manifest.chains:
            going = self._gone.get(chain)
            if chain not in there and not (going and going.whole) and chain not in self._broken:
                log.error("chain %s is not there any more", chain)
                self._broken[chain] = "it is not there any more"
        return changed

    def _end(self, names: Sequence[SegmentName], known: End | None) -> End | None:
        """Where a chain ends now; None where it has no whole line yet. Raises _Broken."""
        newest = names[-1]
        size = self._size(newest)
        if known is not None:
            if newest.number < known.number or (newest.number == known.number and size < known.offset):
                raise _Broken(f"it is shorter than head {self._number} says")
            if (newest.number, size) == (known.number, known.offset):
                return known
            self._continues(names, known)
        for name in reversed(names):
            self._sync(name)
            found = self._last_line(name, self._size(name))
            if found is not None:
                return found
            if known is not None and name.number == known.number:
                return known
        return None

    def _size(self, name: SegmentName) -> int:
        path = self._journal / name.file
        try:
            return path.stat().st_size
        except FileNotFoundError:
            try:
                return packed_size(path.with_name(path.name + PACKED_SUFFIX))
            except (FileNotFoundError, NotPacked):
                raise _Broken(f"segment {name.number} cannot be read") from None

    def _continues(self, names: Sequence[SegmentName], known: End) -> None:
        """Whether what follows the last signed line names that line."""
        name = next((one for one in names if one.number == known.number), None)
        if name is None:
            raise _Broken(f"segment {known.number} is missing")
        after = self._line(name, known.offset)
        if after is None:
            following = next((one for one in names if one.number == known.number + 1), None)
            after = None if following is None else self._line(following, 0)
        if after is None:
            return
        line = read_line(after)
        if line is None or line.seq != known.seq + 1 or line.prev != known.hash:
            raise _Broken(f"line {known.seq} is not the one that was signed")

    def _sync(self, name: SegmentName) -> None:
        """What is signed must be there after a power loss, too; whoever wrote it may not have synced it yet."""
        try:
            handle = os.open(self._journal / name.file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # packed, and synced then
            return
        try:
            os.fdatasync(handle)
        finally:
            os.close(handle)

    def _line(self, name: SegmentName, offset: int) -> bytes | None:
        data = read_part(self._journal / name.file, offset, MAX_LINE_BYTES) or b""
        line, newline, _ = data.partition(b"\n")
        return line if newline else None

    def _last_line(self, name: SegmentName, size: int) -> End | None:
        begin = max(0, size - MAX_LINE_BYTES)
        data = read_part(self._journal / name.file, begin, size - begin) or b""
        end = data.rfind(b"\n")
        if end < 0:
            return None
        raw = data[data.rfind(b"\n", 0, end) + 1 : end]
        line = read_line(raw)
        if line is None:
            raise _Broken("its last line is not as the journal writes lines")
        return End(line.seq, sha256(raw).hexdigest(), name.number, begin + end + 1)

    # ------------------------------------------------------------------ keeping it

    def _append(self, line: bytes, number: int, *, full: bool) -> None:
        if full or self._file is None:
            self._file = file_for(self._heads, number)
            self._in_file = 0
        handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            before = os.fstat(handle).st_size
            try:
                written = os.write(handle, line)
                while written < len(line):
                    written += os.write(handle, memoryview(line)[written:])
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)
        if self._in_file == 0:
            sync_directory(self._heads)
        self._in_file += 1

    def _keep(self, head: Head, hashed: str, line: bytes) -> None:
        def change(tx: Transaction) -> None:
            row = {"node": head.node, "number": head.number, "hash": hashed, "at_ms": head.at_ms}
            tx.run(_ADD, **row, document=line.decode().rstrip())
            if head.number % 100 == 0:
                tx.run(_DROP, of=head.node, through=head.number - ROWS_KEPT)

        self._write(change)


class _Broken(Exception):  # noqa: N818  a finding
    """A chain is not as it was when it was signed; the text says how."""


def _hash(line: bytes) -> str:
    return sha256(orjson.loads(line)["head"].encode()).hexdigest()
