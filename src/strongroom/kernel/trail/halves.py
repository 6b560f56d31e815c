"""What records are found by, read from their lines in two halves that repeat, so that a line is seldom parsed.

    {"seq":..,"prev":..,"at":..,"id":..,"writes":.., WHO ,"eventTime":".. CALL

WHO says who called, CALL all else. Each half is parsed by itself before what it says is remembered under its text, so
where a line was cut is proven by its grammar. Of a CALL what differs between two records of a kind is cut out: ids, the
secret that it names and more, which are the blanks of a form (forms.py). Of a CALL that has no form, as one with a
backslash, only the ids are cut out. A line that is not of this kind is parsed whole.
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
    Names,
    NamesOfSecrets,
    Together,
    entries_of,
    names_of_secrets,
    owners_entry,
    words_of_call,
    words_of_caller,
    words_of_kind,
)
from strongroom.kernel.trail.forms import (
    FROM,
    ID_CHARS,
    NOTHING,
    ORIGIN,
    ORIGIN_CHARS,
    ORIGIN_END,
    OWN_ID,
    REQUEST,
    Filled,
    Form,
    form_of,
)
from strongroom.kernel.trail.uses import user_of, uses_of, what_of
from strongroom.kernel.trail.words import second_ms, username, when_ms, words_of

MOST_TEXT_BYTES = 4096
"""A longer line is parsed each time."""
MOST_CALLS_BYTES = 2 * 1024 * 1024
"""Of the texts of one generation of second halves without a form; there are two."""
MOST_PAIRS = 10_000
MOST_SECONDS = 1000
MOST_OPENINGS = 500
MOST_FORMS = 8
"""Of one opening."""
MOST_NAMES, MOST_NAME_BYTES = 4096, 800
"""Secrets of one generation; there are two. Longer names are not remembered."""
LEARN_EVERY = 16
"""Where forms do not fit the lines that come, no more is spent on them."""
_TIME = b',"eventTime":"'
_TO_CALL = len(_TIME) + 20
_SEQ, _READS, _WRITES = b'{"seq":', b'","writes":false,', b'","writes":true,"'
_KINDS = frozenset((_READS, _WRITES))
_MEMBERS = b',"prev":"', b'","at":', b',"id":"'
_FIXED = Struct("=9s64x7s13s7s36s17s")
"""From the comma after a line's number to its event, where all is as long as it always is."""
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
    """What a second half says. ``named``: the words that it says in its blanks, of a form that names a secret."""

    account: str
    region: str
    words: tuple[Together, ...]
    owner: str | None
    owners_words: tuple[Together, ...]
    what: tuple[str, ...] | None
    named: NamesOfSecrets | None = None


class _Pair:
    """What a first and a second half say together; ``latest``: the newest such call since this was asked last."""

    __slots__ = ("latest", "owner", "owners_words", "user", "what", "words")

    def __init__(self, who: _Who, call: _Call) -> None:
        self.words: tuple[Together, ...] = ()
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
        self.pairs: dict[bytes | Form, _Pair] = {}


class _Opening:
    """The forms of second halves that begin alike, and how many lines fitted none of them."""

    __slots__ = ("forms", "misses")

    def __init__(self) -> None:
        self.forms: list[tuple[Form, _Call]] = []
        self.misses = 0

    def wants_more(self) -> bool:
        """Whether one more form is worth its making."""
        self.misses += 1
        return self.misses <= LEARN_EVERY or self.misses % LEARN_EVERY == 0

    def used(self, one: tuple[Form, _Call]) -> None:
        """A form was of use: it comes to the front, where it is not near it."""
        if one not in self.forms[:2]:
            self.forms.remove(one)
            self.forms.insert(0, one)

    def add(self, form: Form, call: _Call) -> None:
        """Have one more form, in the place of the one that was of use least lately."""
        self.forms.insert(0, (form, call))
        del self.forms[MOST_FORMS:]


