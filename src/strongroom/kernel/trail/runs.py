"""Runs: up to 65,536 entries of the index that came one after the other, and what each word has of them.

    run      how many entries it has, and between which moments they lie
    span     the same of each 256 entries of a run, a *block*
    block    the moments of its entries, and then their places, as 64-bit numbers
    posting  (run, word, first) -> the numbers of entries in the run that have the word, as 16-bit numbers
    young    the same, of the newest entries of the newest run, until 4096 of them are worth being put together
    holds    (source, run): which segments a run's entries lie in

Of a word that few entries have, as those of one secret among many, and of an event's id, there is no row: 512 rows
have all of these together, by the first nine bits of the word. Such a row's word is below zero, and its numbers have
64 bits, in order: the word, and after it the entry's number. So putting records in writes a row for each frequent word
of some thousand records, and few more, at a few places of the file; finding a word's newest record looks at two places
for each run. Numbers are as the machine writes them: an index is no file to carry to another machine.
"""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, groupby
from operator import itemgetter

from strongroom.kernel.trail.entries import WORD_BITS, Entry, Together, word_of_id

RUN = 1 << 16
BLOCK_BITS = 8
BLOCK = 1 << BLOCK_BITS
YOUNG_AT_MOST = 4096
OFFSET_BITS = 32
FEW = 8
"""Of so many entries a word gets a row of its own: that is shorter then, and takes less time."""
NUMBER_BITS = 16
_NUMBER = (1 << NUMBER_BITS) - 1
_SHARED_BITS = WORD_BITS - 9
SCHEMA = """
CREATE TABLE run (id INTEGER PRIMARY KEY, entries INTEGER NOT NULL, young INTEGER NOT NULL, oldest INTEGER NOT NULL,
    newest INTEGER NOT NULL);
CREATE INDEX run_newest ON run (newest);
CREATE TABLE span (run INTEGER NOT NULL, block INTEGER NOT NULL, oldest INTEGER NOT NULL, newest INTEGER NOT NULL,
    PRIMARY KEY (run, block)) WITHOUT ROWID;
CREATE TABLE block (id INTEGER PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE posting (run INTEGER NOT NULL, word INTEGER NOT NULL, first INTEGER NOT NULL, numbers BLOB NOT NULL,
    PRIMARY KEY (run, word, first)) WITHOUT ROWID;
CREATE TABLE young (run INTEGER NOT NULL, word INTEGER NOT NULL, first INTEGER NOT NULL, numbers BLOB NOT NULL,
    PRIMARY KEY (run, word, first)) WITHOUT ROWID;
CREATE TABLE holds (source INTEGER NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (source, run)) WITHOUT ROWID;
"""
_PUT_RUN = (
    "INSERT INTO run VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET entries = excluded.entries,"
    " young = excluded.young, oldest = excluded.oldest, newest = excluded.newest"
)
_PUT_POSTING = "INSERT INTO posting VALUES (?, ?, ?, ?)"
_PUT_YOUNG = "INSERT INTO young VALUES (?, ?, ?, ?)"
_Row = tuple[int, int, int, bytes]
_Had = defaultdict[Together, list[int]]


def shared_row(word: int) -> int:
    """Under what word the entries of a word stand that few entries have."""
    return -1 - (word >> _SHARED_BITS)


def shared_by(word: int, row: array[int]) -> list[int]:
    """The entries that have a word, of a row that it shares with others."""
    begin = bisect_left(row, word << NUMBER_BITS)
    return [one & _NUMBER for one in row[begin : bisect_left(row, word + 1 << NUMBER_BITS, begin)]]


