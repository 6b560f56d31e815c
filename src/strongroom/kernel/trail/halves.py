"""What records are found by, read from their lines in two halves that repeat, so that a line is seldom parsed.

    {"seq":..,"prev":..,"at":..,"id":..,"writes":.., WHO ,"eventTime":".. CALL

WHO says who called, CALL all else. Between two records of one kind of call, only the time, the request's id, the
event's own id and the id of the call it was done for differ; cut out these, and the same two texts come again and
again. What a text says is remembered under the text itself. Each half is parsed by itself before it is remembered, so
where a line was cut is proven by its grammar; what is cut out has no quote in it, so it cannot change that grammar
later. A line that is not of this form is parsed whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from strongroom.kernel.journal.reading import HEAD
from strongroom.kernel.trail.entries import (
    TIE_BITS,
    Entry,
    entries_of,
    numbers_of_call,
    numbers_of_caller,
    owners_entry,
)
from strongroom.kernel.trail.uses import user_of, uses_of, what_of
from strongroom.kernel.trail.words import second_ms, username, words_of

MOST_TEXT_BYTES = 4096
"""A longer half is not remembered."""
MOST_CALLS_BYTES = 12 * 1024 * 1024
"""Of the texts of one generation of second halves; there are two."""
MOST_PAIRS = 20_000
MOST_SECONDS = 1000
_EVENT, _TIME, _REQUEST = b'"event":{', b',"eventTime":"', b'"requestID":"'
_EVENT_ID, _FOR, _FOR_END = b'","eventID":"', b',"for":"', b'"}}'
_TIME_CHARS, _ID_CHARS = 20, 36
_AFTER_ID = _ID_CHARS + len(_EVENT_ID) + _ID_CHARS
_FROM_FOR, _FROM_ID = len(_FOR) + _ID_CHARS + len(_FOR_END), _ID_CHARS + len(_FOR_END)
_TIE = (1 << TIE_BITS) - 1
_PARTS = frozenset({"event", "decision"})
_FIRST = frozenset({"eventVersion", "userIdentity", "eventTime"})
_WHO_MEMBERS = frozenset({"eventVersion", "userIdentity"})
Used = dict[tuple[str, str, str], int]
"""(account, who, what) -> when last, in milliseconds (uses.py)."""
_STRANGE = (orjson.JSONDecodeError, KeyError, TypeError, AttributeError)


class Write(NamedTuple):
    """A record of a write: its event's id, its number in the chain, when it was written, where its line begins, and how
    many entries there were before it."""

    event_id: str
    seq: int
    at_ms: int
    offset: int
    before: int


class _Call(NamedTuple):
    """What a second half says, and its text."""

    text: bytes
    account: str
    region: str
    numbers: tuple[int, ...]
    owner: str | None
    owners_numbers: tuple[int, ...]
    what: tuple[str, ...] | None


class _Pair:
    """What a first and a second half say together; ``latest``: the newest such call since this was asked last."""

    __slots__ = ("latest", "numbers", "owner", "owners_numbers", "user", "what")

    def __init__(self, who: _Who, call: _Call) -> None:
        self.numbers: tuple[int, ...] = ()
        if call.account:
            self.numbers = call.numbers + numbers_of_caller(call.account, call.region, who.username, who.access_key)
        self.owner, self.owners_numbers = call.owner, call.owners_numbers
        self.user, self.what = who.user, call.what
        self.latest = -1 if self.user is not None and self.what is not None else 1 << 62


class _Who:
    """What a first half says, and what it says together with second halves."""

    __slots__ = ("access_key", "pairs", "user", "username")

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self.username = username(identity)
        self.access_key = str(identity.get("accessKeyId") or "")
        self.user = user_of(identity)
        self.pairs: dict[bytes, _Pair] = {}


class Lines(NamedTuple):
    """What a run of whole lines holds: the entries of its records, its writes and marks (raw) in their order, the id
    of its first record, when the last one was written, and what was used."""

    entries: list[Entry]
    said: list[Write | bytes]
    first_id: str | None
    at_ms: int | None
    used: Used


class Reader:
    """Reads lines of the journal. To be used from one thread."""

    def __init__(self) -> None:
        self._whos: dict[bytes, _Who] = {}
        self._pairs = 0
        self._calls: dict[bytes, _Call] = {}
        self._old_calls: dict[bytes, _Call] = {}
        self._calls_bytes = 0
        self._seconds: dict[bytes, int] = {}

    def read(self, data: bytes, at: int) -> Lines:
        """Read whole lines, which begin at an offset of their segment."""
        entries: list[Entry] = []
        said: list[Write | bytes] = []
        touched: list[_Pair] = []
        used: Used = {}
        first_id, at_ms = None, None
        match, whos, seconds = HEAD.match, self._whos, self._seconds
        for raw in data.split(b"\n"):
            head = match(raw)
            size = len(raw)
            if head is None or not raw.endswith(b"}"):
                at += size + 1
                continue
            seq, _, at_text, event_id, writes = head.groups()
            if event_id is None:
                said.append(raw)
                at += size + 1
                continue
            at_ms = int(at_text)
            if first_id is None:
                first_id = _text(event_id)
            if writes == b"true":
                said.append(Write(_text(event_id), int(seq), at_ms, at, len(entries)))
            begin = head.end()
            time = raw.find(_TIME, begin)
            request = raw.find(_REQUEST, time) + 13
            own = request + _ID_CHARS
            after = request + _AFTER_ID
            end = size
            if raw.startswith(_FOR, size - _FROM_FOR) and raw.endswith(_FOR_END):
                end -= _FROM_ID
            when = seconds.get(raw[time + 14 : time + 34])
            pair = None
            if (
                when is not None
                and raw[own:after] == _EVENT_ID + event_id
                and raw.find(b'"', request, own) < 0
                and raw.find(b'"', end, size - 3) < 0
            ):
                who = whos.get(raw[begin:time])
                if who is not None:
                    pair = who.pairs.get(raw[time + 34 : request] + raw[after:end])
            if pair is None or when is None:
                pair, when = self._new_pair(raw, begin, time, request, end)
                if pair is None:
                    self._whole(at, raw, _text(event_id), entries, used)
                    at += size + 1
                    continue
            moment_ms = when + (at_ms % 1000 if at_ms - when < 1000 else 999)
            if pair.numbers:
                hashed = crc32(event_id)
                entries.append((moment_ms << TIE_BITS | hashed & _TIE, hashed, at, pair.numbers))
            if pair.owner is not None:
                entries.append(owners_entry(moment_ms, pair.owner, _text(event_id), at, pair.owners_numbers))
            if pair.latest < when:
                pair.latest = when
                touched.append(pair)
            at += size + 1
        for pair in touched:
            if pair.latest >= 0 and pair.user is not None and pair.what is not None:
                _note(used, pair.user, pair.what, pair.latest)
                pair.latest = -1
        return Lines(entries, said, first_id, at_ms, used)

    # ------------------------------------------------------------------ inside

    def _new_pair(self, raw: bytes, begin: int, time: int, request: int, end: int) -> tuple[_Pair | None, int]:
        """What the halves of a line say, and its second; no pair where it is not of that form."""
        own, after, size = request + _ID_CHARS, request + _AFTER_ID, len(raw)
        when = self._second(raw[time + len(_TIME) : time + len(_TIME) + _TIME_CHARS])
        cut = time + len(_TIME) + _TIME_CHARS
        first, second = raw[begin:time], raw[cut:request] + raw[after:end]
        fits = (
            0 < time < request - len(_REQUEST)
            and when is not None
            and first.startswith(_EVENT)
            and second.startswith(b'",')
            and raw[own : own + len(_EVENT_ID)] == _EVENT_ID
            and raw[own + len(_EVENT_ID) : after] == HEAD.match(raw)[4]  # type: ignore[index]
            and raw.find(b'"', request, own) < 0
            and raw.find(b'"', end, size - len(_FOR_END)) < 0
            and len(first) + len(second) <= MOST_TEXT_BYTES
        )
        if not fits or when is None:
            return None, 0
        who = self._whos.get(first) or self._new_who(first)
        call = self._calls.get(second) or self._old_calls.get(second) or _new_call(second, raw[cut + 2 :])
        if who is None or call is None:
            return None, 0
        if second not in self._calls:
            self._keep(call)
        if self._pairs >= MOST_PAIRS:
            self._whos.clear()
            self._pairs = 0
        self._pairs += 1
        self._whos[first] = who
        pair = who.pairs[call.text] = _Pair(who, call)
        return pair, when

    def _second(self, stamp: bytes) -> int | None:
        found = self._seconds.get(stamp)
        if found is None:
            found = second_ms(stamp.decode("ascii", "replace"))
            if found is not None and b'"' not in stamp:
                if len(self._seconds) >= MOST_SECONDS:
                    self._seconds.clear()
                self._seconds[stamp] = found
        return found

    @staticmethod
    def _new_who(text: bytes) -> _Who | None:
        """``text`` begins with the name of the event."""
        told = _parsed(b"{%b}}" % text)
        event = None if told is None else told.get("event")
        if not isinstance(event, dict) or not event.keys() <= _WHO_MEMBERS:
            return None
        identity = event.get("userIdentity")
        if not isinstance(identity, dict):
            return None
        try:
            return _Who(identity)
        except _STRANGE:
            return None

    def _keep(self, call: _Call) -> None:
        self._calls_bytes += len(call.text)
        if self._calls_bytes > MOST_CALLS_BYTES:
            self._old_calls, self._calls, self._calls_bytes = self._calls, {}, len(call.text)
        self._calls[call.text] = call

    @staticmethod
    def _whole(at: int, raw: bytes, event_id: str, entries: list[Entry], used: Used) -> None:
        try:
            line = orjson.loads(raw)
            words, uses = words_of(line), uses_of(line)
            found = entries_of(words, event_id, at)
        except _STRANGE:
            return
        entries.extend(found)
        if uses is not None:
            _note(used, (uses.account, uses.who), uses.what, uses.at_ms)


def _new_call(text: bytes, members: bytes) -> _Call | None:
    """``members``: the line from the member after the time on."""
    line = _parsed(b'{"event":{' + members)
    event = None if line is None else line.get("event")
    if line is None or not isinstance(event, dict) or not line.keys() <= _PARTS or not _FIRST.isdisjoint(event):
        return None
    try:
        words, what = words_of({**line, "at": 0}), what_of(event, line.get("decision"))
        return _Call(
            text,
            words.account,
            words.region,
            numbers_of_call(words, words.account) if words.account else (),
            words.owner,
            () if words.owner is None else numbers_of_call(words, words.owner),
            what,
        )
    except _STRANGE:
        return None


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


def _text(event_id: bytes) -> str:
    return event_id.decode("utf-8", "replace")
