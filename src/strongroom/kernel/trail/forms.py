"""Forms of second halves (halves.py): one text for all records of a kind, with blanks for what each has of its own.

    OPENING ,"sourceIPAddress":" BLANK ","userAgent":" BLANK ","requestParameters": LITERALS AND BLANKS

A blank is a string: an id, where a call came from, the secret that it names, the version that it makes. What is found
by a record depends on the literals, and on two of its blanks at most: the secret as it was asked for, and its ARN. A
form is made from a line that was parsed, once with marks in its blanks, so that where each of them stands is proven by
the grammar; what fills one later has no quote and no backslash in it, so it cannot change that grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from strongroom.kernel.trail.words import asked_for, is_secret_arn, names_of_secret, words_of

REQUEST, OWN_ID = b'"requestID":"', b'","eventID":"'
ORIGIN, ORIGIN_END = b',"for":"', b'"}}'
ID_CHARS = 36
ORIGIN_CHARS = ID_CHARS + len(ORIGIN_END)
"""From an origin's id to the end of its line."""
IN_ARN = b":secret:"
_IDS = rb'[^"]{36}","eventID":"(?P<own>[^"]{36})'
FROM = b',"sourceIPAddress":"'
"""Where an opening ends."""
MOST_BLANKS = 24
"""A line with more costs as much to compare as to parse."""
_MEMBER = re.compile(
    rb'("(?:sourceIPAddress|userAgent|secretId|name|description|clientRequestToken|versionId|SecretARN|SecretVersionId'
    rb'|value|arn|resource)":")([^"]*)'
)
"""What may be a blank; whether it is one depends on where the grammar has it."""
_MARK = b"arn:aws:secretsmanager:::secret:<"
_NAMED, _ARN, _SAME, _FREE = range(4)
"""What fills a blank: the secret as it was asked for, its ARN, the same ARN once more, anything."""
Parsed = Callable[[bytes], dict[str, Any] | None]
"""Reads a second half without its ids; None where it is none."""
Filled = tuple[bytes, bytes]
"""The secret that a record names: its ARN after the form's prefix, and how it was asked for, if it was."""
NOTHING: Filled = b"", b""
"""Fills a form that names no secret of its own."""


class Form:
    """One form. ``prefix``: how the ARN begins of the secret that its blanks name; None where they name none.

    What comes before the last blank is looked for by a regular expression, what comes after it is compared at once.
    """

    __slots__ = ("_last", "_match", "_named", "_origin", "_own", "_tail", "_width", "prefix")

    def __init__(self, before: _Part, after: _Part, *, origin: bool) -> None:
        arn = {**before.fills, **after.fills}.get(_ARN)
        self.prefix = None if arn is None else arn[: arn.index(IN_ARN) + len(IN_ARN)]
        tails = [rb'(?P<tail>[^"]*)', rb"(?P=tail)"]
        blanks = {
            role: rb'(?P<named>[^"]*)' if role == _NAMED else re.escape(self.prefix or b"") + tails.pop(0)
            for role in (*before.roles, *after.roles)
            if role != _FREE
        }
        blanks[_FREE] = rb'[^"]*'
        pattern = re.compile(before.pattern(blanks) + re.escape(before.rest) + _IDS + after.pattern(blanks))
        self._match = pattern.match
        self._own, self._tail, self._named = (pattern.groupindex.get(one, 0) for one in ("own", "tail", "named"))
        self._last, self._width = after.rest, len(after.rest)
        self._origin = origin

    def filled(self, data: bytes, at: int, end: int, event_id: bytes) -> Filled | None:
        """What fills the blanks of a line whose opening ends at ``at``; None where it is not of this form.

        Nothing between ``at`` and ``end`` may be a backslash.
        """
        found = self._match(data, at, end)
        if found is None or found[self._own] != event_id:
            return None
        at = found.end()
        if not data.startswith(self._last, at):
            return None
        at += self._width
        if self._origin:
            if data.find(b'"', at, end) != at + ID_CHARS or not data.startswith(ORIGIN_END, at + ID_CHARS):
                return None
            at += ORIGIN_CHARS
        if at != end:
            return None
        if self.prefix is None:
            return NOTHING
        return found[self._tail], found[self._named] if self._named else b""


class _Part(NamedTuple):
    """A part of a text: literals, a blank after each, what fills them, and what comes after the last of them."""

    literals: list[bytes]
    values: list[bytes]
    roles: list[int]
    rest: bytes

    @staticmethod
    def of(text: bytes) -> _Part:
        """A part with all that may be a blank."""
        found = _MEMBER.split(text)
        literals = [one + name for one, name in zip(found[:-1:3], found[1::3], strict=True)]
        return _Part(literals, found[2::3], [], found[-1])

    def pattern(self, blanks: Mapping[int, bytes]) -> bytes:
        """A regular expression for all but the rest."""
        parts = zip(self.literals, self.roles, strict=True)
        return b"".join([re.escape(literal) + blanks[role] for literal, role in parts])

    def marked(self, first: int) -> bytes:
        """The part with a mark in each blank: an ARN that is nobody's, with the blank's number."""
        return b"".join(b"%b%b" % (one, _mark(number)) for number, one in enumerate(self.literals, first)) + self.rest

    @property
    def fills(self) -> dict[int, bytes]:
        """What fills the blank of each role; of those that are free, any."""
        return dict(zip(self.roles, self.values, strict=True))

    def with_roles(self, roles: Sequence[int | None]) -> _Part:
        """The part with those blanks alone that have a role."""
        kept, begun = _Part([], [], [], b""), b""
        for literal, value, role in zip(self.literals, self.values, roles, strict=True):
            if role is None:
                begun += literal + value
                continue
            kept.literals.append(begun + literal)
            kept.values.append(value)
            kept.roles.append(role)
            begun = b""
        return kept._replace(rest=begun + self.rest)


