"""Finding records by their words: any process of a node may ask, while the runner keeps the index up."""

from __future__ import annotations

import sqlite3
import struct
import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from strongroom.base.classes import dataclass
from strongroom.kernel.trail.entries import TIE_BITS, id_hash, number_of, word_of_id
from strongroom.kernel.trail.index import Standing, current
from strongroom.kernel.trail.runs import BLOCK, BLOCK_BITS, OFFSET_BITS, shared_by, shared_row, unpacked

_OFFSET = (1 << OFFSET_BITS) - 1
_NEWEST = (1 << 63) - 1
_BROKEN = (sqlite3.Error, struct.error, ValueError, IndexError)
_ROWS = (
    "SELECT word, first, numbers FROM posting WHERE run = ?1 AND word = ?2"
    " UNION ALL SELECT word, first, numbers FROM posting WHERE run = ?1 AND word = ?3"
)
_YOUNG_ROWS = (
    "SELECT word, first, numbers FROM posting WHERE run = ?1 AND word = ?2"
    " UNION ALL SELECT word, first, numbers FROM posting WHERE run = ?1 AND word = ?3"
    " UNION ALL SELECT word, first, numbers FROM young WHERE run = ?1 AND word = ?2"
    " UNION ALL SELECT word, first, numbers FROM young WHERE run = ?1 AND word = ?3"
)
FEW_BLOCKS = 8
"""Of so few, what they say of themselves is not asked first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for, in one account and one Region.

    ``attribute``: one of CloudTrail's lookup attributes, or None for everything. Times in milliseconds, both ends
    included. ``before``: only what comes after that moment in the order of answers; None from the newest.
    """

    account: str
    region: str
    attribute: str | None = None
    value: str = ""
    since_ms: int = 0
    until_ms: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where one record lies, its place in the order of answers, and whether its transaction was not committed."""

    moment: int
    chain: str
    number: int
    offset: int
    undone: bool


class NoIndex(Exception):  # noqa: N818  a finding
    """There is no index yet: a start has not come to it, or it is being made."""


class Finder:
    """Reads one index. Safe to share between threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._kept = threading.local()

    def find(self, wanted: Wanted, most: int) -> list[Place]:
        """The newest records first, at most so many; more only where the last of them are of one and the same moment.

        Whoever reads a record checks that it has the word: its number alone may be another's as well. Raises NoIndex.
        """
        db = self._database()
        try:
            with _one_view(db):
                found = _Search(db)
                if wanted.attribute == "EventId":
                    return found.by_id(wanted) if wanted.before is None else []
                return found.by_word(_number(wanted), *_range(wanted), most)
        except _BROKEN as error:
            self._kept.db = None
            raise NoIndex(str(error)) from None

    def standings(self) -> dict[tuple[str, int], Standing]:
        """How far each segment is indexed. Raises NoIndex."""
        try:
            rows = self._database().execute("SELECT chain, number, done, ended FROM source").fetchall()
        except sqlite3.Error as error:
            raise NoIndex(str(error)) from None
        return {(chain, number): Standing(done, bool(ended)) for chain, number, done, ended in rows}

    def uses(self, account: str, who: str) -> dict[str, int]:
        """When a principal (by its unique id) last used what, in milliseconds (uses.py). Raises NoIndex."""
        try:
            rows = self._database().execute(
                "SELECT what, at_ms FROM used WHERE account = ? AND who = ?", (account, who)
            )
            return dict(rows.fetchall())
        except sqlite3.Error as error:
            self._kept.db = None
            raise NoIndex(str(error)) from None

    def oldest_ms(self, account: str) -> int | None:
        """The moment of an account's oldest record; None where it has none. Raises NoIndex."""
        db = self._database()
        try:
            with _one_view(db):
                oldest = _Search(db).oldest(number_of(account, "", "", ""))
        except _BROKEN as error:
            self._kept.db = None
            raise NoIndex(str(error)) from None
        return None if oldest is None else oldest >> TIE_BITS

    # ------------------------------------------------------------------ inside

    def _database(self) -> sqlite3.Connection:
        """This thread's connection; a new one where the index was made anew meanwhile."""
        path = current(self._directory)
        if path is None:
            raise NoIndex("there is no index yet")
        if getattr(self._kept, "db", None) is None or self._kept.path != path:
            try:
                self._kept.db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5.0, isolation_level=None)
            except sqlite3.Error as error:
                raise NoIndex(str(error)) from None
            self._kept.path = path
        found: sqlite3.Connection = self._kept.db
        return found


