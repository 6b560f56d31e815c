"""One change with several sets of values as few steps of SQLite: a statement for many rows, not one for each.

With every step of a statement SQLite's driver lets the interpreter go, and waits for it afterwards: in a writer's
thread beside a busy event loop that costs more than the row itself. So an INSERT is spelled with many rows behind
VALUES, in a few sizes, so that a connection keeps the texts prepared. An UPDATE takes all its sets of values from one
JSON text. What cannot be spelled so goes one by one, with the same result.
Source: sqlite.org, "INSERT" (VALUES), "UPDATE" (UPDATE FROM), "JSON Functions And Operators" (json_each).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from itertools import chain, count
from typing import Any, Protocol

import orjson

ROWS_AT_MOST = 64
"""Of one INSERT: as many as a batch has calls."""
_HAS_JSON = sqlite3.sqlite_version_info >= (3, 38)  # before, it was there if somebody had built it in
_INSERT = re.compile(r"(INSERT INTO \w+ \([\w, \"]+\) VALUES )(\(.*\))((?: ON CONFLICT [^?]*)?)", re.DOTALL)
_UPDATE = re.compile(r"(UPDATE \w+ SET [^']*?)( WHERE [^']*)", re.DOTALL)
_SAYS_MORE = re.compile(r"\b(FROM|RETURNING|SELECT)\b")
_JSON = frozenset((int, str, type(None)))

Run = Callable[[str, Sequence[Any]], sqlite3.Cursor]


class Planned(Protocol):
    """A compiled statement (compile.Plan)."""

    @property
    def sql(self) -> str:
        """Its text, with a ``?`` for each value."""
        ...

    @property
    def together(self) -> dict[object, Any]:
        """Its texts for several sets of values, as they are made here."""
        ...


def insert_together(execute: Run, plan: Planned, values: Sequence[Sequence[Any]]) -> int | None:
    """Run an INSERT with each of these sets of values; how many rows it has touched. None of what is none, or has
    values behind its row: nothing was done.
    """
    parts = plan.together[_INSERT] if _INSERT in plan.together else _learnt(plan, _INSERT)
    if parts is None:
        return None
    touched, at = 0, 0
    while at < len(values):
        size = _size(len(values) - at)
        text = plan.together.get(size)
        if text is None:
            text = plan.together[size] = parts[0] + ", ".join([parts[1]] * size) + parts[2]
        touched += execute(text, list(chain.from_iterable(values[at : at + size]))).rowcount
        at += size
    return touched


def _size(count: int) -> int:
    """How many of so many rows the next statement takes: its first three bits, so that two take all of a batch."""
    if count >= ROWS_AT_MOST:
        return ROWS_AT_MOST
    kept = max(count.bit_length() - 3, 0)
    return count >> kept << kept


def update_together(execute: Run, plan: Planned, values: Sequence[Sequence[Any]]) -> int | None:
    """The same of an UPDATE, each of whose sets of values means another row. None where a value has no JSON, too."""
    text = plan.together[_UPDATE] if _UPDATE in plan.together else _learnt(plan, _UPDATE)
    if text is None or not all(type(one) in _JSON for each in values for one in each):
        return None
    told = orjson.dumps(values).decode()
    # Behind such a character SQLite's JSON would lose the rest of a text.
    return None if "\\u0000" in told else execute(text, (told,)).rowcount


def _learnt(plan: Planned, form: re.Pattern[str]) -> Any:
    """What is kept of a plan: the parts of an INSERT, the text of an UPDATE, or that it is none."""
    found = form.fullmatch(plan.sql)
    made: Any = None
    if found is not None and form is _INSERT and _closes(found[2]):
        made = found.groups()
    elif found is not None and form is _UPDATE and _HAS_JSON and not _SAYS_MORE.search(plan.sql):
        made = _by_json(found[1], found[2])
    plan.together[form] = made
    return made


def _closes(group: str) -> bool:
    """Whether the parenthesis that a text begins with is closed by its last character, and by none before."""
    depth = 0
    for at, character in enumerate(group):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return at == len(group) - 1
    return False


def _by_json(change: str, condition: str) -> str:
    places = count()
    change, condition = [
        re.sub(r"\?", lambda _: f"json_extract(told.value, '$[{next(places)}]')", part) for part in (change, condition)
    ]
    return f"{change} FROM json_each(?) AS told{condition}"
