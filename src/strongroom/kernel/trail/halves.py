"""What records are found by, read from their lines in two halves that repeat, so that a line is seldom parsed.

    {"seq":..,"prev":..,"at":..,"id":..,"writes":..,"event":{ WHO ,"eventTime":".." CALL }}

WHO says who called, CALL all else. Between two records of one kind of call, only the time, the request's id, the
event's own id and the id of the call it was done for differ; cut out these, and the same two texts come again and
again. What a text says is remembered under the text itself. Each half is parsed by itself before it is remembered, so
where a line was cut is proven by its grammar. A line that is not of this form is parsed whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar
from zlib import crc32

import orjson

from strongroom.kernel.trail.entries import (
    Entry,
    entries_of,
    moment_of,
    numbers_of_call,
    numbers_of_caller,
    owners_entry,
)
from strongroom.kernel.trail.uses import user_of, uses_of, what_of
from strongroom.kernel.trail.words import second_ms, username, words_of

_Said = TypeVar("_Said")
MOST_BYTES = 12 * 1024 * 1024
"""Of the texts of one generation; there are two."""
_EVENT, _TIME, _REQUEST = b'"event":{', b',"eventTime":"', b'"requestID":"'
_EVENT_ID, _FOR = b'","eventID":"', b',"for":"'
_TIME_CHARS, _ID_CHARS = 20, 36
_FOR_CHARS = len(_FOR) + _ID_CHARS + len(b'"}}')
MOST_PLACES = 1000
"""Accounts and Regions in which one caller's words are remembered."""
_PARTS = frozenset({"event", "decision"})
_FIRST = frozenset({"eventVersion", "userIdentity", "eventTime"})
_WHO_MEMBERS = frozenset({"eventVersion", "userIdentity"})
_ID = re.compile(rb"[0-9A-Za-z-]{36}")
Used = dict[tuple[str, str, str], int]
"""(account, who, what) -> when last, in milliseconds (uses.py)."""


@dataclass(slots=True, eq=False)
class _Who:
    """What the first half says. ``user``: the account and unique id of whom the call counts for (uses.py)."""

    username: str
    access_key: str
    user: tuple[str, str] | None
    numbers: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Call:
    """What the second half says."""

    where: tuple[str, str]
    numbers: tuple[int, ...]
    owner: str | None
    owners_numbers: tuple[int, ...]
    what: tuple[str, ...] | None


class _Memory(Generic[_Said]):
    """What texts say, the last used ones: two generations, bounded by the length of their texts."""

    def __init__(self) -> None:
        self._young: dict[bytes, _Said] = {}
        self._old: dict[bytes, _Said] = {}
        self._bytes = 0

    def get(self, text: bytes) -> _Said | None:
        found = self._young.get(text)
        if found is None and (found := self._old.get(text)) is not None:
            self.keep(text, found)
        return found

    def keep(self, text: bytes, said: _Said) -> None:
        self._bytes += len(text)
        if self._bytes > MOST_BYTES:
            self._old, self._young, self._bytes = self._young, {}, len(text)
        self._young[text] = said