@contextmanager
def _one_view(db: sqlite3.Connection) -> Iterator[None]:
    """All that is read inside is of one moment."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")


def _number(wanted: Wanted) -> int:
    if wanted.attribute is None:
        return number_of(wanted.account, wanted.region, "", "")
    return number_of(wanted.account, wanted.region, wanted.attribute, wanted.value)


def _range(wanted: Wanted) -> tuple[int, int]:
    newest = _NEWEST if wanted.until_ms is None else min(_NEWEST, (wanted.until_ms + 1 << TIE_BITS) - 1)
    if wanted.before is not None:
        newest = min(newest, wanted.before - 1)
    return min(_NEWEST, wanted.since_ms << TIE_BITS), newest


def _blocks_of(numbers: array[int]) -> Iterator[tuple[int, int, int]]:
    """The blocks that some entries, in order, stand in: and from where to where among them."""
    begin = 0
    while begin < len(numbers):
        block = numbers[begin] >> BLOCK_BITS
        end = bisect_left(numbers, block + 1 << BLOCK_BITS, begin)
        yield block, begin, end
        begin = end


class _Search:
    """One search of the runs (runs.py), inside one view of them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._sources: dict[int, tuple[str, int] | None] = {}
        self._young = db.execute("SELECT max(run) FROM young").fetchone()

    def by_word(self, word: int, oldest: int, newest: int, most: int) -> list[Place]:
        """The newest entries of a word between two moments."""
        found: list[tuple[int, int]] = []
        runs = self._db.execute(
            "SELECT id, newest FROM run WHERE newest >= ? AND oldest <= ? ORDER BY newest DESC", (oldest, newest)
        ).fetchall()
        for run, newest_of_run in runs:
            if len(found) >= most and found[most - 1][0] > newest_of_run:
                break
            numbers = self._numbers(run, word)
            if numbers:
                found = self._newest_of(run, numbers, oldest, newest, most, found)
        return [one for moment, place in found if (one := self._place(moment, place)) is not None]

    def by_id(self, wanted: Wanted) -> list[Place]:
        """The entries whose event's id has the same hash."""
        word = word_of_id(id_hash(wanted.value))
        found: list[tuple[int, int]] = []
        for (run,) in self._db.execute("SELECT id FROM run").fetchall():
            for number in self._numbers(run, word):
                found += self._entries(run, number >> BLOCK_BITS, array("H", [number]))
        return [one for moment, place in found if (one := self._place(moment, place)) is not None]

    def oldest(self, word: int) -> int | None:
        """The moment of the oldest entry of a word."""
        found: int | None = None
        for run, oldest in self._db.execute("SELECT id, oldest FROM run ORDER BY oldest").fetchall():
            if found is not None and oldest >= found:
                break
            numbers = self._numbers(run, word)
            for block, begin, end in _blocks_of(numbers):
                for moment, place in self._entries(run, block, numbers[begin:end]):
                    if (found is None or moment < found) and self._source(place) is not None:
                        found = moment
        return found

    # ------------------------------------------------------------------ one run

    def _newest_of(
        self, run: int, numbers: array[int], oldest: int, newest: int, most: int, found: list[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        """What was found, and what a run adds to it: the newest, as many as are wanted, with all of the last moment."""
        blocks = list(_blocks_of(numbers))
        spans: dict[int, int] = {}
        if len(blocks) > FEW_BLOCKS:
            spans = dict(
                self._db.execute(
                    "SELECT block, newest FROM span WHERE run = ? AND newest >= ? AND oldest <= ?",
                    (run, oldest, newest),
                ).fetchall()
            )
            blocks = sorted((one for one in blocks if one[0] in spans), key=lambda one: spans[one[0]], reverse=True)
        for block, begin, end in blocks:
            if len(found) >= most and found[most - 1][0] > spans.get(block, _NEWEST):
                break
            found += [
                one
                for one in self._entries(run, block, numbers[begin:end])
                if oldest <= one[0] <= newest and self._source(one[1]) is not None
            ]
            found.sort(reverse=True)
            kept = most
            while kept < len(found) and found[kept][0] == found[most - 1][0]:
                kept += 1
            del found[kept:]
        return found

    def _entries(self, run: int, block: int, numbers: array[int]) -> Iterator[tuple[int, int]]:
        """The moments and places of entries of one block."""
        row = self._db.execute("SELECT entries FROM block WHERE id = ?", (run << BLOCK_BITS | block,)).fetchone()
        if row is None:
            raise sqlite3.DatabaseError("a block is missing")
        moments, places = unpacked(row[0])
        for number in numbers:
            at = number & BLOCK - 1
            yield moments[at], places[at]

    def _numbers(self, run: int, word: int) -> array[int]:
        """The entries of a run that have a word, in order."""
        own, among_others = array("H"), list[int]()
        rows = _YOUNG_ROWS if (run,) == self._young else _ROWS
        for of, _, numbers in sorted(self._db.execute(rows, (run, word, shared_row(word))).fetchall()):
            if of < 0:
                among_others += shared_by(word, array("q", numbers))
            else:
                own.frombytes(numbers)
        return array("H", sorted([*own, *among_others])) if among_others else own

    # ------------------------------------------------------------------ one record

    def _source(self, place: int) -> tuple[str, int] | None:
        """The segment that a place lies in; None where it is gone by policy."""
        number = place >> OFFSET_BITS
        if number not in self._sources:
            row = self._db.execute("SELECT chain, number FROM source WHERE id = ?", (number,)).fetchone()
            self._sources[number] = row
        return self._sources[number]

    def _place(self, moment: int, place: int) -> Place | None:
        source = self._source(place)
        if source is None:
            return None
        lost = self._db.execute("SELECT 1 FROM undone WHERE place = ?", (place,)).fetchone()
        return Place(moment, *source, place & _OFFSET, lost is not None)
