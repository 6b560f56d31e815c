"""The root keys of one store: which seals now, which one it replaces, and how a process keeps up.

    begin      the new root and the old one go into the store, each sealed under the other
    (rewrap)   everything is sealed anew under the new root, a batch at a time
    hold       each node's seal is given the new root, and the node says so
    retire     nothing is under the old root and no seal gives it: the links are deleted

Whoever has either of the two roots has both while the links stand, so a crash between any two steps leaves
every seal good. Each transaction looks first (``Roots.catch_up``, a cached answer): what a process finds sealed
under a root in a snapshot, it finds that root's link in the same snapshot.
Our choice: docs/decisions/0026-root-key-rotation.md.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update

from strongroom.base.classes import dataclass, field
from strongroom.base.clock import from_ms, iso_seconds, to_ms
from strongroom.base.entropy import Entropy
from strongroom.kernel.sealing.keyring import ROOT_BYTES, Keyring
from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.schema import kernel_key, root, root_holder

EVERYBODY = "*"
GENERATION = "roots"
TOKENS = "client-tokens"
KEYS_PURPOSE = "kernel-key"
_LINK = "root-key"
_GRACE_SECONDS = 60.0
"""How long a process still opens under a root that is retired: reads that began before may be under way."""


class RootRow(NamedTuple):
    """One root as stored, columns in order."""

    number: int
    check_value: str
    begun_ms: int
    retired_ms: int | None
    under_next: bytes | None
    under_previous: bytes | None
    progress: str | None


class WrongRoot(Exception):  # noqa: N818  an answer to the operator
    """The root key is none of this store's."""


class ReplacedRoot(WrongRoot):
    """The root key was this store's, and has been replaced. The text says when."""


_ROOTS = Statement(lambda: select(*(root.c[name] for name in RootRow._fields)).order_by(root.c.number))
_ADD = Statement(
    lambda: insert(root).values(
        number=bindparam("v_number"),
        check_value=bindparam("v_check"),
        begun_ms=bindparam("v_begun"),
        under_previous=bindparam("v_under"),
        progress=bindparam("v_progress"),
    )
)
_LINK_FORWARD = Statement(
    lambda: update(root).where(root.c.number == bindparam("of")).values(under_next=bindparam("v_under"))
)
_PROGRESS = Statement(
    lambda: update(root).where(root.c.number == bindparam("of")).values(progress=bindparam("v_progress"))
)
_RETIRE = Statement(
    lambda: update(root).where(root.c.number == bindparam("of")).values(retired_ms=bindparam("v_when"), under_next=None)
)
_UNLINK = Statement(
    lambda: update(root).where(root.c.number == bindparam("of")).values(under_previous=None, progress=None)
)
_HOLDERS = Statement(
    lambda: select(root_holder.c.node, root_holder.c.number, root_holder.c.noted_ms).order_by(root_holder.c.node)
)
_DROP_HOLDER = Statement(lambda: delete(root_holder).where(root_holder.c.node == bindparam("which")))
_ADD_HOLDER = Statement(
    lambda: insert(root_holder).values(
        node=bindparam("v_node"), number=bindparam("v_number"), noted_ms=bindparam("v_noted")
    )
)
_KEY = Statement(lambda: select(kernel_key.c.sealed).where(kernel_key.c.name == bindparam("which")))
_ADD_KEY = Statement(lambda: insert(kernel_key).values(name=bindparam("v_name"), sealed=bindparam("v_sealed")))


@dataclass(frozen=True, slots=True)
class Opened:
    """What one root key opens. ``given`` is its number, ``number`` and ``newest`` the one that seals now.

    ``previous``: the one that is being replaced; None where none is.
    """

    keyring: Keyring
    given: int
    number: int
    newest: bytes = field(repr=False)
    previous: bytes | None = field(repr=False)


def stored(tx: Transaction) -> tuple[RootRow, ...]:
    """All roots of the store, oldest first; none where it is new."""
    return tuple(RootRow._make(row) for row in tx.rows(_ROOTS))


