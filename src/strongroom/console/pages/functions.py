"""Functions: the list, and one function with its configuration, a test event and what it printed of late."""

from __future__ import annotations

import base64
from typing import Any

from strongroom.console.visit import Refused, Reply, Visit

A_PAGE = 50
LINES_SHOWN = 100
EVENT = '{\n  "key": "value"\n}'


def listed(visit: Visit) -> Reply:
    """One page of functions."""
    answer = visit.ask("lambda", "ListFunctions", MaxItems=A_PAGE, Marker=visit.asked("marker") or None)
    return visit.page("functions.html", functions=answer["Functions"], next=answer.get("NextMarker"))


def looked_at(visit: Visit) -> Reply:
    """One function."""
    return _page(visit, visit.asked("name"))


def _page(visit: Visit, name: str, *, status: int = 200, **more: Any) -> Reply:
    function = visit.ask("lambda", "GetFunctionConfiguration", FunctionName=name)
    told: dict[str, Any] = {"refusal": None, "result": None, "event": EVENT} | more
    policy = visit.attempt("lambda", "GetPolicy", FunctionName=name)
    lines = visit.attempt(
        "logs", "FilterLogEvents", logGroupName=f"/aws/lambda/{function['FunctionName']}", limit=LINES_SHOWN
    )
    return visit.page("function.html", status=status, function=function, policy=policy, lines=lines, **told)


def invoked(visit: Visit) -> Reply:
    """A test event, and what the function answered."""
    name, event = visit.field("name"), visit.raw("event")
    try:
        answer = visit.ask("lambda", "Invoke", FunctionName=name, Payload=event.encode(), LogType="Tail")
    except Refused as refusal:
        return _page(visit, name, status=400, refusal=refusal, event=event)
    printed = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
    payload = answer.get("Payload", b"").decode("utf-8", "replace")
    result = {"status": answer["StatusCode"], "error": answer.get("FunctionError"), "payload": payload, "log": printed}
    return _page(visit, name, result=result, event=event)


PAGES = (
    ("GET", "/console/{region}/functions", listed),
    ("GET", "/console/{region}/function", looked_at),
    ("POST", "/console/{region}/function/invoke", invoked),
)
