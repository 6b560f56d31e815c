"""The trail: who did what, when, searched by CloudTrail's attributes and by time, and taken away as a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from strongroom.console.visit import Refused, Reply, Visit

A_PAGE = 50
EXPORTED_PAGES_AT_MOST = 20
"""A file has the newest 1,000 events that fit; for more there is `strongroom audit export`."""
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
    view = _view(visit)
    answer = visit.attempt("cloudtrail", "LookupEvents", **_wanted(view), NextToken=visit.asked("token") or None)
    refused = isinstance(answer, Refused)
    return visit.page(
        "audit.html",
        status=answer.status if isinstance(answer, Refused) else 200,
        refusal=answer if refused else None,
        events=() if isinstance(answer, Refused) else [shown(one) for one in answer["Events"]],
        view=view,
        attributes=ATTRIBUTES,
        next=None if isinstance(answer, Refused) else answer.get("NextToken"),
    )


def exported(visit: Visit) -> Reply:
    """The events that fit, as CloudTrail's log files have them, newest first."""
    view, token, records = _view(visit), None, []
    for _ in range(EXPORTED_PAGES_AT_MOST):
        answer = visit.ask("cloudtrail", "LookupEvents", **_wanted(view), NextToken=token)
        records += [orjson.loads(one["CloudTrailEvent"]) for one in answer["Events"]]
        token = answer.get("NextToken")
        if token is None:
            break
    disposition = {"content-disposition": 'attachment; filename="events.json"'}
    return Reply(orjson.dumps({"Records": records}, option=orjson.OPT_INDENT_2), 200, disposition, "application/json")


def _view(visit: Visit) -> dict[str, str]:
    key = visit.asked("key") if visit.asked("key") in ATTRIBUTES else "Username"
    return {"key": key} | {name: visit.asked(name).strip() for name in ("value", "since", "until")}


def _wanted(view: Mapping[str, str]) -> dict[str, Any]:
    value = view["value"]
    until = _day(view["until"])
    return {
        "LookupAttributes": [{"AttributeKey": view["key"], "AttributeValue": value}] if value else None,
        "StartTime": _day(view["since"]),
        "EndTime": None if until is None else until + timedelta(days=1, seconds=-1),
        "MaxResults": A_PAGE,
    }


def _day(text: str) -> datetime | None:
    """The beginning of a day; None for what is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def shown(event: Mapping[str, Any]) -> dict[str, Any]:
    """One event with the parts of its record that people look for."""
    record = orjson.loads(event["CloudTrailEvent"])
    return {**event, "error": record.get("errorCode", ""), "source": record.get("sourceIPAddress", "")}


PAGES = (
    ("GET", "/console/{region}/audit", searched),
    ("GET", "/console/{region}/audit/export", exported),
)
