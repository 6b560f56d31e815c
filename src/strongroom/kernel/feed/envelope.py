"""An event as EventBridge delivers it. Source: facts of Secrets Manager, 14.3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

MOST_BYTES = 256 * 1024
"""EventBridge's own limit. What is longer comes without its parameters."""
_API_CALL = "AWS API Call via CloudTrail"
_SERVICE_EVENT = "AWS Service Event via CloudTrail"
ALERT = "Strongroom Alert"


def source_of(event: Mapping[str, Any]) -> str:
    """``aws.secretsmanager``; what is no service of AWS's keeps its name."""
    found = str(event["eventSource"])
    return f"aws.{found.removesuffix('.amazonaws.com')}" if found.endswith(".amazonaws.com") else found


def enveloped(event: Mapping[str, Any]) -> bytes:
    """The JSON of one CloudTrail record as an event."""
    kind = _SERVICE_EVENT if event["eventType"] == "AwsServiceEvent" else _API_CALL
    raw = _written(event, kind, event)
    if len(raw) <= MOST_BYTES:
        return raw
    return _written(event, kind, {**event, "requestParameters": None, "responseElements": None, "omitted": True})


def alert(name: str, event: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> bytes:
    """The JSON of an alert because of an event, which it holds."""
    detail = {"alert": name, **(more or {}), "event": event}
    told = orjson.loads(_written(event, ALERT, detail))
    return orjson.dumps({**told, "source": "strongroom.alerts"})


def _written(event: Mapping[str, Any], kind: str, detail: Mapping[str, Any]) -> bytes:
    return orjson.dumps(
        {
            "version": "0",
            "id": event["eventID"],
            "detail-type": kind,
            "source": source_of(event),
            "account": event["recipientAccountId"],
            "time": event["eventTime"],
            "region": event["awsRegion"],
            "resources": [],
            "detail": detail,
        }
    )
