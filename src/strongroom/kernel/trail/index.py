"""The index of one node: a SQLite file of its own that says where in the journal the records of each word lie.

    source    one segment of one chain, of this node or another, and how far it is indexed
    word      (account, Region, attribute, value) -> number
    posting   (word, moment, place): in the order in which lookups answer
    by_id     a hash of the event's id -> place
    undone    places of records whose transaction was not committed
    used      when a principal last used a permission (uses.py); stays when the records are gone

A *place* is ``source << 32 | offset``; a *moment* is ``milliseconds << 22 | 22 bits of the event's id``, so that
every node puts the same events into the same order. All that is rare in kind (source, name, read-only, types of
resources) is one word, *kind*, so a record costs about five entries. Everything here is made from the journal,
and made again from it where it is missing or broken.
Our choice: docs/decisions/0042-index.md.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson

from strongroom.kernel.trail.uses import Uses
from strongroom.kernel.trail.words import Words, owners_id

VERSION = 2
_FILE = re.compile(r"trail\.(\d{1,9})\.db")
TIE_BITS = 22
OFFSET_BITS = 32
KINDS_AT_MOST = 1000
"""Of one account in one Region: callers can make up names of operations. Further ones share a kind, and are found by
name alone."""
WORDS_KEPT = 200_000
_SCHEMA = """
CREATE TABLE source (id INTEGER PRIMARY KEY, chain TEXT NOT NULL, number INTEGER NOT NULL, done INTEGER NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0, UNIQUE (chain, number));
CREATE TABLE word (id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, attribute TEXT NOT NULL,
    value TEXT NOT NULL, UNIQUE (account, region, attribute, value));