_Known = tuple[_Pair, tuple[Together, ...], tuple[Together, ...]]
"""What is known of a record, and its words: for its own account, and for the owner of its resource."""


@dataclass(slots=True)
class Lines:
    """What whole lines hold: the entries of their records, the writes and marks (raw) among them in their order, what
    was used, the first record's id where it is a write, and when the last one was written."""

    entries: list[Entry] = field(default_factory=list)
    said: list[Write | bytes] = field(default_factory=list)
    used: Used = field(default_factory=dict)
    first_write: str | None = None
    at_ms: int | None = None

    def heard(self, write: Write, *, first: bool) -> None:
        """A write came. ``first``: no record was before it."""
        self.said.append(write)
        if first:
            self.first_write = write.event_id


class Reader:
    """Reads lines of the journal. To be used from one thread."""

    def __init__(self) -> None:
        self._whos: dict[bytes, _Who] = {}
        self._pairs = 0
        self._openings: dict[bytes, _Opening] = {}
        self._calls: dict[bytes, _Call] = {}
        self._old_calls: dict[bytes, _Call] = {}
        self._calls_bytes = 0
        self._named: dict[tuple[NamesOfSecrets | None, Filled], Names] = {}
        self._old_named: dict[tuple[NamesOfSecrets | None, Filled], Names] = {}
        self._seconds: dict[bytes, int] = {}
        self._touched: list[_Pair] = []

    def read(self, data: bytes, at: int) -> Lines:  # noqa: C901  as few steps for a line as can be
        """Read whole lines, which begin at an offset of their segment.

        What is known already is recognised here, in as few steps as can be: this is done for each record of a busy
        node. ``_other`` reads any line, and is the truth of what this does.
        """
        lines = Lines()
        whos, known, find = self._whos, self._known, data.find
        last_stamp = last_at = b""
        moment = when = 0
        begin, end, limit = 0, find(b"\n"), len(data) - _FIXED.size
        while end >= 0:
            found = None
            first = lines.at_ms is None
            head = find(b",", begin + len(_SEQ), begin + len(_SEQ) + 19)
            if 0 < head <= limit:
                prev, at_name, at_text, id_name, event_id, writes = _FIXED.unpack_from(data, head)
                begun = head + _FIXED.size - (writes == _WRITES)
                time = find(_TIME, begun, end)
                if (
                    time > 0
                    and writes in _KINDS
                    and (who := whos.get(data[begun:time])) is not None
                    and (prev, at_name, id_name) == _MEMBERS
                    and data.startswith(_SEQ, begin)
                    and (writes == _READS or data[begin + len(_SEQ) : head].isdigit())
                ):
                    found = known(who, data, time + _TO_CALL, end, event_id)
            if found is not None:
                stamp = data[time + len(_TIME) : time + _TO_CALL]
                if at_text != last_at or stamp != last_stamp:
                    times = self._moment(stamp, at_text)
                    if times is None:
                        found = None
                    else:
                        when, moment = times
                        last_stamp, last_at, lines.at_ms = stamp, at_text, int(at_text)
            if found is None:
                last_at = b""
                self._other(data[begin:end], at + begin, lines)
            else:
                if writes == _WRITES:
                    seq, own = int(data[begin + len(_SEQ) : head]), event_id.decode("utf-8", "replace")
                    lines.heard(Write(own, seq, int(at_text), at + begin, len(lines.entries)), first=first)
                self._put(found, when, moment, event_id, at + begin, lines)
            begin = end + 1
            end = find(b"\n", begin)
        for pair in self._touched:
            if pair.user is not None and pair.what is not None:
                _note(lines.used, pair.user, pair.what, pair.latest)
            pair.latest = -1
        self._touched.clear()
        return lines

    # ------------------------------------------------------------------ inside

    def _moment(self, stamp: bytes, at_text: bytes) -> tuple[int, int] | None:
        """The milliseconds of an event's second, and its moment but for its id's bits."""
        when = self._seconds.get(stamp)
        if when is None:
            when = None if b'"' in stamp or b"\\" in stamp else second_ms(stamp.decode("ascii", "replace"))
            if when is None:
                return None
            if len(self._seconds) >= MOST_SECONDS:
                self._seconds.clear()
            self._seconds[stamp] = when
        return (when, when_ms(when, int(at_text)) << TIE_BITS) if at_text.isdigit() else None

    def _put(self, found: _Known, when: int, moment: int, event_id: bytes, at: int, lines: Lines) -> None:
        """Put in what is known of a record."""
        pair, words, owners_words = found
        hashed = crc32(event_id)
        if words:
            lines.entries.append((moment | hashed & _TIE, hashed, at, words))
        if pair.owner is not None:
            own = event_id.decode("utf-8", "replace")
            lines.entries.append(owners_entry(moment >> TIE_BITS, pair.owner, own, at, owners_words))
        if pair.latest < when:
            pair.latest = when
            self._touched.append(pair)

    def _other(self, raw: bytes, at: int, lines: Lines) -> None:
        """Any line."""
        head = HEAD.match(raw)
        if head is None or not raw.endswith(b"}"):
            return
        if head[4] is None:
            lines.said.append(raw)
            return
        event_id = head[4].decode("utf-8", "replace")
        first, lines.at_ms = lines.at_ms is None, int(head[3])
        if head[5] == b"true":
            lines.heard(Write(event_id, int(head[1]), lines.at_ms, at, len(lines.entries)), first=first)
        time = raw.find(_TIME, head.end())
        found = times = None
        if time > 0 and len(raw) <= MOST_TEXT_BYTES:
            found = self._learned(raw[head.end() : time], raw[time + _TO_CALL :], head[4])
            times = self._moment(raw[time + len(_TIME) : time + _TO_CALL], head[3])
        if found is None or times is None:
            _whole(at, raw, event_id, lines)
        else:
            self._put(found, *times, head[4], at, lines)

    # ------------------------------------------------------------------ what is known

    def _known(self, who: _Who, data: bytes, at: int, end: int, event_id: bytes) -> _Known | None:
        """What is known of a record whose second half lies there."""
        opened = data.find(FROM, at, end)
        opening = self._openings.get(data[at:opened]) if opened > 0 else None
        if opening is not None and data.find(b"\\", at, end) < 0:
            for one in opening.forms:
                form, call = one
                filled = form.filled(data, opened, end, event_id)
                if filled is None:
                    continue
                pair = who.pairs.get(form) or self._pair(who, form, call)
                if filled is NOTHING:
                    if one is not opening.forms[0]:
                        opening.used(one)
                    return pair, pair.words, pair.owners_words
                names = self._names(call, filled)
                if names is not None:
                    if one is not opening.forms[0]:
                        opening.used(one)
                    return pair, pair.words + names[0], pair.owners_words + names[1]
        text = _without_ids(data, at, end, event_id)
        known = None if text is None else who.pairs.get(text)
        return None if known is None else (known, known.words, known.owners_words)

    def _names(self, call: _Call, filled: Filled) -> Names | None:
        """The words that name a secret, for both who may find them; None where it is not one."""
        about = call.named, filled
        names = self._named.get(about) or self._old_named.get(about)
        if names is None and call.named is not None:
            names = call.named.of(*filled)
            if names is not None and len(filled[0]) + len(filled[1]) <= MOST_NAME_BYTES:
                if len(self._named) >= MOST_NAMES:
                    self._old_named, self._named = self._named, {}
                self._named[about] = names
        return names

    # ------------------------------------------------------------------ what is learned

    def _learned(self, first: bytes, second: bytes, event_id: bytes) -> _Known | None:
        """What two halves say; None where one of them is no half of a record."""
        who = self._whos.get(first) or _new_who(first)
        if who is None or len(event_id) != ID_CHARS:
            return None
        found = self._known(who, second, 0, len(second), event_id)
        if found is None and self._learn_form(second, event_id):
            found = self._known(who, second, 0, len(second), event_id)
        if found is None:
            text = _without_ids(second, 0, len(second), event_id)
            call = None if text is None else self._calls.get(text) or self._old_calls.get(text) or _new_call(text)
            if text is None or call is None:
                return None
            if text not in self._calls:
                self._keep(text, call)
            pair = self._pair(who, text, call)
            found = pair, pair.words, pair.owners_words
        self._whos[first] = who
        return found

    def _learn_form(self, second: bytes, event_id: bytes) -> bool:
        """Whether one form more is known now."""
        opened = second.find(FROM)
        if opened < 0:
            return False
        if len(self._openings) >= MOST_OPENINGS:
            self._openings.clear()
        opening = self._openings.setdefault(second[:opened], _Opening())
        if not opening.wants_more():
            return False
        try:
            form, line = form_of(second, event_id, _second_half) or (None, {})
        except _STRANGE:
            return False
        call = None if form is None else _call_of(line, form.prefix)
        if form is None or call is None:
            return False
        opening.add(form, call)
        return True

    def _pair(self, who: _Who, key: bytes | Form, call: _Call) -> _Pair:
        """What two halves say together, from now on."""
        if self._pairs >= MOST_PAIRS:
            for one in self._whos.values():
                one.pairs.clear()
            self._whos.clear()
            self._pairs = 0
        self._pairs += 1
        pair = who.pairs[key] = _Pair(who, call)
        return pair

    def _keep(self, text: bytes, call: _Call) -> None:
        self._calls_bytes += len(text)
        if self._calls_bytes > MOST_CALLS_BYTES:
            self._old_calls, self._calls, self._calls_bytes = self._calls, {}, len(text)
        self._calls[text] = call


