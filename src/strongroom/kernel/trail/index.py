"""The index of one node: a SQLite file of its own that says where in the journal the records of each word lie.

    source    one segment of one chain, of this node or another, and how far it is indexed
    run, ...  entries and what words have them (runs.py); an entry is a record as one account may find it (entries.py)
    undone    places of records whose transaction was not committed
    used      when a principal last used a permission (uses.py); stays when the records are gone

A *place* is ``source << 32 | offset``. Everything here is made from the journal, and made again from it where it is
missing or broken.
Our choice: docs/decisions/0042-index.md, 0059-runs-of-the-index.md.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from strongroom.base.classes import dataclass, field
from strongroom.kernel.trail.entries import Entry
from strongroom.kernel.trail.runs import OFFSET_BITS, SCHEMA, Runs

VERSION = 4
_FILE = re.compile(r"trail\.(\d{1,9})\.db")
_SCHEMA = f"""
CREATE TABLE source (id INTEGER PRIMARY KEY AUTOINCREMENT, chain TEXT NOT NULL, number INTEGER NOT NULL,
    done INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0, UNIQUE (chain, number));
{SCHEMA}
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
class Standing:
    """How far one segment is indexed; ``ended`` where nothing more will come."""

    done: int
    ended: bool


@dataclass(slots=True)
class Part:
    """What a part of one segment brings: its entries, where it ends, the offsets of records that were undone, what
    was used, and what marks in it say of other chains."""

    chain: str
    number: int
    standing: Standing
    entries: Sequence[Entry] = ()
    undone: Sequence[int] = ()
    used: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    verdicts: Sequence[tuple[str, str]] = ()
    settled: Mapping[str, int] = field(default_factory=dict)


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
        self._runs = Runs(self._db)

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

    def add(self, parts: Sequence[Part]) -> None:
        """Put in what parts of segments bring, in their order, and how far these are indexed now; all or nothing."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            sources = [self._source(part.chain, part.number) for part in parts]
            self._runs.put([(source, part.entries) for source, part in zip(sources, parts, strict=True)])
            for source, part in zip(sources, parts, strict=True):
                undone = [(source << OFFSET_BITS | offset,) for offset in part.undone]
                db.executemany("INSERT OR IGNORE INTO undone VALUES (?)", undone)
                db.executemany(_USED, [(*name, at_ms) for name, at_ms in part.used.items()])
                db.executemany("INSERT OR IGNORE INTO verdict VALUES (?, ?)", part.verdicts)
                db.executemany("INSERT OR REPLACE INTO settled VALUES (?, ?)", list(part.settled.items()))
                standing = (part.standing.done, part.standing.ended, source)
                db.execute("UPDATE source SET done = ?, ended = ? WHERE id = ?", standing)
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            self._runs.load()
            raise

    def forget(self, chain: str, number: int) -> None:
        """A segment is gone. What still leads to it is never shown, and goes with the last segment beside it."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            source = self._source(chain, number)
            self._runs.forget(source)
            db.execute("DELETE FROM source WHERE id = ?", (source,))
            first, last = source << OFFSET_BITS, (source + 1 << OFFSET_BITS) - 1
            db.execute("DELETE FROM undone WHERE place BETWEEN ? AND ?", (first, last))
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    def _source(self, chain: str, number: int) -> int:
        row = self._db.execute("SELECT id FROM source WHERE chain = ? AND number = ?", (chain, number)).fetchone()
        if row is not None:
            return int(row[0])
        made = self._db.execute("INSERT INTO source (chain, number, done) VALUES (?, ?, 0)", (chain, number))
        return int(made.lastrowid or 0)


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