class Runs:
    """The newest run, as its one writer has it; inside the writer's transactions. ``load`` after one that failed."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._run, self._entries, self._young, self._oldest, self._newest = 1, 0, 0, 0, 0
        self._moments, self._places = array("q"), array("q")
        self.load()

    def load(self) -> None:
        """Take up the newest run where the file has it."""
        row = self._db.execute("SELECT id, entries, young, oldest, newest FROM run ORDER BY id DESC LIMIT 1").fetchone()
        self._run, self._entries, self._young, self._oldest, self._newest = row or (1, 0, 0, 0, 0)
        self._moments, self._places = array("q"), array("q")
        if self._entries % BLOCK:
            block = self._run << BLOCK_BITS | self._entries >> BLOCK_BITS
            kept = self._db.execute("SELECT entries FROM block WHERE id = ?", (block,)).fetchone()
            if kept is None:
                raise sqlite3.DatabaseError("the newest block is missing")
            self._moments, self._places = unpacked(kept[0])

    def put(self, parts: Iterable[tuple[int, Sequence[Entry]]]) -> None:
        """Put in the entries of some sources."""
        had: _Had = defaultdict(list)
        few: list[int] = []
        sources: set[int] = set()
        begun = self._entries
        for source, entries in parts:
            done = 0
            while done < len(entries):
                if self._entries == RUN:
                    if begun < RUN:
                        self._write(begun, had, few, sources)
                    self._next()
                    begun = 0
                room = RUN - self._entries
                some = entries[done : done + room] if done or len(entries) > room else entries
                self._take(source << OFFSET_BITS, some, had, few)
                sources.add(source)
                done += len(some)
        if self._entries > begun:
            self._write(begun, had, few, sources)

    def forget(self, source: int) -> None:
        """A segment is gone: so are the runs that had entries of no other that is left."""
        db = self._db
        runs = [run for (run,) in db.execute("SELECT run FROM holds WHERE source = ?", (source,))]
        db.execute("DELETE FROM holds WHERE source = ?", (source,))
        for run in runs:
            if run != self._run:
                self._drop_if_empty(run)

    # ------------------------------------------------------------------ inside

    def _take(self, above: int, entries: Sequence[Entry], had: _Had, few: list[int]) -> None:
        first = number = self._entries
        moments, hashes, offsets, words = zip(*entries, strict=True)
        self._moments.extend(moments)
        self._places.extend([above | offset for offset in offsets])
        few += [word_of_id(hashed) << NUMBER_BITS | number for number, hashed in enumerate(hashes, first)]
        for number, some in enumerate(words, first):
            for together in some:
                had[together].append(number)
        self._entries = number + 1

    def _write(self, begun: int, had: _Had, few: list[int], sources: set[int]) -> None:
        """Write what was taken since entry ``begun`` of the run."""
        db, run = self._db, self._run
        self._write_blocks(begun)
        for together in [one for one, numbers in had.items() if one.seldom and len(numbers) < FEW]:
            numbers = had.pop(together)
            few += [word << NUMBER_BITS | number for word in together.numbers for number in numbers]
        few.sort()
        rows: list[_Row] = [(run, word, begun, numbers) for word, numbers in _shared(few)]
        rows += [(run, *row) for row in _postings(had)]
        rows.sort(key=itemgetter(1))
        much = self._entries - begun >= YOUNG_AT_MOST
        if much and self._young:
            self._put_together()  # each row comes wholly after the one before it
        db.executemany(_PUT_POSTING if much else _PUT_YOUNG, rows)
        if not much:
            self._young += self._entries - begun
        if self._young >= YOUNG_AT_MOST or (self._young and self._entries == RUN):
            self._put_together()
        db.executemany("INSERT OR IGNORE INTO holds VALUES (?, ?)", [(source, run) for source in sorted(sources)])
        db.execute(_PUT_RUN, (run, self._entries, self._young, self._oldest, self._newest))
        had.clear()
        few.clear()
        sources.clear()

    def _write_blocks(self, begun: int) -> None:
        """Write the blocks from the one that entry ``begun`` stands in; keep the last one's, where it is not full."""
        first = begun >> BLOCK_BITS
        spans, blocks = [], []
        moments, places = self._moments, self._places
        for at in range(0, len(moments), BLOCK):
            some = moments[at : at + BLOCK]
            number = first + (at >> BLOCK_BITS)
            spans.append((self._run, number, min(some), max(some)))
            blocks.append((self._run << BLOCK_BITS | number, (some + places[at : at + BLOCK]).tobytes()))
        self._db.executemany("INSERT OR REPLACE INTO span VALUES (?, ?, ?, ?)", spans)
        self._db.executemany("INSERT OR REPLACE INTO block VALUES (?, ?)", blocks)
        oldest, newest = min(one[2] for one in spans), max(one[3] for one in spans)
        self._oldest = oldest if begun == 0 else min(oldest, self._oldest)
        self._newest = newest if begun == 0 else max(newest, self._newest)
        left = len(moments) // BLOCK * BLOCK
        self._moments, self._places = moments[left:], places[left:]

    def _put_together(self) -> None:
        """What each word has of the young entries becomes one row, or a part of one that it shares."""
        young = self._db.execute("SELECT word, first, numbers FROM young WHERE run = ?", (self._run,)).fetchall()
        begun, shared = RUN, array("q")
        own: dict[int, array[int]] = defaultdict(partial(array, "H"))
        for word, first, numbers in young:
            begun = min(begun, first)
            (shared if word < 0 else own[word]).frombytes(numbers)
        few: list[int] = []
        for word, same in groupby(sorted(shared), key=lambda one: one >> NUMBER_BITS):
            some = list(same)
            if word in own or len(some) >= FEW:
                own[word].extend([one & _NUMBER for one in some])
            else:
                few += some
        rows: list[_Row] = [(self._run, word, begun, numbers) for word, numbers in _shared(few)]
        for word, numbers in own.items():
            in_order = array("H", sorted(numbers))
            rows.append((self._run, word, in_order[0], in_order.tobytes()))
        rows.sort(key=itemgetter(1))
        self._db.executemany(_PUT_POSTING, rows)
        self._db.execute("DELETE FROM young")
        self._young = 0

    def _drop_if_empty(self, run: int) -> None:
        if self._db.execute("SELECT 1 FROM holds WHERE run = ? LIMIT 1", (run,)).fetchone() is not None:
            return
        blocks = run << BLOCK_BITS, (run + 1 << BLOCK_BITS) - 1
        self._db.execute("DELETE FROM posting WHERE run = ?", (run,))
        self._db.execute("DELETE FROM span WHERE run = ?", (run,))
        self._db.execute("DELETE FROM block WHERE id BETWEEN ? AND ?", blocks)
        self._db.execute("DELETE FROM run WHERE id = ?", (run,))

    def _next(self) -> None:
        self._drop_if_empty(self._run)  # its segments may have gone meanwhile
        self._run += 1
        self._entries = self._young = 0