class Reader:
    """Reads the lines of records. To be used from one thread."""

    def __init__(self) -> None:
        self._whos = _Memory[_Who]()
        self._calls = _Memory[_Call]()
        self._latest: dict[tuple[_Who, _Call], int] = {}
        self._used: Used = {}

    def read(self, offset: int, raw: bytes, head: re.Match[bytes], entries: list[Entry]) -> None:
        """Add the entries of one line; ``head`` is what was matched of it (reading.HEAD). No record of ours: none."""
        begin = head.end()
        at = raw.find(_TIME, begin)
        request = raw.find(_REQUEST, at)
        own = request + len(_REQUEST) + _ID_CHARS
        after = own + len(_EVENT_ID) + _ID_CHARS
        time = at + len(_TIME)
        when = second_of(raw[time : time + _TIME_CHARS])
        event_id: bytes = head[4]
        if (
            at < 0
            or request < 0
            or when is None
            or not raw.startswith(_EVENT, begin)
            or raw[time + _TIME_CHARS : time + _TIME_CHARS + 2] != b'",'
            or raw[own : own + len(_EVENT_ID)] != _EVENT_ID
            or raw[own + len(_EVENT_ID) : after] != event_id
            or not _ID.fullmatch(raw, request + len(_REQUEST), own)
        ):
            self._whole(offset, raw, head, entries)
            return
        end = len(raw)
        if raw.startswith(_FOR, end - _FOR_CHARS) and _ID.fullmatch(raw, end - _ID_CHARS - 3, end - 3):
            end -= _FOR_CHARS
        first = raw[begin + len(_EVENT) : at]
        second = raw[time + _TIME_CHARS : request] + raw[after:end]
        who = self._whos.get(first) or self._new_who(first)
        call = self._calls.get(second) or self._new_call(second, raw, time + _TIME_CHARS + 2)
        if who is None or call is None:
            self._whole(offset, raw, head, entries)
            return
        at_ms = int(head[3])
        moment_ms = when + (at_ms % 1000 if at_ms - when < 1000 else 999)
        if call.numbers:
            numbers = who.numbers.get(call.where)
            if numbers is None:
                numbers = _numbers_of(who, call.where)
            hashed = crc32(event_id)
            entries.append((moment_of(moment_ms, hashed), hashed, offset, call.numbers + numbers))
        if call.owner is not None:
            entries.append(owners_entry(moment_ms, call.owner, event_id.decode(), offset, call.owners_numbers))
        if self._latest.get((who, call), -1) < when:
            self._latest[who, call] = when

    def used(self) -> Used:
        """What the lines showed to be used since this was asked last."""
        found, self._used = self._used, {}
        for (who, call), at_ms in self._latest.items():
            if who.user is not None and call.what is not None:
                _note(found, who.user, call.what, at_ms)
        self._latest.clear()
        return found

    # ------------------------------------------------------------------ inside

    def _whole(self, offset: int, raw: bytes, head: re.Match[bytes], entries: list[Entry]) -> None:
        try:
            line = orjson.loads(raw)
            words, uses = words_of(line), uses_of(line)
            found = entries_of(words, head[4].decode("utf-8", "replace"), offset)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return
        entries.extend(found)
        if uses is not None:
            _note(self._used, (uses.account, uses.who), uses.what, uses.at_ms)

    def _new_who(self, text: bytes) -> _Who | None:
        told = _parsed(b"{%b}" % text)
        if told is None or not told.keys() <= _WHO_MEMBERS:
            return None
        identity = told.get("userIdentity")
        if not isinstance(identity, dict):
            return None
        try:
            made = _Who(username(identity), str(identity.get("accessKeyId") or ""), user_of(identity))
        except (KeyError, TypeError, AttributeError):
            return None
        self._whos.keep(text, made)
        return made

    def _new_call(self, text: bytes, raw: bytes, begin: int) -> _Call | None:
        """``begin``: where the members after the time begin."""
        line = _parsed(b'{"event":{' + raw[begin:])
        event = None if line is None else line.get("event")
        if line is None or not isinstance(event, dict) or not line.keys() <= _PARTS or not _FIRST.isdisjoint(event):
            return None
        try:
            words, what = words_of({**line, "at": 0}), what_of(event, line.get("decision"))
            made = _Call(
                (words.account, words.region),
                numbers_of_call(words, words.account) if words.account else (),
                words.owner,
                () if words.owner is None else numbers_of_call(words, words.owner),
                what,
            )
        except (KeyError, TypeError, AttributeError):
            return None
        self._calls.keep(text, made)
        return made


@lru_cache(maxsize=64)
def second_of(stamp: bytes) -> int | None:
    """The milliseconds of an event's second; None where it is none."""
    return second_ms(stamp.decode("ascii", "replace"))


def _numbers_of(who: _Who, where: tuple[str, str]) -> tuple[int, ...]:
    if len(who.numbers) >= MOST_PLACES:
        who.numbers.clear()
    made = who.numbers[where] = numbers_of_caller(*where, who.username, who.access_key)
    return made


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None


def _note(used: Used, user: tuple[str, str], what: Iterable[str], at_ms: int) -> None:
    for one in what:
        name = (*user, one)
        if used.get(name, -1) < at_ms:
            used[name] = at_ms
