"""The trail: who did what, when, searched by CloudTrail's attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from strongroom.console.visit import Refused, Reply, Visit

A_PAGE = 50
ATTRIBUTES = {
    "Username": "User name",
    "EventName": "Event name",
    "ResourceName": "Resource name",
    "EventSource": "Event source",
    "AccessKeyId": "Access key ID",
    "EventId": "Event ID",
    "ReadOnly": "Read-only",
}


def searched(visit: Visit) -> Reply:
    """One page of events."""
    key, value = visit.asked("key"), visit.asked("value").strip()
    view = {"key": key if key in ATTRIBUTES else "Username", "value": value}
    attributes = [{"AttributeKey": view["key"], "AttributeValue": value}] if value else None
    if not visit.house.door.offers("cloudtrail", "LookupEvents"):
        return visit.page(
            "audit.html", offered=False, refusal=None, events=(), view=view, attributes=ATTRIBUTES, next=None
        )
    answer = visit.attempt(
        "cloudtrail",
        "LookupEvents",
        LookupAttributes=attributes,
        MaxResults=A_PAGE,
        NextToken=visit.asked("token") or None,
    )
    refused = isinstance(answer, Refused)
    return visit.page(
        "audit.html",
        status=answer.status if isinstance(answer, Refused) else 200,
        offered=True,
        refusal=answer if refused else None,
        events=() if isinstance(answer, Refused) else [_shown(one) for one in answer["Events"]],
        view=view,
        attributes=ATTRIBUTES,
        next=None if isinstance(answer, Refused) else answer.get("NextToken"),
    )


def _shown(event: Mapping[str, Any]) -> dict[str, Any]:
    """One event with the parts of its record that people look for."""
    try:
        record = orjson.loads(event.get("CloudTrailEvent", "{}"))
    except orjson.JSONDecodeError:
        record = {}
    return {**event, "error": record.get("errorCode", ""), "source": record.get("sourceIPAddress", "")}


PAGES = (("GET", "/console/{region}/audit", searched),)