def first(tx: Transaction, root_key: bytes, entropy: Entropy, now: datetime) -> None:
    """Make a new store belong to a root key, and give it a key for the tokens of clients."""
    keyring = Keyring(root_key, entropy=entropy)
    tx.run(_ADD, v_number=1, v_check=keyring.check_value(), v_begun=to_ms(now), v_under=None, v_progress=None)
    tx.run(_ADD_KEY, v_name=TOKENS, v_sealed=keyring.seal(KEYS_PURPOSE, entropy.take(ROOT_BYTES), TOKENS.encode()))
    tx.raise_generation(EVERYBODY, GENERATION)


def opened(tx: Transaction, root_key: bytes, entropy: Entropy | None = None) -> Opened:
    """Everything that a root key opens, by its links. Raises WrongRoot, ReplacedRoot; before that opens nothing."""
    rows = {row.number: row for row in stored(tx)}
    given = _number_of(rows.values(), root_key)
    keys = {given: root_key}
    at = given
    while at + 1 in rows:
        keys[at + 1] = _forward(Keyring(keys[at]), rows[at])
        at += 1
    newest = at
    at = given
    while at - 1 in rows and rows[at - 1].retired_ms is None:
        keys[at - 1] = _backward(Keyring(keys[at]), rows[at])
        at -= 1
    older = [key for number, key in sorted(keys.items()) if number != newest]
    keyring = Keyring(keys[newest], older=older, entropy=entropy)
    tokens = Keyring(_tokens_key(tx, keyring), entropy=entropy)
    whole = Keyring(keys[newest], older=older, tokens=tokens, entropy=entropy)
    return Opened(whole, given, newest, keys[newest], keys.get(newest - 1))


def begin(tx: Transaction, root_key: bytes, entropy: Entropy, now: datetime) -> Opened:
    """Have a new root replace the newest one; where one is being replaced already, nothing is changed.

    Raises WrongRoot. From the commit of this transaction on, every later one seals under the new root.
    """
    before = opened(tx, root_key, entropy)
    if under_way(stored(tx)):
        return before
    new, number = entropy.take(ROOT_BYTES), before.number + 1
    old_ring, new_ring = Keyring(before.newest, entropy=entropy), Keyring(new, entropy=entropy)
    bound = _bound(before.number)
    tx.run(_LINK_FORWARD, of=before.number, v_under=old_ring.seal(_LINK, new, bound))
    tx.run(
        _ADD,
        v_number=number,
        v_check=new_ring.check_value(),
        v_begun=to_ms(now),
        v_under=new_ring.seal(_LINK, before.newest, bound),
        v_progress="{}",
    )
    tx.raise_generation(EVERYBODY, GENERATION)
    return opened(tx, root_key, entropy)


def under_way(rows: Sequence[RootRow]) -> bool:
    """Whether one root is being replaced by another."""
    return len([row for row in rows if row.retired_ms is None]) > 1


def note_progress(tx: Transaction, number: int, text: str) -> None:
    """Store how far the re-wrapping under a root is."""
    tx.run(_PROGRESS, of=number, v_progress=text)


def hold(tx: Transaction, node: str, number: int, now: datetime) -> None:
    """Note which root the seal of a node gives; nothing is written where that is known."""
    if holders(tx).get(node) == number:
        return
    tx.run(_DROP_HOLDER, which=node)
    tx.run(_ADD_HOLDER, v_node=node, v_number=number, v_noted=to_ms(now))


def forget_holder(tx: Transaction, node: str) -> bool:
    """Count on a node no more: it is gone for good. Whether there was one."""
    return tx.run(_DROP_HOLDER, which=node) > 0


def behind(tx: Transaction) -> list[str]:
    """The nodes whose seals do not give the newest root yet."""
    newest = max(row.number for row in stored(tx))
    return [node for node, number, _ in tx.rows(_HOLDERS) if number < newest]


def is_behind(tx: Transaction, node: str) -> bool:
    """Whether the seal of one node gives an older root than the newest. Costs a look into the cache, as a rule."""
    rows = tx.cached(EVERYBODY, GENERATION, ("roots",), lambda: stored(tx))
    return under_way(rows) and holders(tx).get(node, rows[-1].number) < rows[-1].number


