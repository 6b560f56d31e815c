"""Records of calls that are the same but for their time and ids: written once as a form, filled in for each.

Encoding a record is most of what a record costs. Of a call that the chain remembers, everything stands fixed but
four words: when, the request's id, the event's id, and the id of the call that it was done for.
A test holds the filled form against the record encoded anew, byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from strongroom.base.entropy import Entropy, uuid4

MAX_FORM_BYTES = 64 * 1024
"""Longer ones are encoded anew each time, where each part is bounded by itself."""
SHARED_AT_MOST = 2048
SHARED_MOST_CHARS = 4096


class Shared:
    """Parts that many forms have alike, each kept once: whose call it was, why it was allowed.

    A worker fills in the forms of thousands of secrets in turns. Parts of their own would push each other out of the
    processor's caches (decision 0016).
    """

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: dict[str, str] = {}

    def one(self, part: str) -> str:
        """The part that is equal to this one, or this one from now on."""
        if len(part) > SHARED_MOST_CHARS:
            return part
        if len(self._parts) >= SHARED_AT_MOST:
            self._parts.clear()
        return self._parts.setdefault(part, part)


class Blanks:
    """The words that stand in a form's blanks while it is made: random, so that no client can write one."""

    __slots__ = ("apart", "event_id", "origin", "request_id", "when")

    def __init__(self, entropy: Entropy) -> None:
        self.apart = uuid4(entropy)
        self.when = uuid4(entropy)
        self.request_id = uuid4(entropy)
        self.event_id = uuid4(entropy)
        self.origin = uuid4(entropy)


class Form:
    """One line of the journal with blanks."""

    __slots__ = ("behind", "has_origin", "operation", "parts")

    def __init__(
        self,
        parts: tuple[str, str, str, str, str],
        *,
        has_origin: bool,
        operation: tuple[str, str],
        behind: str | None = None,
    ) -> None:
        """``parts``: the line from the event on, around when, request id, event id and, perhaps, origin.

        ``operation``: the event's source and name. ``behind``: where a parameter is left out as well, what stands
        between it and the request id; the second part ends before it.
        """
        self.behind = behind
        self.parts = parts
        self.operation = operation
        self.has_origin = has_origin


def form_of(
    event: Mapping[str, Any], decision: Mapping[str, Any] | None, blanks: Blanks, shared: Shared
) -> Form | None:
    """The form of an event and its decision that were made with ``blanks``; None where it cannot be one.

    ``blanks.origin`` and ``blanks.apart`` may be missing; the others stand once each, in the order of the record.
    """
    line = {"event": event} if decision is None else {"event": event, "decision": decision}
    try:
        text = orjson.dumps(line)[1:].decode()
    except TypeError:
        return None
    if len(text.encode()) > MAX_FORM_BYTES:
        return None
    has_origin, has_apart, rest, parts = blanks.origin in text, blanks.apart in text, text, []
    words = [blanks.when, blanks.request_id, blanks.event_id]
    if has_apart:
        words.insert(1, f'"{blanks.apart}"')
    if has_origin:
        words.append(blanks.origin)
    for word in words:
        part, found, rest = rest.partition(word)
        if not found or text.count(word) != 1:
            return None
        parts.append(shared.one(part))
    rest = shared.one(rest)
    behind = parts.pop(2) if has_apart else None
    first, second, third, fourth, fifth = (*parts, rest) if has_origin else (*parts, rest, "")
    operation = event.get("eventSource", ""), event.get("eventName", "")
    return Form((first, second, third, fourth, fifth), has_origin=has_origin, operation=operation, behind=behind)


class WrittenRecord:
    """A finished event in a form (chain.Recordable). Nothing was written by its call, so it stands by itself."""

    __slots__ = ("_form", "_origin", "_request_id", "_when", "event_id")

    writes = False

    def __init__(self, form: Form, when: str, request_id: str, event_id: str, origin: str | None) -> None:
        self.event_id = event_id
        self._form = form
        self._when = when
        self._request_id = request_id
        self._origin = origin or ""

    @property
    def operation(self) -> tuple[str, str]:
        """The event's source and name."""
        return self._form.operation

    def line(self, seq: int, prev: str, at_ms: int) -> bytes:
        """The record's line in a chain, without its newline."""
        own, form = self.event_id, self._form
        first, second, third, fourth, fifth = form.parts
        origin = self._origin if form.has_origin else ""
        return (
            f'{{"seq":{seq},"prev":"{prev}","at":{at_ms},"id":"{own}","writes":false,'
            f"{first}{self._when}{second}{self._request_id}{third}{own}{fourth}{origin}{fifth}"
        ).encode()

    @property
    def event(self) -> Mapping[str, Any]:
        """The event, read back."""
        return self._read("event") or {}

    @property
    def decision(self) -> Mapping[str, Any] | None:
        """The reasons, read back."""
        return self._read("decision")

    def _read(self, part: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = orjson.loads(self.line(0, "", 0)).get(part)
        return found


class WrittenApart(WrittenRecord):
    """A finished event in a form that leaves one parameter out, of a call that was made for a write: the record stands
    or falls with that. The feed is not told of it, for it has changed nothing itself.
    """

    __slots__ = ("_apart",)

    writes = True
    untold = True

    def __init__(self, form: Form, when: str, request_id: str, event_id: str, origin: str | None, apart: str) -> None:
        """``apart``: the parameter as it is shown, as JSON; nothing where the call had none."""
        super().__init__(form, when, request_id, event_id, origin)
        self._apart = apart

    def line(self, seq: int, prev: str, at_ms: int) -> bytes:
        """The record's line in a chain, without its newline."""
        own, form = self.event_id, self._form
        first, second, third, fourth, fifth = form.parts
        origin = self._origin if form.has_origin else ""
        behind = "" if form.behind is None else f"{self._apart}{form.behind}"
        return (
            f'{{"seq":{seq},"prev":"{prev}","at":{at_ms},"id":"{own}","writes":true,'
            f"{first}{self._when}{second}{behind}{self._request_id}{third}{own}{fourth}{origin}{fifth}"
        ).encode()

    @property
    def event(self) -> Mapping[str, Any]:
        """The event, read back where more than its name is asked for."""
        return _Named(self)

    def read(self) -> Mapping[str, Any]:
        """The event, read back."""
        return self._read("event") or {}


class _Named(Mapping[str, Any]):
    """An event of which most want to know no more than what it is one of."""

    __slots__ = ("_record", "_whole")

    def __init__(self, record: WrittenApart) -> None:
        self._record = record
        self._whole: Mapping[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        if name == "eventType":
            return "AwsApiCall"  # calls alone are remembered
        source, operation = self._record.operation
        if name == "eventSource":
            return source
        return operation if name == "eventName" else self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> Mapping[str, Any]:
        if self._whole is None:
            self._whole = self._record.read()
        return self._whole
