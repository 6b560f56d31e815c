"""What is kept in memory about rows, and the proof that it still holds.

An entry is an answer together with the generation of (account, kind) in the snapshot that it was read from.
It is given out only where the asking transaction sees the same generation in its own snapshot. Generations
are drawn at random, not counted: a number that was rolled back, lost in a failover or restored from a backup
never comes again.

``Cache`` is one per store and shared by its threads, ``Reading`` one per reading connection, ``Writing`` one
per writing transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from sys import getsizeof
from typing import Any, TypeVar

T = TypeVar("T")
Key = tuple[str, str, Hashable]
Entry = tuple[int, Any]
LoadKinds = Callable[[str], Mapping[str, int]]

MAX_ENTRIES = 65_536
MAX_BYTES = 64 << 20
_MAX_ACCOUNTS = 1_024  # remembered by one connection; callers choose the account in an access key's id
_OVERHEAD = 300  # bytes of the tuples and dictionary places around a value


class Cache:
    """Answers by (account, kind, key), bounded by number and by weight.

    Two halves: what is asked for stays in the young one, and when that is full the old one is dropped whole.
    So a hit costs one look-up and no lock, and a flood of invented keys cannot push out what is in use.
    ``loads``: how many entries were put so far.
    """

    __slots__ = ("_lock", "_max_bytes", "_max_entries", "_old", "_weight", "_young", "loads")

    def __init__(self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._lock = threading.Lock()
        self._young: dict[Key, Entry] = {}
        self._old: dict[Key, Entry] = {}
        self._weight = 0
        self.loads = 0
        self._max_entries = max_entries // 2
        self._max_bytes = max_bytes // 2

    def get(self, key: Key) -> Entry | None:
        """The entry as it was put, valid or not."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: Key, entry: Entry) -> None:
        """Keep one entry; what outweighs an eighth of the whole is not kept."""
        weight = _OVERHEAD + _weigh(entry[1])
        if weight > self._max_bytes // 4:
            return
        with self._lock:
            if len(self._young) >= self._max_entries or self._weight + weight > self._max_bytes:
                self._old, self._young, self._weight = self._young, {}, 0
            self._young[key] = entry
            self._weight += weight
            self.loads += 1

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


class Reading:
    """The generations as one reading connection sees them, snapshot by snapshot."""

    __slots__ = ("_cache", "_known", "_load_kinds", "_stamp")

    def __init__(self, cache: Cache, load_kinds: LoadKinds) -> None:
        self._cache = cache
        self._load_kinds = load_kinds
        self._known: dict[str, Mapping[str, int]] = {}
        self._stamp: object = None

    def begin(self, stamp: object) -> None:
        """Say what the new snapshot is stamped with: while that stays, no generation has changed."""
        if stamp != self._stamp:
            self._stamp = stamp
            self._known.clear()

    def generation(self, account: str, kind: str) -> int:
        """As Transaction.generation."""
        kinds = self._known.get(account)
        return (self._learn(account) if kinds is None else kinds).get(kind, 0)

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """As Transaction.cached."""
        kinds = self._known.get(account)
        if kinds is None:
            kinds = self._learn(account)
        generation = kinds.get(kind, 0)
        full = (account, kind, key)
        entry = self._cache.get(full)
        if entry is not None and entry[0] == generation:
            value: T = entry[1]
            return value
        value = load()
        self._cache.put(full, (generation, value))
        return value

    def _learn(self, account: str) -> Mapping[str, int]:
        if len(self._known) >= _MAX_ACCOUNTS:
            self._known.clear()
        kinds = self._known[account] = self._load_kinds(account)
        return kinds