def _shared(few: list[int]) -> Iterator[tuple[int, bytes]]:
    """The rows of what words have that share them. ``few``: words with numbers of entries, in order."""
    packed = array("q", few)
    begin = 0
    while begin < len(few):
        row = few[begin] >> _SHARED_BITS + NUMBER_BITS
        end = bisect_left(few, row + 1 << _SHARED_BITS + NUMBER_BITS, begin)
        yield -1 - row, packed[begin:end].tobytes()
        begin = end


def _postings(had: Mapping[Together, list[int]]) -> Iterator[tuple[int, int, bytes]]:
    """Each word with the first and all of the entries that have it."""
    lists: dict[int, list[list[int]]] = defaultdict(list)
    for together, numbers in had.items():
        for word in together.numbers:
            lists[word].append(numbers)
    packed: dict[tuple[int, ...], tuple[int, bytes]] = {}  # words that have the same lists are many
    for word, some in lists.items():
        which = tuple(map(id, some))
        found = packed.get(which)
        if found is None:
            numbers = sorted(chain.from_iterable(some)) if len(some) > 1 else some[0]
            found = packed[which] = numbers[0], array("H", numbers).tobytes()
        yield word, *found


def unpacked(kept: bytes) -> tuple[array[int], array[int]]:
    """The moments and the places of a block's entries."""
    both = array("q", kept)
    half = len(both) // 2
    return both[:half], both[half:]
