"""Records of calls that are the same but for their time and ids: written once as a form, filled in for each.

Encoding a record is most of what a record costs. Of a call that the chain remembers, everything stands fixed but
four words: when, the request's id, the event's id, and the id of the call that it was done for. Of calls that are
alike (kernel/kinship.py) two more differ: the parameters, and the resource of the decision.
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
    """The words that stand in a family's blanks while it is made: random, so that no client can write one."""

    __slots__ = ("event_id", "origin", "params", "request_id", "resource", "when")

    def __init__(self, entropy: Entropy) -> None:
        self.when = uuid4(entropy)
        self.params = uuid4(entropy)
        self.request_id = uuid4(entropy)
        self.event_id = uuid4(entropy)
        self.resource = uuid4(entropy)
        self.origin = uuid4(entropy)


Parts = tuple[str, str, str, str, str, str, str]


class Family:
    """The lines of calls that are the same but for names, time and ids; from the event on, around six blanks."""

    __slots__ = ("_last", "has_origin", "operation", "parts")

    def __init__(self, parts: Parts, *, has_origin: bool, operation: tuple[str, str]) -> None:
        """``parts``: around when, parameters, request id, event id, resource of the decision and, perhaps, origin.

        ``operation``: the event's source and name.
        """
        self.parts = parts
        self.operation = operation
        self.has_origin = has_origin
        self._last = ("", '""')

    def form(
        self, params: Mapping[str, Any] | None, resource: str, shown: Mapping[str, Any] | None = None
    ) -> Form | None:
        """The form of one of them; ``params`` as its event shows them. None where it would be too long.

        ``shown``: of its answer, for a family that was made without ``responseElements``, which follow the parameters.
        """
        told = orjson.dumps(params).decode()
        if shown is not None:
            told = f'{told},"responseElements":{orjson.dumps(shown).decode()}'
        last = self._last  # one tuple, replaced whole: threads may race here, none sees a mixture
        if last[0] != resource:  # calls on behalf are about one key
            last = self._last = resource, orjson.dumps(resource).decode()
        named = last[1]
        if len(told) + len(named) > MAX_FORM_BYTES // 8:  # four bytes a character at most
            return None
        return Form(self, told, named)


class Form:
    """One line of the journal with blanks for time and ids."""

    __slots__ = ("family", "params", "resource")

    def __init__(self, family: Family, params: str, resource: str) -> None:
        """``params`` and ``resource`` as JSON."""
        self.family = family
        self.params = params
        self.resource = resource

    def other(self, params: Mapping[str, Any] | None) -> Form | None:
        """That of another call about the same resource. None where it would be too long."""
        told = orjson.dumps(params).decode()
        return Form(self.family, told, self.resource) if len(told) <= MAX_FORM_BYTES // 8 else None


def family_of(event: Mapping[str, Any], decision: Mapping[str, Any], blanks: Blanks, shared: Shared) -> Family | None:
    """The family of an event and its decision that were made with ``blanks``; None where there cannot be one.

    ``blanks.origin`` may be missing; the others stand once each, in the order of the record.
    """
    try:
        rest = text = orjson.dumps({"event": event, "decision": decision})[1:].decode()
    except TypeError:
        return None
    if len(text.encode()) > MAX_FORM_BYTES // 2:
        return None
    has_origin, parts = blanks.origin in text, []
    for word, quoted in (
        (blanks.when, False),
        (blanks.params, True),
        (blanks.request_id, False),
        (blanks.event_id, False),
        (blanks.resource, True),
        (blanks.origin, False),
    ):
        if word is blanks.origin and not has_origin:
            break
        part, found, rest = rest.partition(f'"{word}"' if quoted else word)
        if not found or text.count(word) != 1:
            return None
        parts.append(shared.one(part))
    first, second, third, fourth, fifth, sixth, *last = (*parts, shared.one(rest))
    operation = event.get("eventSource", ""), event.get("eventName", "")
    whole = first, second, third, fourth, fifth, sixth, (last[0] if has_origin else "")
    return Family(whole, has_origin=has_origin, operation=operation)


class WrittenRecord:
    """A finished event in a form (chain.Recordable). Nothing was written by its call, so it stands by itself."""

    __slots__ = ("_form", "_origin", "_request_id", "_when", "event_id")

    writes = False
    _written = "false"

    def __init__(self, form: Form, when: str, request_id: str, event_id: str, origin: str | None) -> None:
        self.event_id = event_id
        self._form = form
        self._when = when
        self._request_id = request_id
        self._origin = origin or ""

    @property
    def operation(self) -> tuple[str, str]:
        """The event's source and name."""
        return self._form.family.operation

    def line(self, seq: int, prev: str, at_ms: int) -> bytes:
        """The record's line in a chain, without its newline."""
        own, form = self.event_id, self._form
        family = form.family
        first, second, third, fourth, fifth, sixth, seventh = family.parts
        origin = self._origin if family.has_origin else ""
        return (
            f'{{"seq":{seq},"prev":"{prev}","at":{at_ms},"id":"{own}","writes":{self._written},'
            f"{first}{self._when}{second}{form.params}{third}{self._request_id}{fourth}{own}{fifth}{form.resource}"
            f"{sixth}{origin}{seventh}"
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
    """The same of a call that was made for a write: the record stands or falls with that. The feed is not told of it,
    for it has changed nothing itself.
    """

    __slots__ = ()

    writes = True
    untold = True
    _written = "true"

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
