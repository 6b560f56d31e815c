"""Lines and the links between them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from strongroom.kernel.journal.chain import MAX_EVENT_BYTES, MAX_LINE_BYTES, OMITTED, Chain, first_link
from strongroom.kernel.journal.event import PRODUCT_TIME
from strongroom.kernel.journal.reading import read_line


@dataclass(frozen=True)
class Made:
    """A finished event."""

    event_id: str
    event: dict[str, Any]
    writes: bool = False
    decision: dict[str, Any] | None = None


def lines_of(*records: Made, chain: Chain | None = None) -> list[bytes]:
    """The lines of some records."""
    made = (chain or Chain("n-s-p")).records(records, 1234).data
    assert made.endswith(b"\n")
    return made.splitlines()


def test_a_record_stands_between_its_number_its_link_and_its_event() -> None:
    (line,) = lines_of(Made("e1", {"eventName": "x"}, writes=True))
    link = sha256(b"n-s-p").hexdigest()

    assert f'{{"seq":1,"prev":"{link}","at":1234,"id":"e1","writes":true,"event":{{"eventName":"x"}}}}'.encode() == line


def test_the_reasons_of_a_decision_stand_beside_the_event() -> None:
    (line,) = lines_of(Made("e1", {"eventName": "x"}, decision={"outcome": "allowed"}))

    assert {"eventName": "x"} == orjson.loads(line)["event"]
    assert {"outcome": "allowed"} == orjson.loads(line)["decision"]


def test_each_line_names_the_hash_of_the_one_before() -> None:
    first, second, third = lines_of(Made("a", {}), Made("b", {}), Made("c", {}))

    assert first_link("n-s-p") == orjson.loads(first)["prev"]
    assert sha256(first).hexdigest() == orjson.loads(second)["prev"]
    assert sha256(second).hexdigest() == orjson.loads(third)["prev"]


def test_lines_that_were_not_taken_leave_the_chain_where_it_was() -> None:
    chain = Chain("n-s-p")
    first = chain.records([Made("a", {})], 1)
    again = chain.records([Made("a", {})], 1)
    chain.take(again)

    assert first == again
    assert (1, sha256(again.data[:-1]).hexdigest()) == (chain.seq, chain.prev)


def test_marks_follow_in_the_same_chain() -> None:
    chain = Chain("n-s-p")
    chain.take(chain.records([Made("a", {})], 1))
    added = chain.marks([{"mark": "checkpoint", "open": []}, {"mark": "closed", "open": []}], 2)
    first, second = added.data.splitlines()

    assert (2, "checkpoint", 3, "closed") == (*numbered(first), *numbered(second))
    assert sha256(first).hexdigest() == orjson.loads(second)["prev"]


def numbered(line: bytes) -> tuple[int, str]:
    """A mark's number and kind."""
    told = orjson.loads(line)
    return told["seq"], told["mark"]


def test_the_products_clock_stands_beside_the_event() -> None:
    (line,) = lines_of(Made("a", {"eventName": "x", PRODUCT_TIME: "2026-01-02T03:04:05Z"}))
    told = orjson.loads(line)

    assert "2026-01-02T03:04:05Z" == told["product"]
    assert {"eventName": "x"} == told["event"]


def test_an_event_that_would_be_too_large_loses_its_large_parts_and_nothing_else() -> None:
    large = {"a": ["x" * 1000] * 200}
    (line,) = lines_of(Made("a", {"eventName": "x", "requestParameters": large, "responseElements": None}))

    assert {"eventName": "x", "requestParameters": OMITTED, "responseElements": None} == orjson.loads(line)["event"]
    assert len(line) < MAX_EVENT_BYTES < MAX_LINE_BYTES


def test_what_json_cannot_say_does_not_keep_a_call_unrecorded() -> None:
    (line,) = lines_of(Made("a", {"lone": "a\ud800b", "huge": 2**70, "set": {1}, "text": "é"}))

    assert {"lone": "a?b", "huge": 2**70, "set": "(set)", "text": "é"} == json.loads(line)["event"]


def test_an_id_cannot_break_out_of_its_line() -> None:
    (line,) = lines_of(Made('a","writes":true,"event":{}}\n', {"eventName": "x"}))

    assert 'a","writes":true,"event":{}}\n' == orjson.loads(line)["id"]


def test_lines_are_read_back_without_their_events() -> None:
    chain = Chain("n-s-p")
    record, other = lines_of(Made("e1", {"mark": "x"}, writes=True), Made("e2", {}), chain=chain)
    mark = chain.marks([{"mark": "closed", "open": ["e"]}], 5).data[:-1]
    read, plain, marked = read_line(record), read_line(other), read_line(mark)

    assert read is not None and plain is not None and marked is not None
    assert (1, "e1", True, None) == (read.seq, read.event_id, read.writes, read.mark())
    assert (2, "e2", False) == (plain.seq, plain.event_id, plain.writes)
    told = marked.mark()
    assert told is not None
    assert ("closed", ["e"]) == (told["mark"], told["open"])


def test_what_is_no_line_of_ours_is_not_read() -> None:
    (line,) = lines_of(Made("e1", {}))
    for raw in (
        b"",
        b"{}",
        line[:-2],
        line[1:],
        b"\x00" * 100,
        line.replace(b'"at"', b'"at": '),
        b" " + line,
    ):
        assert None is read_line(raw)