def form_of(text: bytes, event_id: bytes, parsed: Parsed) -> tuple[Form, Mapping[str, Any]] | None:
    """The form of a second half, whole and as it stands in its line, and what that says; None where it has none."""
    begin = text.find(FROM)
    ids = text.find(REQUEST) + len(REQUEST)
    own = ids + ID_CHARS
    end = len(text)
    origin = text.startswith(ORIGIN, end - len(ORIGIN) - ORIGIN_CHARS) and text.endswith(ORIGIN_END)
    if origin:
        end -= ORIGIN_CHARS
    if not 0 < begin < ids or not text.startswith(OWN_ID + event_id, own) or b"\\" in text or _MARK in text:
        return None
    head, tail = text[begin:ids], text[own + len(OWN_ID) + ID_CHARS : end]
    before, after = _Part.of(head), _Part.of(tail)
    values = [*before.values, *after.values]
    line = parsed(text[:begin] + head + OWN_ID + tail)
    marked = parsed(text[:begin] + before.marked(0) + OWN_ID + after.marked(len(before.values)))
    if line is None or marked is None or len(values) > MOST_BLANKS:
        return None
    roles = _roles(marked, values)
    for some in (roles, [one if one == _FREE else None for one in roles]):
        count = len(before.values)
        head_kept, tail_kept = before.with_roles(some[:count]), after.with_roles(some[count:])
        count = len(head_kept.values)
        marked = parsed(text[:begin] + head_kept.marked(0) + OWN_ID + tail_kept.marked(count))
        marks = {role: _mark(at) for at, role in enumerate([*head_kept.roles, *tail_kept.roles])}
        if marked is not None and _are_all(line, {**head_kept.fills, **tail_kept.fills}, marked, marks):
            return Form(head_kept, tail_kept, origin=origin), line
    return None


def _mark(number: int) -> bytes:
    return b"%b%d>" % (_MARK, number)


def _roles(marked: Mapping[str, Any], values: Sequence[bytes]) -> list[int | None]:
    """What fills each blank; None for what is none, because it stands where no blank may."""
    roles: list[int | None] = [None] * len(values)
    numbers = {_mark(number).decode(): number for number in range(len(values))}
    for found, role in _places(marked):
        number = numbers.get(found) if isinstance(found, str) else None
        if number is not None and (role == _FREE or role not in roles):
            roles[number] = role
    same = roles.index(_SAME) if _SAME in roles else -1
    if same >= 0 and (_ARN not in roles or values[same] != values[roles.index(_ARN)]):
        roles[same] = None
    return roles


def _places(marked: Mapping[str, Any]) -> Iterator[tuple[Any, int]]:
    """What stands where blanks may be. Nothing is found by, or said to be used, for what is free."""
    event, decision = marked["event"], marked.get("decision")
    for name in ("sourceIPAddress", "userAgent"):
        yield event.get(name), _FREE
    params, answer = event.get("requestParameters"), event.get("responseElements")
    if isinstance(params, dict):
        for name in ("description", "clientRequestToken", "versionId"):
            yield params.get(name), _FREE
        context, tags = params.get("encryptionContext"), params.get("tags")
        for one in context.values() if isinstance(context, dict) else ():
            yield one, _FREE
        for one in tags if isinstance(tags, list) else ():
            yield one.get("value") if isinstance(one, dict) else None, _FREE
        for name in asked_for(event):
            yield params.get(name), _NAMED
    if isinstance(answer, dict):
        yield answer.get("arn"), _SAME
    if isinstance(decision, dict):
        yield decision.get("resource"), _ARN


def _are_all(
    line: Mapping[str, Any], fills: Mapping[int, bytes], marked: Mapping[str, Any], marks: Mapping[int, bytes]
) -> bool:
    """Whether a record is found by what fills its blanks as a form says, and by nothing else that stands in them.

    ``fills``: what the line has in its blanks. ``marks``: what the same line has there that is marked.
    """
    told, other = words_of({**line, "at": 0}), words_of({**marked, "at": 0})
    if replace(told, names=(), resources=()) != replace(other, names=(), resources=()) or told.types != other.types:
        return False
    if _ARN not in fills:
        return _NAMED not in fills and told.names == other.names
    return (
        "errorCode" not in line["event"]
        and is_secret_arn(fills[_ARN].decode())
        and all(
            set(words.names) == set(names_of_secret(has[_ARN].decode(), has.get(_NAMED, b"").decode()))
            for words, has in ((told, fills), (other, marks))
        )
    )
