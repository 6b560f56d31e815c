"""What records are found by, read from their lines in two halves that repeat, so that a line is seldom parsed.

    {"seq":..,"prev":..,"at":..,"id":..,"writes":.., WHO ,"eventTime":".. CALL

WHO says who called, CALL all else. Between two records of one kind of call, only the time, the request's id, the
event's own id and the id of the call it was done for differ; cut out these, and the same two texts come again and
again. What a text says is remembered under the text itself. Each half is parsed by itself before it is remembered, so
where a line was cut is proven by its grammar; what is cut out has no quote in it, so it cannot change that grammar
later. Of a write the id of the version that it makes is cut out as well: nothing is found by it, and no two have the
same. A line that is not of this form is parsed whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from strongroom.base.classes import dataclass, field
from strongroom.kernel.journal.reading import HEAD
from strongroom.kernel.trail.entries import (
    TIE_BITS,
    Entry,
    Together,
    entries_of,
    id_hash,
    owners_entry,
    words_of_call,
    words_of_caller,
)
from strongroom.kernel.trail.uses import user_of, uses_of, what_of
from strongroom.kernel.trail.words import second_ms, username, when_ms, words_of

MOST_TEXT_BYTES = 4096
"""A longer half is not remembered."""
MOST_CALLS_BYTES = 12 * 1024 * 1024
"""Of the texts of one generation of second halves; there are two."""
MOST_PAIRS = 20_000
MOST_SECONDS = 1000
_TIME, _REQUEST, _EVENT_ID = b',"eventTime":"', b'"requestID":"', b'","eventID":"'
_FOR, _FOR_END = b',"for":"', b'"}}'
VERSION_IDS = (b'"clientRequestToken":"', b'"SecretVersionId":"')
"""Members that name a new version, in the parameters of its write and in the encryption context of its data key."""
_SEQ, _NAMES, _READS = b'{"seq":', (b',"prev":"', b'","at":', b',"id":"'), b'","writes":false,'
_FIXED = Struct("=9s64x7s13s7s36s17s")
"""From the comma after a line's number to its event, where all is as long as it always is."""
_ID_CHARS = 36
_FROM_OWN = len(_EVENT_ID) + _ID_CHARS
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
    words: tuple[Together, ...]
    owner: str | None
    owners_words: tuple[Together, ...]
    what: tuple[str, ...] | None


class _Pair:
    """What a first and a second half say together; ``latest``: the newest such call since this was asked last."""

    __slots__ = ("latest", "owner", "owners_words", "user", "what", "words")

    def __init__(self, who: _Who, call: _Call) -> None:
        self.words: tuple[Together, ...] | None = None
        if call.account:
            self.words = call.words + words_of_caller(call.account, call.region, who.username, who.access_key)
        self.owner, self.owners_words = call.owner, call.owners_words
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


@dataclass(slots=True)
class Lines:
    """What whole lines hold: the entries of their records, the writes and marks (raw) among them in their order, what
    was used, the first record's id where it is a write, and when the last one was written."""

    entries: list[Entry] = field(default_factory=list)
    said: list[Write | bytes] = field(default_factory=list)
    used: Used = field(default_factory=dict)
    first_write: str | None = None
    at_ms: int | None = None