def _without_ids(data: bytes, at: int, end: int, event_id: bytes) -> bytes | None:
    """A second half without its ids; None where they do not stand where they should."""
    request = data.find(REQUEST, at, end) + len(REQUEST)
    own = request + ID_CHARS
    rest, upto = own + len(OWN_ID) + ID_CHARS, end - ORIGIN_CHARS
    asked, origin = data[request:own], b""
    if data.startswith(ORIGIN, upto - len(ORIGIN)) and data.startswith(ORIGIN_END, end - len(ORIGIN_END)):
        origin = data[upto : upto + ID_CHARS]
    else:
        upto = end
    if (
        not at < request - len(REQUEST)
        or not data.startswith(OWN_ID + event_id, own)
        or b'"' in asked + origin
        or b"\\" in asked + origin
    ):
        return None
    return data[at:request] + OWN_ID + data[rest:upto]


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
    line = _second_half(text)
    return None if line is None else _call_of(line)


def _second_half(text: bytes) -> dict[str, Any] | None:
    """What a second half says: all the rest of a line, but that its ids are empty, and that it ends where the last was.

    None where it is none.
    """
    line = _parsed(b'{"event":{' + text[2:] + (ORIGIN_END if text.endswith(ORIGIN) else b""))
    event = None if line is None else line.get("event")
    if not text.startswith(b'",') or line is None or not isinstance(event, dict) or not line.keys() <= _PARTS:
        return None
    if not _FIRST.isdisjoint(event) or event.get("requestID") != "" or event.get("eventID") != "":
        return None
    return line


def _call_of(line: Mapping[str, Any], prefix: bytes | None = None) -> _Call | None:
    """What a second half says. ``prefix``: how the ARN begins of the secret that its form's blanks name."""
    try:
        words, what = words_of({**line, "at": 0}), what_of(line["event"], line.get("decision"))
        found = words_of_call if prefix is None else words_of_kind
        return _Call(
            words.account,
            words.region,
            found(words, words.account) if words.account else (),
            words.owner,
            () if words.owner is None else found(words, words.owner),
            what,
            None if prefix is None else names_of_secrets(words.account, words.owner, words.region, prefix),
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