def holders(tx: Transaction) -> Mapping[str, int]:
    """Which root the seal of each node gives."""
    return {node: number for node, number, _ in tx.rows(_HOLDERS)}


def retire(tx: Transaction, now: datetime) -> None:
    """Forget the old root: delete the links. Only when nothing is left under it and no seal gives it."""
    live = [row for row in stored(tx) if row.retired_ms is None]
    for row in live[:-1]:
        tx.run(_RETIRE, of=row.number, v_when=to_ms(now))
    tx.run(_UNLINK, of=live[-1].number)
    tx.raise_generation(EVERYBODY, GENERATION)


class Roots:
    """One process's keyring, kept in step with the store. Safe to share between threads."""

    def __init__(self, opened_: Opened, rows: Sequence[RootRow]) -> None:
        self.keyring = opened_.keyring
        self.number = opened_.number
        self._lock = threading.Lock()
        self._seen: object = tuple(rows)
        self._live = _live(rows)
        self._forget_at = 0.0

    def catch_up(self, tx: Transaction) -> None:
        """Know every root that this transaction may meet. To be called first in each.

        Costs one look into the cache. Never goes back: a thread with an older snapshot changes nothing.
        """
        rows = tx.cached(EVERYBODY, GENERATION, ("roots",), lambda: stored(tx))
        if rows is not self._seen:
            with self._lock:
                self._adopt(rows)
        if self._forget_at and time.monotonic() > self._forget_at:
            with self._lock:
                self._forget_at = 0.0
                if len(self._live) == 1:
                    self.keyring.forget_older()

    def _adopt(self, rows: Sequence[RootRow]) -> None:
        live = _live(rows)
        if not live or (live[-1], live[0]) < (self._live[-1], self._live[0]):
            return  # an older snapshot than one already seen
        # INVARIANT: the links stand until this process has been asked to catch up (see supervisor.catch_up).
        by_number = {row.number: row for row in rows}
        while self.number < live[-1]:
            self.keyring.take_up(_forward(self.keyring, by_number[self.number]))
            self.number += 1
        if len(live) == 1 and len(self._live) > 1:
            self._forget_at = time.monotonic() + _GRACE_SECONDS
        self._live = live
        self._seen = rows


def standing(tx: Transaction) -> Mapping[str, Any]:
    """How the roots stand, for reports: the number, since when, and which nodes are behind. No secret in it."""
    rows = stored(tx)
    return {
        "root": rows[-1].number,
        "since": iso_seconds(from_ms(rows[-1].begun_ms)),
        "rotating": under_way(rows),
        "behind": behind(tx) if under_way(rows) else [],
    }


def _live(rows: Sequence[RootRow]) -> tuple[int, ...]:
    return tuple(row.number for row in rows if row.retired_ms is None)


def _number_of(rows: Any, root_key: bytes) -> int:
    keyring = Keyring(root_key)
    for row in rows:
        if keyring.fits(row.check_value):
            if row.retired_ms is None:
                return int(row.number)
            raise ReplacedRoot(
                "The root key of this seal was replaced in this store by `strongroom seal rotate` "
                f"({iso_seconds(from_ms(row.retired_ms))}): give the seal as it was since then."
            )
    raise WrongRoot(
        "The root key of this seal does not open this store: it was made with another one. "
        "Give the seal that the store was made with (--seal), or another data directory."
    )


def _forward(keyring: Keyring, row: RootRow) -> bytes:
    if row.under_next is None:
        raise RuntimeError("a root without a link to its successor")
    return keyring.open(_LINK, row.under_next, _bound(row.number))


def _backward(keyring: Keyring, row: RootRow) -> bytes:
    if row.under_previous is None:
        raise RuntimeError("a root without a link to its predecessor")
    return keyring.open(_LINK, row.under_previous, _bound(row.number - 1))


def _tokens_key(tx: Transaction, keyring: Keyring) -> bytes:
    row = tx.row(_KEY, which=TOKENS)
    if row is None:
        raise WrongRoot("This store has no key for the tokens of clients: it is not whole.")
    return keyring.open(KEYS_PURPOSE, row[0], TOKENS.encode())


def _bound(number: int) -> bytes:
    return b"%d -> %d" % (number, number + 1)