class Reader:
    """Reads lines of the journal. To be used from one thread."""

    def __init__(self) -> None:
        self._whos: dict[bytes, _Who] = {}
        self._pairs = 0
        self._calls: dict[bytes, _Call] = {}
        self._old_calls: dict[bytes, _Call] = {}
        self._calls_bytes = 0
        self._seconds: dict[bytes, int] = {}
        self._touched: list[_Pair] = []

    def read(self, data: bytes, at: int) -> Lines:  # noqa: C901, PLR0912, PLR0915  as few steps for a line as can be
        """Read whole lines, which begin at an offset of their segment.

        What is known already is recognised here, in as few steps as can be: this is done for each record of a busy
        node. ``_other`` reads any line, and is the truth of what this does.
        """
        lines = Lines()
        entries, touched, whos, find, startswith = lines.entries, self._touched, self._whos, data.find, data.startswith
        last_stamp = last_at = b""
        moment = when = 0
        begin, end, limit = 0, find(b"\n"), len(data) - _FIXED.size
        while end >= 0:
            pair = None
            head = find(b",", begin + len(_SEQ), begin + len(_SEQ) + 19)
            if 0 < head <= limit:
                prev, at_name, at_text, id_name, event_id, reads = _FIXED.unpack_from(data, head)
                begun = head + _FIXED.size
                time = find(_TIME, begun, end)
                request = find(_REQUEST, time, end) + len(_REQUEST)
                own = request + _ID_CHARS
                upto = end
                if startswith(_FOR, end - _FROM_FOR) and startswith(_FOR_END, end - len(_FOR_END)):
                    upto -= _FROM_ID
                if (
                    reads == _READS
                    and startswith(event_id, own + len(_EVENT_ID))
                    and (who := whos.get(data[begun:time])) is not None
                    and (prev, at_name, id_name) == _NAMES
                    and startswith(_SEQ, begin)
                    and find(b'"', request, own) < 0
                    and (upto == end or find(b'"', upto, upto + _ID_CHARS) < 0)
                ):
                    second = data[time + 34 : request] + data[own : own + 13] + data[own + _FROM_OWN : upto]
                    pair = who.pairs.get(second)
            if pair is not None:
                stamp = data[time + 14 : time + 34]
                if at_text != last_at or stamp != last_stamp:
                    found = self._moment(stamp, at_text)
                    if found is None:
                        pair = None
                    else:
                        when, moment = found
                        last_stamp, last_at = stamp, at_text
            if pair is None:
                first = lines.at_ms is None and not last_at
                self._other(data[begin:end], at + begin, lines, first=first)
            else:
                if pair.words is not None:
                    hashed = crc32(event_id)
                    entries.append((moment | hashed & _TIE, hashed, at + begin, pair.words))
                if pair.owner is not None:
                    own_text, ms = event_id.decode(), moment >> TIE_BITS
                    entries.append(owners_entry(ms, pair.owner, own_text, at + begin, pair.owners_words))
                if pair.latest < when:
                    pair.latest = when
                    touched.append(pair)
            begin = end + 1
            end = find(b"\n", begin)
        if last_at:
            lines.at_ms = max(int(last_at), lines.at_ms or 0)
        for pair in touched:
            if pair.user is not None and pair.what is not None:
                _note(lines.used, pair.user, pair.what, pair.latest)
            pair.latest = -1
        touched.clear()
        return lines

    # ------------------------------------------------------------------ inside

    def _moment(self, stamp: bytes, at_text: bytes) -> tuple[int, int] | None:
        """The milliseconds of an event's second, and its moment but for its id's bits."""
        when = self._seconds.get(stamp)
        if when is None:
            when = None if b'"' in stamp else second_ms(stamp.decode("ascii", "replace"))
            if when is None:
                return None
            if len(self._seconds) >= MOST_SECONDS:
                self._seconds.clear()
            self._seconds[stamp] = when
        return (when, when_ms(when, int(at_text)) << TIE_BITS) if at_text.isdigit() else None

    def _other(self, raw: bytes, at: int, lines: Lines, *, first: bool) -> None:
        """Any line. ``first``: no record was before it."""
        head = HEAD.match(raw)
        if head is None or not raw.endswith(b"}"):
            return
        if head[4] is None:
            lines.said.append(raw)
            return
        event_id = head[4].decode("utf-8", "replace")
        lines.at_ms = int(head[3])
        if head[5] == b"true":
            lines.said.append(Write(event_id, int(head[1]), lines.at_ms, at, len(lines.entries)))
            if first:
                lines.first_write = event_id
        cut = _cut(raw, head.end(), head[4], writes=head[5] == b"true")
        pair = None if cut is None else self._pair(*cut.halves)
        times = None if cut is None else self._moment(cut.stamp, head[3])
        if pair is None or times is None:
            _whole(at, raw, event_id, lines)
            return
        when, moment = times
        if pair.words is not None:
            hashed = id_hash(event_id)
            lines.entries.append((moment | hashed & _TIE, hashed, at, pair.words))
        if pair.owner is not None:
            lines.entries.append(owners_entry(moment >> TIE_BITS, pair.owner, event_id, at, pair.owners_words))
        if pair.latest < when:
            pair.latest = when
            self._touched.append(pair)

    def _pair(self, first: bytes, second: bytes) -> _Pair | None:
        """What two halves say together; None where one of them is no half of a record."""
        who = self._whos.get(first)
        pair = None if who is None else who.pairs.get(second)
        if pair is not None:
            return pair
        who = who or _new_who(first)
        call = self._calls.get(second) or self._old_calls.get(second) or _new_call(second)
        if who is None or call is None:
            return None
        if second not in self._calls:
            self._keep(call)
        if self._pairs >= MOST_PAIRS:
            self._whos.clear()
            who.pairs.clear()
            self._pairs = 0
        self._pairs += 1
        self._whos[first] = who
        pair = who.pairs[call.text] = _Pair(who, call)
        return pair

    def _keep(self, call: _Call) -> None:
        self._calls_bytes += len(call.text)
        if self._calls_bytes > MOST_CALLS_BYTES:
            self._old_calls, self._calls, self._calls_bytes = self._calls, {}, len(call.text)
        self._calls[call.text] = call


