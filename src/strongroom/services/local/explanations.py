"""Why a call was allowed or refused, told from its records. Source: issue 4, point 8.

Action: strongroom:Explain. Whoever has it may ask about any call of its own account, and of no other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from strongroom.base.refusals import Answerable, Kind, Refusal
from strongroom.kernel.asking import Asks, Heard, TooManyQuestions
from strongroom.kernel.authz.reasons import for_account, smallest_changes
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, Room
from strongroom.kernel.storage.port import Transaction
from strongroom.services.local import errors

Lookup = Callable[[str], tuple[list[Mapping[str, Any]], bool]]
"""The journal's lines of a request id, and whether all of the journal was searched."""

AT_ONCE = 8
"""Explanations that one process looks for at once: each reads through a journal, and may wait for other nodes."""
BUSY = "Too many explanations are being looked for. Please try again."

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


def declare(room: Room, lookup: Lookup, nodes: Asks | None) -> None:
    """Declare the operation. ``nodes``: whom to ask where this node's journal does not have the call."""
    busy = threading.BoundedSemaphore(AT_ONCE)

    @room.operation("Explain", mode=Mode.SLOW, action="strongroom:Explain")
    def explain(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """The decisions of one request: its own and those of the calls on its behalf."""
        account, request_id = call.account, call["RequestId"]

        def searching() -> Answer:
            if not busy.acquire(blocking=False):
                raise Refusal(Kind.THROTTLED, BUSY)
            try:
                return {"Calls": [explained(line, account) for line in _found(account, request_id, lookup, nodes)]}
            finally:
                busy.release()

        call.afterwards = searching
        return {}


def told_of(subject: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    """What this node's journal has of a request, as far as it concerns the account that asks."""
    lines, whole = lookup(subject["request"])
    own = [line for line in lines if line["event"].get("recipientAccountId") == subject["account"]]
    return {"lines": own, "whole": whole}


def _found(account: str, request_id: str, lookup: Lookup, nodes: Asks | None) -> Sequence[Mapping[str, Any]]:
    """The lines of a request, from wherever they are. Raises RecordNotFoundException."""
    subject = {"account": account, "request": request_id}
    own = told_of(subject, lookup)
    if own["lines"] or nodes is None:
        heard = Heard({"": own})
    else:
        try:
            heard = nodes.ask(subject, lambda told: bool(told["lines"]))
        except TooManyQuestions:
            raise Refusal(Kind.THROTTLED, BUSY) from None
    lines = [line for told in heard.answers.values() for line in told["lines"]]
    if not lines:
        whole = own["whole"] and all(told["whole"] for told in heard.answers.values())
        raise _not_found(request_id, whole=whole, silent=heard.silent)
    return lines


def _not_found(request_id: str, *, whole: bool, silent: Sequence[str]) -> Answerable:
    text = f"No call of this account with the request id {request_id} is in the journal."
    if not whole:
        text += " Only its newest part was searched."
    if silent:
        text += f" These nodes did not answer: {', '.join(silent)}."
    return errors.RecordNotFoundException(text)


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
