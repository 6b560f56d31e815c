"""kernel/journal/written: a filled form is the record encoded anew, byte by byte."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.call import Record
from strongroom.kernel.journal.chain import Chain
from strongroom.kernel.journal.written import (
    MAX_FORM_BYTES,
    SHARED_AT_MOST,
    SHARED_MOST_CHARS,
    Blanks,
    Shared,
    WrittenApart,
    WrittenRecord,
    form_of,
)

ENTROPY = SystemEntropy()
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def event(when: str, request_id: str, event_id: str, agent: str = "agent") -> dict[str, Any]:
    return {
        "userAgent": agent,
        "eventTime": when,
        "requestParameters": {"secretId": agent, "100%": None},
        "requestID": request_id,
        "eventID": event_id,
        "readOnly": True,
    }


def formed(agent: str, why: dict[str, Any] | None, origin: bool) -> Any:
    blanks = Blanks(ENTROPY)
    made = event(blanks.when, blanks.request_id, blanks.event_id, agent)
    return form_of(made, {**(why or {}), "for": blanks.origin} if origin else why, blanks, Shared())


@given(TEXTS, TEXTS, st.booleans(), st.integers(0, 10**15))
def test_a_filled_form_is_the_record_encoded_anew(agent: str, sid: str, nested: bool, at_ms: int) -> None:
    why = {"outcome": "allowed", "matches": [{"sid": sid}]}
    form = formed(agent, why, nested)
    told = event("2026-01-02T03:04:05Z", "r-1", "e-1", agent)
    anew = Record("e-1", told, writes=False, decision={**why, "for": "o-1"} if nested else why)
    filled = WrittenRecord(form, "2026-01-02T03:04:05Z", "r-1", "e-1", "o-1" if nested else None)

    assert Chain("c").records([anew, anew], at_ms) == Chain("c").records([filled, filled], at_ms)
    assert told == filled.event
    assert anew.decision == filled.decision


def test_a_record_without_reasons_has_none() -> None:
    filled = WrittenRecord(formed("a", None, origin=False), "t", "r", "e", None)
    assert b"decision" not in filled.line(1, "p", 2)
    assert filled.decision is None


def test_what_cannot_be_one_form_is_none() -> None:
    blanks = Blanks(ENTROPY)
    whole = event(blanks.when, blanks.request_id, blanks.event_id)
    assert form_of(whole | {"requestID": "known"}, None, blanks, Shared()) is None
    assert form_of(whole | {"userAgent": blanks.event_id}, None, blanks, Shared()) is None
    assert form_of(whole, {"a": blanks.origin, "b": blanks.origin}, blanks, Shared()) is None
    assert form_of(whole | {"userAgent": "x" * MAX_FORM_BYTES}, None, blanks, Shared()) is None
    assert form_of(whole | {"userAgent": "\ud800"}, None, blanks, Shared()) is None
    assert form_of(whole, None, blanks, Shared()) is not None


def test_the_line_is_json_of_one_line() -> None:
    line = WrittenRecord(formed("new\nline", None, origin=False), "t", "r", "e", None).line(7, "ab", 9)
    assert {"seq": 7, "prev": "ab", "at": 9, "id": "e", "writes": False}.items() <= orjson.loads(line).items()
    assert b"\n" not in line


def test_forms_share_the_parts_that_are_equal_and_no_more_are_kept_than_are_bounded() -> None:
    blanks, shared = Blanks(ENTROPY), Shared()
    whole = event(blanks.when, blanks.request_id, blanks.event_id)
    one = form_of(whole, None, blanks, shared)
    other = form_of(whole | {"requestParameters": {"secretId": "other"}}, None, blanks, shared)

    assert one is not None
    assert other is not None
    assert one.parts != other.parts
    assert sum(mine is its for mine, its in zip(one.parts, other.parts, strict=True)) >= 3

    for number in range(SHARED_AT_MOST):
        shared.one(f"part {number}")
    assert shared.one("part 0") == "part 0"
    assert shared.one("x" * (SHARED_MOST_CHARS + 1)) not in shared._parts
    assert len(shared._parts) <= SHARED_AT_MOST


@given(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3), st.booleans(), st.integers(0, 10**15))
def test_a_form_without_one_parameter_is_filled_with_any(
    agent: str, context: dict[str, str], nested: bool, at_ms: int
) -> None:
    why, blanks = {"outcome": "allowed"}, Blanks(ENTROPY)
    made = event(blanks.when, blanks.request_id, blanks.event_id, agent)
    made["requestParameters"] = {"keyId": agent, "encryptionContext": blanks.apart, "keySpec": "AES_256"}
    form = form_of(made, {**why, "for": blanks.origin} if nested else why, blanks, Shared())
    assert form is not None
    told = event("2026-01-02T03:04:05Z", "r-1", "e-1", agent)
    told["requestParameters"] = {"keyId": agent, "encryptionContext": context, "keySpec": "AES_256"}
    anew = Record("e-1", told, writes=True, decision={**why, "for": "o-1"} if nested else why)
    shown = orjson.dumps(context).decode()
    filled = WrittenApart(form, "2026-01-02T03:04:05Z", "r-1", "e-1", "o-1" if nested else None, shown)

    assert Chain("c").records([anew, anew], at_ms) == Chain("c").records([filled, filled], at_ms)
    assert told == dict(filled.event)
    assert anew.decision == filled.decision
    assert len(told) == len(filled.event)


def test_what_such_a_record_is_of_is_known_without_reading_it() -> None:
    blanks = Blanks(ENTROPY)
    made = event(blanks.when, blanks.request_id, blanks.event_id)
    made |= {"eventSource": "kms.amazonaws.com", "eventName": "GenerateDataKey", "eventType": "AwsApiCall"}
    made["requestParameters"] = {"encryptionContext": blanks.apart}
    form = form_of(made, None, blanks, Shared())
    assert form is not None
    broken = WrittenApart(form, "t", "r", "e", None, "no JSON")
    named = [broken.event[name] for name in ("eventSource", "eventName", "eventType")]
    assert ["kms.amazonaws.com", "GenerateDataKey", "AwsApiCall"] == named
    with pytest.raises(orjson.JSONDecodeError):
        broken.event["userAgent"]
