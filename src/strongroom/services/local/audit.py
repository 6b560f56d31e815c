"""Who used a secret (or any other resource): from the index of the journal, newest first. Source: issue 7, point 4.

Action: strongroom:AuditRead. Told are the calls of the caller's account and Region, and what other accounts did to its
resources. Without ``All`` only those that gave a value away, or tried to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, Room
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.trail.find import NoIndex, Wanted
from strongroom.kernel.trail.lookup import Found, Pieces, Trail
from strongroom.services.local import errors

PAGE = 200
LOOKED_AT = 1000
"""Of one page; a question for a rare principal goes on with the next one."""
READS = frozenset({"GetSecretValue"})
"""What gives a value away; BatchGetSecretValue has a GetSecretValue record for each secret."""


def declare(room: Room, trail: Trail, pieces: Pieces) -> None:
    """Declare the operation."""

    @room.operation("WhoAccessed", mode=Mode.SLOW, action="strongroom:AuditRead")
    def who_accessed(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """A page of calls that named a resource, by its name or ARN."""
        wanted = Wanted(
            account=call.account,
            region=call.region,
            attribute="ResourceName",
            value=call["Resource"],
            since_ms=max(0, call.get("SinceMs", 0)),
            until_ms=call.get("UntilMs"),
            before=call.get("After"),
        )
        if wanted.before is None:
            trail.caught_up()
        told: list[dict[str, Any]] = []
        try:
            page, more = trail.page(wanted, LOOKED_AT, pieces(tx))
        except NoIndex:
            raise errors.IndexNotReadyException("The index of events is being made. Please try again.") from None
        for one in page:
            if (call.get("All") or one.words.name in READS) and _is(one, call.get("Principal")):
                told.append(_shown(one))
                if len(told) == PAGE and one is not page[-1]:
                    return {"Accesses": told, "After": one.moment}
        return {"Accesses": told} if more is None else {"Accesses": told, "After": more}


def _is(one: Found, principal: str | None) -> bool:
    """Whether a call was made by whom it is asked about: a name, an ARN (of a role, too), an id, or an account."""
    if principal is None:
        return True
    who = one.event.get("userIdentity") or {}
    issuer = (who.get("sessionContext") or {}).get("sessionIssuer") or {}
    names = {
        one.words.username, who.get("arn"), who.get("principalId"), who.get("accountId"), who.get("userName"),
        who.get("accessKeyId"), issuer.get("arn"), issuer.get("userName"),
    }  # fmt: skip
    return principal in names


def _shown(one: Found) -> dict[str, Any]:
    event = one.event
    who = event.get("userIdentity") or {}
    params = event.get("requestParameters") or {}
    shown = {
        "Time": event["eventTime"],
        "Principal": _named(who),
        "Account": who.get("accountId"),
        "Operation": one.words.name,
        "Resource": one.words.resources[0][1] if one.words.resources else None,
        "Version": params.get("versionId") or params.get("versionStage"),
        "Outcome": event.get("errorCode") or ("failed" if "errorMessage" in event else "Success"),
        "SourceIp": event.get("sourceIPAddress"),
        "UserAgent": event.get("userAgent"),
        "AccessKeyId": who.get("accessKeyId"),
        "RequestId": event.get("requestID"),
        "EventId": event.get("eventID"),
    }
    return {name: value for name, value in shown.items() if value}


def _named(who: Mapping[str, Any]) -> str:
    return str(who.get("arn") or who.get("invokedBy") or who.get("principalId") or "unknown")
