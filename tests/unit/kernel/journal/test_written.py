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
    Family,
    Form,
    Shared,
    WrittenApart,
    WrittenRecord,
    family_of,
)

ENTROPY = SystemEntropy()
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


PARAMS = {"secretId": 'x"y', "100%": None}


def event(when: str, request_id: str, event_id: str, agent: str = "agent", params: Any = PARAMS) -> dict[str, Any]:
    return {
        "userAgent": agent,
        "eventTime": when,
        "requestParameters": params,
        "requestID": request_id,
        "eventID": event_id,
        "readOnly": True,
    }


def blank(blanks: Blanks, agent: str = "agent") -> dict[str, Any]:
    return event(blanks.when, blanks.request_id, blanks.event_id, agent, blanks.params)


def formed(agent: str, why: dict[str, Any], origin: bool, params: Any = PARAMS, resource: str = "arn") -> Any:
    blanks = Blanks(ENTROPY)
    why = {**why, "resource": blanks.resource}
    family = family_of(blank(blanks, agent), {**why, "for": blanks.origin} if origin else why, blanks, Shared())
    return None if family is None else family.form(params, resource)


@given(TEXTS, TEXTS, TEXTS, st.booleans(), st.integers(0, 10**15))
def test_a_filled_form_is_the_record_encoded_anew(agent: str, sid: str, named: str, nested: bool, at_ms: int) -> None:
    params = {"secretId": named} if named else None
    why = {"outcome": "allowed", "matches": [{"sid": sid}], "resource": named}
    form = formed(agent, why, nested, params, named)
    told = event("2026-01-02T03:04:05Z", "r-1", "e-1", agent, params)
    anew = Record("e-1", told, writes=False, decision={**why, "for": "o-1"} if nested else why)
    filled = WrittenRecord(form, "2026-01-02T03:04:05Z", "r-1", "e-1", "o-1" if nested else None)

    assert Chain("c").records([anew, anew], at_ms) == Chain("c").records([filled, filled], at_ms)
    assert told == filled.event
    assert anew.decision == filled.decision


def test_what_cannot_be_one_form_is_none() -> None:
    blanks = Blanks(ENTROPY)
    whole, why = blank(blanks), {"resource": blanks.resource}
    assert family_of(whole | {"requestID": "known"}, why, blanks, Shared()) is None
    assert family_of(whole | {"requestParameters": {}}, why, blanks, Shared()) is None
    assert family_of(whole | {"userAgent": blanks.event_id}, why, blanks, Shared()) is None
    assert family_of(whole, why | {"a": blanks.origin, "b": blanks.origin}, blanks, Shared()) is None
    assert family_of(whole, {}, blanks, Shared()) is None
    assert family_of(whole | {"userAgent": "x" * MAX_FORM_BYTES}, why, blanks, Shared()) is None
    assert family_of(whole | {"userAgent": "\ud800"}, why, blanks, Shared()) is None
    found = family_of(whole, why, blanks, Shared())
    assert found is not None
    assert found.form({"a": "x" * MAX_FORM_BYTES}, "arn") is None


def test_the_line_is_json_of_one_line() -> None:
    line = WrittenRecord(formed("new\nline", {}, origin=False), "t", "r", "e", None).line(7, "ab", 9)
    assert {"seq": 7, "prev": "ab", "at": 9, "id": "e", "writes": False}.items() <= orjson.loads(line).items()
    assert b"\n" not in line


def test_forms_of_a_family_share_its_parts_and_no_more_are_kept_than_are_bounded() -> None:
    blanks, shared = Blanks(ENTROPY), Shared()
    family = family_of(blank(blanks), {"resource": blanks.resource}, blanks, shared)
    again = family_of(blank(blanks, "another"), {"resource": blanks.resource}, blanks, shared)
    assert family is not None
    assert again is not None
    assert sum(mine is its for mine, its in zip(family.parts, again.parts, strict=True)) >= 5

    for number in range(SHARED_AT_MOST):
        shared.one(f"part {number}")
    assert shared.one("part 0") == "part 0"
    assert shared.one("x" * (SHARED_MOST_CHARS + 1)) not in shared._parts
    assert len(shared._parts) <= SHARED_AT_MOST


@given(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3), st.booleans(), st.integers(0, 10**15))
def test_a_record_made_for_a_write_is_filled_with_other_parameters(
    agent: str, context: dict[str, str], nested: bool, at_ms: int
) -> None:
    params = {"keyId": agent, "encryptionContext": context, "keySpec": "AES_256"}
    form = formed(agent, {"outcome": "allowed"}, nested).other(params)
    assert form is not None
    told = event("2026-01-02T03:04:05Z", "r-1", "e-1", agent, params)
    why = {"outcome": "allowed", "resource": "arn"}
    anew = Record("e-1", told, writes=True, decision={**why, "for": "o-1"} if nested else why)
    filled = WrittenApart(form, "2026-01-02T03:04:05Z", "r-1", "e-1", "o-1" if nested else None)

    assert Chain("c").records([anew, anew], at_ms) == Chain("c").records([filled, filled], at_ms)
    assert told == dict(filled.event)
    assert anew.decision == filled.decision
    assert len(told) == len(filled.event)


def test_what_such_a_record_is_of_is_known_without_reading_it() -> None:
    family = Family(("", "", "", "", "", "", ""), has_origin=False, operation=("kms.amazonaws.com", "GenerateDataKey"))
    broken = WrittenApart(Form(family, "no JSON", ""), "t", "r", "e", None)
    named = [broken.event[name] for name in ("eventSource", "eventName", "eventType")]
    assert ["kms.amazonaws.com", "GenerateDataKey", "AwsApiCall"] == named
    with pytest.raises(orjson.JSONDecodeError):
        broken.event["userAgent"]
