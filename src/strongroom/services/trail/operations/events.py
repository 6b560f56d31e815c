"""Looking records up.

Source: CloudTrail API reference, LookupEvents (facts: lambda-and-others, section 3.1).
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

import orjson

from strongroom.base.clock import from_ms, to_ms
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, Room
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.trail.find import NoIndex, Wanted
from strongroom.kernel.trail.lookup import Found, Pieces, Trail
from strongroom.services.trail import errors

PAGE = 50
_PURPOSE = "page-token"
_FREE = frozenset({"MaxResults", "NextToken"})


def declare(room: Room, trail: Trail, pieces: Pieces) -> None:
    """Declare the operation."""

    @room.operation("LookupEvents", mode=Mode.SLOW)
    def lookup_events(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """The management events of the caller's account and Region, newest first, by one attribute at most."""
        wanted = _wanted(call)
        if call.get("EventCategory") is not None:  # insights, the only category, are nothing that is recorded here
            return {"Events": []}
        if wanted.before is None:
            trail.caught_up()
        try:
            page, more = trail.page(wanted, call.get("MaxResults", PAGE), pieces(tx))
        except NoIndex:
            raise Refusal(Kind.UNAVAILABLE, "The index of events is being made. Please try again.") from None
        answer: dict[str, Any] = {"Events": [_shown(one) for one in page]}
        return answer if more is None else {**answer, "NextToken": _token(call, more)}


def _wanted(call: Call) -> Wanted:
    attributes = call.get("LookupAttributes", ())
    if len(attributes) > 1:
        raise errors.InvalidLookupAttributesException("You can only specify one lookup attribute.")
    attribute, value = (attributes[0]["AttributeKey"], attributes[0]["AttributeValue"]) if attributes else (None, "")
    since, until = call.get("StartTime"), call.get("EndTime")
    if since is not None and until is not None and since > until:
        raise errors.InvalidTimeRangeException("The start time is after the end time.")
    return Wanted(
        account=call.account,
        region=call.region,
        attribute=attribute,
        value=value,
        since_ms=0 if since is None else max(0, to_ms(since)),
        until_ms=None if until is None else max(0, _end_ms(until)),
        before=_place(call),
    )


def _end_ms(until: datetime) -> int:
    """Events are of a second: one of the very second that a range ends with belongs to it."""
    return to_ms(until) // 1000 * 1000 + 999


def _shown(one: Found) -> dict[str, Any]:
    words = one.words
    shown: dict[str, Any] = {
        "EventId": one.event["eventID"],
        "EventName": words.name,
        "ReadOnly": "true" if words.read_only else "false",
        "AccessKeyId": words.access_key,
        "EventTime": from_ms(words.when_ms // 1000 * 1000),
        "EventSource": words.source,
        "Username": words.username,
        "Resources": [{"ResourceType": kind, "ResourceName": name} for kind, name in words.resources],
        "CloudTrailEvent": orjson.dumps(one.event).decode(),
    }
    return {name: value for name, value in shown.items() if value != ""}


def _place(call: Call) -> int | None:
    """Where the request's token says that the page begins. Raises InvalidNextTokenException."""
    token = call.get("NextToken")
    if token is None:
        return None
    try:
        sealed = base64.b64decode(token, altchars=b"-_", validate=True)
        return int(call.kernel.keyring.tokens.open(_PURPOSE, sealed, _bound(call)))
    except (SealBroken, binascii.Error, ValueError):
        raise errors.InvalidNextTokenException("The next token is not one of this question.") from None


def _token(call: Call, moment: int) -> str:
    sealed = call.kernel.keyring.tokens.seal(_PURPOSE, str(moment).encode(), _bound(call))
    return base64.urlsafe_b64encode(sealed).decode()


def _bound(call: Call) -> bytes:
    asked = {member: value for member, value in call.params.items() if member not in _FREE}
    return orjson.dumps(
        [call.service, call.name, call.account, call.region, call.principal.arn, asked],
        option=orjson.OPT_SORT_KEYS,
    )
