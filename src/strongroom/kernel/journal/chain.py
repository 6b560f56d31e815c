"""The hash chain: lines of JSON, each of which names the hash of the line before it.

A line is one of two things:

    {"seq":7,"prev":"<sha256>","at":<ms>,"id":"<event id>","writes":true,"event":{...}}    a record
    {"seq":8,"prev":"<sha256>","at":<ms>,"mark":"<kind>",...}                              a mark of our own

``prev`` is the SHA-256, in hex, of the bytes of the line before without its newline; the first line has that
of the chain's own name. ``writes`` says that the record counts only if its transaction was committed.
``product`` appears beside an event where the product's clock differs from the machine's, ``decision`` where the
call was decided: why it was allowed or refused. Nothing here touches a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

import orjson

from strongroom.kernel.journal.event import PRODUCT_TIME
from strongroom.kernel.journal.written import WrittenRecord

MAX_EVENT_BYTES = 128 * 1024
MAX_DECISION_BYTES = 96 * 1024
MAX_LINE_BYTES = 256 * 1024
OMITTED = {"omitted": "This field is omitted because the record would be too large."}


class Recordable(Protocol):
    """A finished event (call.Record)."""

    @property
    def event_id(self) -> str:
        """The event's id."""
        ...

    @property
    def event(self) -> Mapping[str, Any]:
        """The event itself."""
        ...

    @property
    def writes(self) -> bool:
        """Whether it stands or falls with a commit."""
        ...

    @property
    def decision(self) -> Mapping[str, Any] | None:
        """Why the call was allowed or refused; None where nothing was decided."""
        ...


class Addition(NamedTuple):
    """Lines that would follow, not yet in the chain: ``Chain.take`` makes them so, once they are written.

    ``waits``: the event ids of those that count only if their transaction is committed.
    """

    data: bytes
    seq: int
    prev: str
    waits: Sequence[str] = ()


class Chain:
    """Where one chain stands: the number and the hash of its last line."""

    __slots__ = ("name", "prev", "seq")

    def __init__(self, name: str) -> None:
        self.name = name
        self.seq = 0
        self.prev = first_link(name)

    def records(self, records: Sequence[Recordable], at_ms: int) -> Addition:
        """The lines of some records."""
        seq, prev = self.seq, self.prev
        lines, waits = [], []
        for record in records:
            seq += 1
            if isinstance(record, WrittenRecord):
                line = record.line(seq, prev, at_ms)
            else:
                line = _record_line(seq, prev, at_ms, record)
            if record.writes:
                waits.append(record.event_id)
            prev = sha256(line).hexdigest()
            lines.append(line)
        lines.append(b"")
        return Addition(b"\n".join(lines), seq, prev, waits)

    def marks(self, marks: Sequence[Mapping[str, Any]], at_ms: int) -> Addition:
        """The lines of some marks; each mapping names its kind under ``mark``."""
        seq, prev = self.seq, self.prev
        lines = []
        for mark in marks:
            seq += 1
            line = orjson.dumps({"seq": seq, "prev": prev, "at": at_ms, **mark})
            prev = sha256(line).hexdigest()
            lines.append(line)
        lines.append(b"")
        return Addition(b"\n".join(lines), seq, prev)

    def take(self, addition: Addition) -> None:
        """The lines are written: go on from them."""
        self.seq, self.prev = addition.seq, addition.prev


def first_link(name: str) -> str:
    """What the first line of a chain names as the hash before it."""
    return sha256(name.encode()).hexdigest()


def _record_line(seq: int, prev: str, at_ms: int, record: Recordable) -> bytes:
    event, decision = record.event, record.decision
    line: dict[str, Any] = {
        "seq": seq,
        "prev": prev,
        "at": at_ms,
        "id": record.event_id,
        "writes": record.writes,
    }
    if PRODUCT_TIME in event:
        line["product"] = event[PRODUCT_TIME]
        event = {key: value for key, value in event.items() if key != PRODUCT_TIME}
    line["event"] = event
    if decision is not None:
        line["decision"] = decision
    try:
        whole = orjson.dumps(line)
    except TypeError:
        pass
    else:
        if len(whole) <= MAX_DECISION_BYTES:  # then neither part is too long
            return whole
    return _long_line(line)


def _long_line(line: dict[str, Any]) -> bytes:
    """A line whose parts are large or strange: each is encoded and bounded by itself."""
    decision = line.pop("decision", None)
    event = _encoded(line.pop("event"))
    head = orjson.dumps(line)[:-1]
    if decision is None:
        return b'%b,"event":%b}' % (head, event)
    return b'%b,"event":%b,"decision":%b}' % (head, event, _reasons(decision))


def _reasons(decision: Mapping[str, Any]) -> bytes:
    encoded = _json(decision)
    return encoded if len(encoded) <= MAX_DECISION_BYTES else _json(OMITTED)


def _encoded(event: Mapping[str, Any]) -> bytes:
    """The event as JSON; without its large parts where it would be too long, as CloudTrail does it."""
    encoded = _json(event)
    if len(encoded) <= MAX_EVENT_BYTES:
        return encoded
    large = {"requestParameters", "responseElements", "additionalEventData"} & set(event)
    return _json({**event, **{name: OMITTED for name in sorted(large) if event[name] is not None}})


def _json(event: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(event)
    except TypeError:
        # Clients can send a lone surrogate or a number beyond 64 bits. Such a call is recorded all the same.
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=_unprintable)
        return text.encode("utf-8", "replace")


def _unprintable(value: object) -> str:
    return f"({type(value).__name__})"