class Writing:
    """The same for one writing transaction, which may be a batch of calls in savepoints.

    INVARIANT: what was read inside it is kept only after its commit, only from calls that were kept, and only
    for kinds that nobody in it raised: another reader never sees an answer made of uncommitted rows.
    Inside it, an answer is given again as long as nobody in it raises its kind and its call is not undone.
    """

    __slots__ = (
        "_bypassed",
        "_cache",
        "_known",
        "_load_kinds",
        "_pending",
        "_pending_here",
        "_written",
        "_written_here",
    )

    def __init__(self, cache: Cache, load_kinds: LoadKinds) -> None:
        self._cache = cache
        self._load_kinds = load_kinds
        self._known: dict[str, Mapping[str, int]] = {}
        self._bypassed: set[tuple[str, str]] = set()
        self._written: set[tuple[str, str]] = set()
        self._written_here: set[tuple[str, str]] = set()
        self._pending: dict[Key, Entry] = {}
        self._pending_here: dict[Key, Entry] = {}

    def generation(self, account: str, kind: str) -> int | None:
        """As Transaction.generation."""
        return None if (account, kind) in self._bypassed else self._kinds(account).get(kind, 0)

    def _kinds(self, account: str) -> Mapping[str, int]:
        kinds = self._known.get(account)
        if kinds is None:
            kinds = self._known[account] = self._load_kinds(account)
        return kinds

    def cached(self, account: str, kind: str, key: Hashable, load: Callable[[], T]) -> T:
        """As Transaction.cached."""
        if (account, kind) in self._bypassed:
            return load()
        kinds = self._known.get(account)
        if kinds is None:
            kinds = self._kinds(account)
        generation = kinds.get(kind, 0)
        full = (account, kind, key)
        # What this transaction has learnt itself first: a batch of hundreds of calls asks for the same again.
        entry = self._pending_here.get(full) or self._pending.get(full) or self._cache.get(full)
        if entry is not None and entry[0] == generation:
            value: T = entry[1]
            return value
        value = load()
        self._pending_here[full] = generation, value
        return value

    def must_raise(self, account: str, kind: str) -> bool:
        """Note that a kind is raised from here on; whether its row has yet to be written in this call."""
        pair = (account, kind)
        self._bypassed.add(pair)
        if pair in self._written or pair in self._written_here:
            return False
        self._written_here.add(pair)
        return True

    def keep(self) -> None:
        """The current call is kept."""
        self._written |= self._written_here
        self._pending.update(self._pending_here)
        self._written_here.clear()
        self._pending_here.clear()

    def undo(self) -> None:
        """The current call's changes are gone. The kinds it raised stay bypassed: that is never wrong."""
        self._written_here.clear()
        self._pending_here.clear()

    def committed(self) -> None:
        """Keep what was learnt, now that it is true for everybody."""
        self.keep()
        for key, entry in self._pending.items():
            if key[:2] not in self._bypassed:
                self._cache.put(key, entry)
        self._pending.clear()


def _weigh(value: object, depth: int = 3) -> int:
    """About how many bytes a value holds, three levels deep. A bound on memory, not an account of it."""
    if depth == 0 or isinstance(value, bytes | str):
        return _flat(value)
    if isinstance(value, tuple | list | frozenset | set):
        return 60 + sum(_weigh(part, depth - 1) for part in value)
    if isinstance(value, dict):
        return 200 + sum(_weigh(part, depth - 1) for pair in value.items() for part in pair)
    names = _names_of(type(value))
    if names is None:
        return getsizeof(value)
    if depth == 1:  # most of what is weighed lies here
        return 60 + sum([_flat(getattr(value, name)) for name in names])
    return 60 + sum([_weigh(getattr(value, name), depth - 1) for name in names])


def _flat(value: object) -> int:
    return len(value) + 50 if isinstance(value, bytes | str) else getsizeof(value)


_NAMES: dict[type[Any], tuple[str, ...] | None] = {}


def _names_of(kind: type[Any]) -> tuple[str, ...] | None:
    """The fields of a dataclass; None for what is none. Kept: there are as many as the code has classes."""
    if kind not in _NAMES:
        _NAMES[kind] = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None
    return _NAMES[kind]
