"""Finding records by their words: any process of a node may ask, while the runner keeps the index up."""

from __future__ import annotations

import heapq
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from strongroom.kernel.trail.index import OFFSET_BITS, TIE_BITS, Standing, current, id_hash

_OFFSET = (1 << OFFSET_BITS) - 1
_NEWEST = (1 << 63) - 1


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
        """The newest records first, at most so many. Raises NoIndex."""
        db = self._database()
        try:
            if wanted.attribute == "EventId":
                found = self._by_id(db, wanted)
            else:
                found = self._by_words(db, wanted, most)
            return [place for moment, at in found[:most] if (place := self._place(db, moment, at)) is not None]
        except sqlite3.Error as error:
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
        try:
            (oldest,) = (
                self._database()
                .execute(
                    "SELECT min((SELECT min(moment) FROM posting WHERE word = id))"
                    " FROM word WHERE account = ? AND attribute = 'kind'",
                    (account,),
                )
                .fetchone()
            )
        except sqlite3.Error as error:
            self._kept.db = None
            raise NoIndex(str(error)) from None
        return None if oldest is None else int(oldest) >> TIE_BITS

    # ------------------------------------------------------------------ inside

    def _by_id(self, db: sqlite3.Connection, wanted: Wanted) -> list[tuple[int, int]]:
        hashed = id_hash(wanted.value)
        rows = db.execute("SELECT place FROM by_id WHERE hash = ?", (hashed,)).fetchall()
        found: list[tuple[int, int]] = []
        for (at,) in rows:
            # Its moment, account and Region stand in its postings; the record itself is checked by whoever reads it.
            found.append((hashed & ((1 << TIE_BITS) - 1), at))
        return found if wanted.before is None else []

    def _by_words(self, db: sqlite3.Connection, wanted: Wanted, most: int) -> list[tuple[int, int]]:
        newest = _NEWEST if wanted.until_ms is None else (wanted.until_ms + 1 << TIE_BITS) - 1
        if wanted.before is not None:
            newest = min(newest, wanted.before - 1)
        oldest = wanted.since_ms << TIE_BITS
        streams = [
            db.execute(
                "SELECT moment, place FROM posting WHERE word = ? AND moment BETWEEN ? AND ?"
                " ORDER BY moment DESC, place DESC LIMIT ?",
                (word, oldest, newest, most),
            ).fetchall()
            for word in self._words(db, wanted)
        ]
        merged: Iterator[tuple[int, int]] = heapq.merge(*streams, reverse=True)
        found: dict[tuple[int, int], None] = {}
        for one in merged:
            found[one] = None
            if len(found) >= most:
                break
        return list(found)

    def _words(self, db: sqlite3.Connection, wanted: Wanted) -> Sequence[int]:
        """The numbers of the words that are looked for; a word of a kind is many."""
        single = _SINGLE.get(wanted.attribute or "")
        if single is not None:
            return self._numbers(db, wanted, single, wanted.value)
        kinds = db.execute(
            "SELECT id, value FROM word WHERE account = ? AND region = ? AND attribute = 'kind'",
            (wanted.account, wanted.region),
        ).fetchall()
        found = [number for number, kind in kinds if _fits(orjson.loads(kind), wanted)]
        if wanted.attribute == "EventName":
            found.extend(self._numbers(db, wanted, "name", wanted.value))
        return found

    @staticmethod
    def _numbers(db: sqlite3.Connection, wanted: Wanted, attribute: str, value: str) -> list[int]:
        rows = db.execute(
            "SELECT id FROM word WHERE account = ? AND region = ? AND attribute = ? AND value = ?",
            (wanted.account, wanted.region, attribute, value),
        )
        return [number for (number,) in rows]

    @staticmethod
    def _place(db: sqlite3.Connection, moment: int, at: int) -> Place | None:
        row = db.execute("SELECT chain, number FROM source WHERE id = ?", (at >> OFFSET_BITS,)).fetchone()
        if row is None:  # gone by policy
            return None
        lost = db.execute("SELECT 1 FROM undone WHERE place = ?", (at,)).fetchone()
        return Place(moment, row[0], row[1], at & _OFFSET, lost is not None)

    def _database(self) -> sqlite3.Connection:
        """This thread's connection; a new one where the index was made anew meanwhile."""
        path = current(self._directory)
        if path is None:
            raise NoIndex("there is no index yet")
        if getattr(self._kept, "db", None) is None or self._kept.path != path:
            try:
                self._kept.db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5.0)
            except sqlite3.Error as error:
                raise NoIndex(str(error)) from None
            self._kept.path = path
        found: sqlite3.Connection = self._kept.db
        return found


_SINGLE = {"Username": "username", "AccessKeyId": "access_key", "ResourceName": "resource"}


def _fits(kind: Sequence[object], wanted: Wanted) -> bool:
    source, name, read_only, *types = kind
    match wanted.attribute:
        case None:
            return True
        case "EventName":
            return name == wanted.value and name != ""
        case "EventSource":
            return source == wanted.value
        case "ReadOnly":
            return wanted.value == ("true" if read_only else "false")
        case "ResourceType":
            return wanted.value in types
    return False