class _Cut(NamedTuple):
    """A line without what differs between two records of one kind of call: its second, and the two halves."""

    stamp: bytes
    halves: tuple[bytes, bytes]


def _cut(raw: bytes, begin: int, event_id: bytes, *, writes: bool) -> _Cut | None:
    """A record's line cut; ``begin``: where its event begins. None where it is not of that form."""
    end = len(raw)
    time = raw.find(_TIME, begin)
    request = raw.find(_REQUEST, max(time, 0)) + len(_REQUEST)
    own = request + _ID_CHARS
    if raw.startswith(_FOR, end - _FROM_FOR) and raw.endswith(_FOR_END):
        end -= _FROM_ID
    if (
        not begin < time < request - len(_REQUEST)
        or len(event_id) != _ID_CHARS
        or not raw.startswith(event_id, own + len(_EVENT_ID))
        or raw.find(b'"', request, own) >= 0
        or raw.find(b'"', end, end + _ID_CHARS) >= 0
        or len(raw) > MOST_TEXT_BYTES
    ):
        return None
    second = raw[time + 34 : request] + raw[own : own + 13] + raw[own + _FROM_OWN : end]
    return _Cut(raw[time + 14 : time + 34], (raw[begin:time], _without_version(second) if writes else second))


def _without_version(half: bytes) -> bytes:
    """A second half without the id of the version that is made. A name with bare quotes around it is never in a text,
    so it is a member's."""
    for name in VERSION_IDS:
        at = half.find(name)
        if at >= 0:
            begin = at + len(name)
            end = half.find(b'"', begin)
            if end > 0 and b"\\" not in half[begin:end]:  # then it is the whole value
                half = half[:begin] + half[end:]
    return half


def _whole(at: int, raw: bytes, event_id: str, lines: Lines) -> None:
    """A line of another form."""
    try:
        line = orjson.loads(raw)
        words, uses = words_of(line), uses_of(line)
        found = entries_of(words, event_id, at)
    except _STRANGE:
        return
    lines.entries.extend(found)
    if uses is not None:
        _note(lines.used, (uses.account, uses.who), uses.what, uses.at_ms)


def _new_who(text: bytes) -> _Who | None:
    told = _parsed(b"{%b}}" % text)
    event = None if told is None or told.keys() != {"event"} else told["event"]
    if not isinstance(event, dict) or not event.keys() <= _WHO_MEMBERS:
        return None
    identity = event.get("userIdentity")
    if not isinstance(identity, dict):
        return None
    try:
        return _Who(identity)
    except _STRANGE:
        return None


def _new_call(text: bytes) -> _Call | None:
    """The text is a whole rest of a line, but that its ids are empty, and that it stops where the last one was."""
    line = _parsed(b'{"event":{' + text[2:] + (_FOR_END if text.endswith(_FOR) else b""))
    event = None if line is None else line.get("event")
    if not text.startswith(b'",') or line is None or not isinstance(event, dict) or not line.keys() <= _PARTS:
        return None
    if not _FIRST.isdisjoint(event) or event.get("requestID") != "" or event.get("eventID") != "":
        return None
    try:
        words, what = words_of({**line, "at": 0}), what_of(event, line.get("decision"))
        return _Call(
            text,
            words.account,
            words.region,
            words_of_call(words, words.account) if words.account else (),
            words.owner,
            () if words.owner is None else words_of_call(words, words.owner),
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