CREATE TABLE posting (word INTEGER NOT NULL, moment INTEGER NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (word, moment, place)) WITHOUT ROWID;
CREATE TABLE by_id (hash INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (hash, place)) WITHOUT ROWID;
CREATE TABLE undone (place INTEGER PRIMARY KEY);
CREATE TABLE verdict (chain TEXT NOT NULL, event_id TEXT NOT NULL, PRIMARY KEY (chain, event_id)) WITHOUT ROWID;
CREATE TABLE used (account TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY (account, who, what)) WITHOUT ROWID;
CREATE TABLE settled (chain TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
"""
_USED = (
    "INSERT INTO used VALUES (?, ?, ?, ?)"
    " ON CONFLICT (account, who, what) DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record to be found: its words, its id, where it lies in its segment, whether it was undone, what it shows
    to be used."""

    words: Words
    event_id: str
    offset: int
    undone: bool
    uses: Uses | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one segment is indexed; ``ended`` where nothing more will come."""

    done: int
    ended: bool


class Index:
    """The index as its one writer has it. Not safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open or make it. What cannot be read, or is of another form, is thrown away and made anew, empty."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        try:
            self._open()
        except sqlite3.DatabaseError:
            self._discard()
            self._open()
        self._words: dict[tuple[str, str, str, str], int] = {}
        rows = self._db.execute("SELECT account, region, count(*) FROM word WHERE attribute = 'kind' GROUP BY 1, 2")
        self._kinds = Counter({(account, region): count for account, region, count in rows})

    def _open(self) -> None:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA cache_size = -65536")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError("an index of another form")
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def _discard(self) -> None:
        with suppress(AttributeError, sqlite3.Error):
            self._db.close()
        remove(self.path)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    # ------------------------------------------------------------------ how far it is

    def standings(self) -> dict[tuple[str, int], Standing]:
        """How far each (chain, number of segment) is indexed."""
        rows = self._db.execute("SELECT chain, number, done, ended FROM source")
        return {(chain, number): Standing(done, bool(ended)) for chain, number, done, ended in rows}

    def verdicts(self) -> tuple[dict[str, set[str]], dict[str, int]]:
        """What marks in other chains said: ids that were not committed, and up to where chains are settled."""
        undone: dict[str, set[str]] = {}
        for chain, event_id in self._db.execute("SELECT chain, event_id FROM verdict"):
            undone.setdefault(chain, set()).add(event_id)
        return undone, dict(self._db.execute("SELECT chain, through FROM settled").fetchall())

    # ------------------------------------------------------------------ what is put in

    def add(
        self,
        chain: str,
        number: int,
        entries: Iterable[Entry],
        standing: Standing,
        *,
        undone: Sequence[tuple[str, str]] = (),
        settled: Mapping[str, int] | None = None,
    ) -> None:
        """Put in the records of a part of one segment, and how far it is indexed now; all of it or nothing."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            source = self._source(chain, number)
            postings: list[tuple[int, int, int]] = []
            ids: list[tuple[int, int]] = []
            lost: list[tuple[int]] = []
            used: dict[tuple[str, str, str], int] = {}
            for entry in entries:
                place = source << OFFSET_BITS | entry.offset
                if entry.undone:
                    lost.append((place,))
                if entry.uses is not None:
                    _note(entry.uses, used)
                self._told_to(entry.words, entry.words.account, entry.event_id, place, postings, ids)
                if entry.words.owner is not None:
                    copy = owners_id(entry.event_id, entry.words.owner)
                    self._told_to(entry.words, entry.words.owner, copy, place, postings, ids)
            postings.sort()  # neighbours in the tree one after the other
            db.executemany("INSERT OR IGNORE INTO posting VALUES (?, ?, ?)", postings)
            db.executemany("INSERT OR IGNORE INTO by_id VALUES (?, ?)", ids)
            db.executemany("INSERT OR IGNORE INTO undone VALUES (?)", lost)
            db.executemany(_USED, [(*name, at_ms) for name, at_ms in used.items()])
            db.executemany("INSERT OR IGNORE INTO verdict VALUES (?, ?)", undone)
            db.executemany("INSERT OR REPLACE INTO settled VALUES (?, ?)", list((settled or {}).items()))
            db.execute("UPDATE source SET done = ?, ended = ? WHERE id = ?", (standing.done, standing.ended, source))
            db.execute("COMMIT")
        except BaseException:
            self._words.clear()  # some of them were never committed
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    def forget(self, chain: str, number: int) -> None:
        """A segment is gone. Its postings lead nowhere from now on, and go with the next rebuilding."""
        self._db.execute("DELETE FROM source WHERE chain = ? AND number = ?", (chain, number))

    def _told_to(
        self,
        words: Words,
        account: str,
        event_id: str,
        place: int,
        postings: list[tuple[int, int, int]],
        ids: list[tuple[int, int]],
    ) -> None:
        """The entries of one record for one account. A record of nobody's account nobody can look up."""
        if not account:
            return
        hashed = id_hash(event_id)
        moment = words.when_ms << TIE_BITS | (hashed & ((1 << TIE_BITS) - 1))
        ids.append((hashed, place))
        own = account == words.account
        for attribute, value in self._attributes(words, account, own=own):
            postings.append((self._word(account, words.region, attribute, value), moment, place))

    def _attributes(self, words: Words, account: str, *, own: bool) -> Iterator[tuple[str, str]]:
        kind = kind_of(words.source, words.name, words.read_only, words.types)
        where = (account, words.region)
        if (
            (*where, "kind", kind) not in self._words
            and self._kinds[where] >= KINDS_AT_MOST
            and not self._known(*where, "kind", kind)
        ):
            kind = kind_of(words.source, "", words.read_only, words.types)
            yield "name", words.name
        yield "kind", kind
        if own and words.username:
            yield "username", words.username
        if own and words.access_key:
            yield "access_key", words.access_key
        for name in words.names:
            yield "resource", name

    def _known(self, account: str, region: str, attribute: str, value: str) -> int | None:
        row = self._db.execute(
            "SELECT id FROM word WHERE account = ? AND region = ? AND attribute = ? AND value = ?",
            (account, region, attribute, value),
        ).fetchone()
        return None if row is None else int(row[0])

    def _word(self, account: str, region: str, attribute: str, value: str) -> int:
        name = (account, region, attribute, value)
        found = self._words.get(name)
        if found is not None:
            return found
        found = self._known(*name)
        if found is None:
            made = self._db.execute("INSERT INTO word (account, region, attribute, value) VALUES (?, ?, ?, ?)", name)
            found = int(made.lastrowid or 0)
            if attribute == "kind":
                self._kinds[account, region] += 1
        if len(self._words) >= WORDS_KEPT:
            self._words.clear()
        self._words[name] = found
        return found

    def _source(self, chain: str, number: int) -> int:
        row = self._db.execute("SELECT id FROM source WHERE chain = ? AND number = ?", (chain, number)).fetchone()
        if row is not None:
            return int(row[0])
        made = self._db.execute("INSERT INTO source (chain, number, done) VALUES (?, ?, 0)", (chain, number))
        return int(made.lastrowid or 0)


def _note(uses: Uses, used: dict[tuple[str, str, str], int]) -> None:
    for what in uses.what:
        name = (uses.account, uses.who, what)
        used[name] = max(uses.at_ms, used.get(name, 0))


def kind_of(source: str, name: str, read_only: bool, types: Sequence[str]) -> str:
    """What the records of one kind of call have in common, as one word."""
    return orjson.dumps([source, name, read_only, *types]).decode()


def id_hash(event_id: str) -> int:
    """63 bits of an event's id: the same on every node."""
    return int.from_bytes(sha256(event_id.encode()).digest()[:8], "big") >> 1


def current(directory: Path) -> Path | None:
    """The index of a directory that is whole and newest; None where there is none yet."""
    found = [(int(name[1]), path) for path in _listed(directory) if (name := _FILE.fullmatch(path.name))]
    return max(found)[1] if found else None


def next_after(path: Path | None, directory: Path) -> Path:
    """Where the index after this one belongs: no name is used twice, so that nobody's open file is ever mixed up."""
    name = None if path is None else _FILE.fullmatch(path.name)
    return directory / f"trail.{int(name[1]) + 1 if name else 1}.db"


def remove_others(path: Path) -> None:
    """Take away every other index, whole or half made. Who still reads one, reads on."""
    for other in _listed(path.parent):
        if other.name.startswith("trail.") and not other.name.startswith(path.name):
            other.unlink(missing_ok=True)


def _listed(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except FileNotFoundError:
        return []


def remove(path: Path) -> None:
    """Take an index away, whole."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
