"""Why a call was allowed or refused, told from its records. Source: issue 4, point 8.

Action: strongroom:Explain. Whoever has it may ask about any call of its own account, and of no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from strongroom.kernel.authz.reasons import for_account, smallest_changes
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, Room
from strongroom.kernel.storage.port import Transaction
from strongroom.services.local import errors

Lookup = Callable[[str], tuple[list[Mapping[str, Any]], bool]]
"""The journal's lines of a request id, and whether all of the journal was searched."""

_WHERE = {
    "identity": "an identity policy of the caller",
    "boundary": "the caller's permissions boundary",
    "session": "the session policy",
    "resource": "the resource's own policy",
    "key": "the key policy",
    "trust": "the role's trust policy",
}
_ALLOWED_BY = {
    "none": "the operation needs no permission",
    "root": "the caller is the root user of its account",
}


def declare(room: Room, lookup: Lookup) -> None:
    """Declare the operation."""

    @room.operation("Explain", mode=Mode.SLOW, action="strongroom:Explain")
    def explain(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """The decisions of one request: its own and those of the calls on its behalf."""
        lines, whole = lookup(call["RequestId"])
        own = [line for line in lines if line["event"].get("recipientAccountId") == call.account]
        if not own:
            raise errors.RecordNotFoundException(
                f"No call of this account with the request id {call['RequestId']} is in this node's journal."
                + ("" if whole else " Only its newest part was searched.")
            )
        return {"Calls": [explained(line, call.account) for line in own]}


def explained(line: Mapping[str, Any], account: str) -> dict[str, Any]:
    """One line of the journal in words."""
    event = line["event"]
    decision = line.get("decision") or {}
    reasons = for_account(decision, account) if "outcome" in decision else {}
    resources = event.get("resources") or [{}]
    shown = {
        "RequestId": event["requestID"],
        "Time": event["eventTime"],
        "Caller": _caller(event),
        "Action": reasons.get("action") or f"{event['eventSource'].partition('.')[0]}:{event['eventName']}",
        "Resource": reasons.get("resource") or resources[0].get("ARN"),
        "Answer": event.get("errorCode", "Success"),
        "Message": event.get("errorMessage"),
        "Outcome": reasons.get("outcome", "undecided"),
        "Cause": _cause(reasons),
        "Statements": [_statement(one) for one in reasons.get("matches", ())],
        "LookedAt": [_policy(one) for one in reasons.get("policies", ())],
        "Notes": list(reasons.get("notes", ())),
        "Changes": [
            {"Where": _WHERE[kind], "Statement": orjson.dumps(statement).decode()}
            for kind, statement in smallest_changes(reasons)
        ],
    }
    return {key: value for key, value in shown.items() if value is not None}


def _caller(event: Mapping[str, Any]) -> str:
    who = event.get("userIdentity") or {}
    return str(who.get("arn") or who.get("invokedBy") or who.get("principalId") or "unknown")


def _cause(reasons: Mapping[str, Any]) -> str:
    if not reasons:
        return "the call was refused before any policy was asked"
    kind = reasons["kind"]
    if reasons["outcome"] == "allowed":
        return _ALLOWED_BY.get(kind, f"{_WHERE.get(kind, kind)} allows it")
    if reasons["outcome"] == "explicitDeny":
        return f"{_WHERE[kind]} denies it explicitly"
    return f"{_WHERE[kind]} has no Allow for it"


def _statement(match: Mapping[str, Any]) -> str:
    if match["index"] is None:
        return f"{match['effect']} in the {match['kind']} policy {match['label']}"
    sid = f" ({match['sid']})" if match["sid"] else ""
    return f"{match['effect']} in {match['kind']} policy {match['label']}, statement {match['index']}{sid}"


def _policy(one: Mapping[str, Any]) -> str:
    return f"{one['kind']} policy {one['label']}"
