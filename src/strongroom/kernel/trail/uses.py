"""Which permissions a record shows to be used, and by whom: what reports of unused ones are made from.

A user or role is known by its unique id, so that one made anew under an old name begins with nothing used. Sessions
count for whoever they were begun as. Our choice: docs/decisions/0050-report-of-access.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.kernel.trail.words import second_ms

ANYTHING = ""
"""In the place of a use: any call at all, refused ones included, that was proven to be the principal's."""
_LASTING = ("AIDA", "AROA")
MOST_ALSO = 20
"""Of one record; no operation asks for so many permissions."""


@dataclass(frozen=True, slots=True)
class Uses:
    """What one record shows. ``what``: ``SOURCE EVENTNAME`` of the call, and the further actions it was allowed."""

    account: str
    who: str
    what: tuple[str, ...]
    at_ms: int


def use_of_call(source: str, name: str) -> str:
    """How a call's own permission is written among the uses."""
    return f"{source} {name}"


def uses_of(line: Mapping[str, Any]) -> Uses | None:
    """What a line of the journal that holds an event shows; None where nobody of an account asked.

    The moment is the product's.
    """
    event = line["event"]
    user, what = user_of(event.get("userIdentity") or {}), what_of(event, line.get("decision"))
    if user is None or what is None:
        return None
    at_ms = second_ms(str(line.get("product") or event.get("eventTime")))
    return Uses(*user, what, int(line["at"]) if at_ms is None else at_ms)


def user_of(identity: Mapping[str, Any]) -> tuple[str, str] | None:
    """The account and the unique id of the user or role that a call counts for; None where it is none."""
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    who = str(issuer.get("principalId") or identity.get("principalId") or "").partition(":")[0]
    return (str(identity.get("accountId") or ""), who) if who.startswith(_LASTING) else None


def what_of(event: Mapping[str, Any], decision: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """What a call shows to be used; None where nothing was decided.

    A permission was used where it was granted, whatever became of the call.
    """
    if not decision:
        return None
    if decision.get("outcome") != "allowed":
        return (ANYTHING,)
    also = [str(one) for one in decision.get("also") or ()][:MOST_ALSO]
    return (ANYTHING, use_of_call(str(event.get("eventSource")), str(event.get("eventName"))), *also)
