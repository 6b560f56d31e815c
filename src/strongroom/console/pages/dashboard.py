"""The dashboard: what needs attention first, and when rotations come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from strongroom.console.pages.audit import shown
from strongroom.console.visit import Refused, Reply, Visit

ROTATION_PAGES_AT_MOST = 20
"""Of 50 rotations each; what lies beyond is said to be."""
UNREAD = timedelta(days=90)
UNREAD_LOOKED_AT = 100
UNREAD_SHOWN = 10
KEYS_AT_MOST = 100
CALENDAR_DAYS = 30
EVENT_PAGES_AT_MOST = 4
"""Of 50 events each, for each kind of event; what lies beyond is said to be."""
DENIED_AMONG = 2
"""Pages of the newest events in which denied calls are looked for."""
ENDS = ("RotationSucceeded", "RotationFailed")
EVENTS_SHOWN = 20
_HEIGHT, _BAR, _GAP = 120, 24, 6


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing to look after. ``severe``: that it is to be looked after now."""

    title: str
    text: str
    where: str
    severe: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the calendar, and where its bar is drawn. Units: those of the picture."""

    label: str
    count: int
    x: int
    y: int
    height: int
    good: bool = True


def looked_at(visit: Visit) -> Reply:
    """The page."""
    now = visit.now
    rotations, more = _rotations(visit)
    refusals = [rotations] if isinstance(rotations, Refused) else []
    standing = [] if isinstance(rotations, Refused) else rotations
    unread = visit.attempt("secretsmanager", "ListSecrets", SortBy="last-accessed-date", MaxResults=UNREAD_LOOKED_AT)
    concerns = [*rotation_concerns(visit, standing, now), *_keys(visit)]
    if isinstance(unread, Refused):
        refusals.append(unread)
    else:
        concerns += unread_concerns(visit, unread["SecretList"], now)[:UNREAD_SHOWN]
    ended, whole = rotations_ended(visit)
    return visit.page(
        "dashboard.html",
        timeline=timeline(ended, visit.machine_now),
        ended=ended[:EVENTS_SHOWN],
        whole=whole,
        denied=_denied(visit),
        concerns=sorted(concerns, key=lambda one: not one.severe),
        refusals=refusals,
        bars=calendar([one["NextRotation"] for one in standing if "NextRotation" in one], now),
        width=CALENDAR_DAYS * (_BAR + _GAP),
        height=_HEIGHT,
        bar=_BAR,
        rotations=len(standing),
        more=more,
    )


def _rotations(visit: Visit) -> tuple[list[Mapping[str, Any]] | Refused, bool]:
    found: list[Mapping[str, Any]] = []
    after = None
    for _ in range(ROTATION_PAGES_AT_MOST):
        answer = visit.attempt("strongroom", "ListRotations", After=after)
        if isinstance(answer, Refused):
            return answer, False
        found += answer["Rotations"]
        after = answer.get("After")
        if after is None:
            return found, False
    return found, True


def rotation_concerns(visit: Visit, rotations: Sequence[Mapping[str, Any]], now: datetime) -> list[Concern]:
    """Rotations that failed, and those that should have been."""
    told = []
    for one in rotations:
        where = visit.url("secret", id=one["SecretId"], tab="rotation")
        failures = one.get("Failures", ())
        if failures and one.get("State") in ("running", "waiting", "failed"):
            text = f"{one.get('Attempts', len(failures))} attempts failed, the last in {failures[0].get('Step', '')}."
            told.append(Concern(f"The rotation of {one['Name']} fails", text, where, severe=True))
        elif one.get("Enabled") and "NextRotation" in one and one["NextRotation"] < now:
            told.append(Concern(f"The rotation of {one['Name']} is overdue", "", where, severe=True))
    return told


def unread_concerns(visit: Visit, secrets: Sequence[Mapping[str, Any]], now: datetime) -> list[Concern]:
    """Secrets that nobody reads: never, or not for a quarter of a year, and older than that themselves."""
    told = []
    for one in secrets:
        last = one.get("LastAccessedDate")
        if one["CreatedDate"] > now - UNREAD or (last is not None and last > now - UNREAD):
            continue
        text = "It was never retrieved." if last is None else f"It was last retrieved on {last:%Y-%m-%d}."
        where = visit.url("secret", id=one["ARN"])
        told.append(Concern(f"Nobody reads {one['Name']}", text, where, severe=False))
    return told


def _keys(visit: Visit) -> list[Concern]:
    answer = visit.attempt("kms", "ListKeys", Limit=KEYS_AT_MOST)
    told = []
    for one in () if isinstance(answer, Refused) else answer["Keys"]:
        key = visit.attempt("kms", "DescribeKey", KeyId=one["KeyId"])
        if isinstance(key, Refused) or key["KeyMetadata"]["KeyState"] != "PendingDeletion":
            continue
        when = key["KeyMetadata"].get("DeletionDate")
        text = "" if when is None else f"What is encrypted under it will be lost after {when:%Y-%m-%d}."
        where = visit.url("key", id=one["KeyId"])
        told.append(Concern(f"The key {one['KeyId']} will be deleted", text, where, severe=True))
    return told


def rotations_ended(visit: Visit) -> tuple[list[Mapping[str, Any]], bool]:
    """Rotations of the last days that succeeded or failed, newest first, and whether these are all of them."""
    found: list[Mapping[str, Any]] = []
    whole = True
    for name in ENDS:
        token = None
        for _ in range(EVENT_PAGES_AT_MOST):
            answer = visit.attempt(
                "cloudtrail",
                "LookupEvents",
                LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
                StartTime=visit.machine_now - timedelta(days=CALENDAR_DAYS),
                NextToken=token,
            )
            if isinstance(answer, Refused):
                return [], False
            found += [_end(one) for one in answer["Events"]]
            token = answer.get("NextToken")
            if token is None:
                break
        whole = whole and token is None
    return sorted(found, key=lambda one: one["when"], reverse=True), whole


def _end(event: Mapping[str, Any]) -> dict[str, Any]:
    record = orjson.loads(event["CloudTrailEvent"])
    secret = (record.get("additionalEventData") or {}).get("SecretId", "")
    return {"when": event["EventTime"], "good": event["EventName"] == ENDS[0], "secret": secret}


def _denied(visit: Visit) -> list[Mapping[str, Any]] | None:
    """The calls among the newest events that were denied; None where the trail may not be read."""
    found: list[Mapping[str, Any]] = []
    token = None
    for _ in range(DENIED_AMONG):
        answer = visit.attempt("cloudtrail", "LookupEvents", NextToken=token)
        if isinstance(answer, Refused):
            return None
        found += [one for one in map(shown, answer["Events"]) if "AccessDenied" in one["error"]]
        token = answer.get("NextToken")
        if token is None:
            break
    return found


def timeline(ended: Sequence[Mapping[str, Any]], now: datetime) -> list[Bar]:
    """Two bars for each of the last days, today last: what succeeded, and on top of it what failed."""
    last = now.date()
    days = [last - timedelta(days=CALENDAR_DAYS - 1 - at) for at in range(CALENDAR_DAYS)]
    counts = {
        (day, good): sum(one["when"].date() == day and one["good"] is good for one in ended)
        for day in days
        for good in (True, False)
    }
    most = max(1, *(counts[day, True] + counts[day, False] for day in days))
    bars = []
    for at, day in enumerate(days):
        below = _HEIGHT
        for good in (True, False):
            count = counts[day, good]
            height = max(2, round((_HEIGHT - 20) * count / most)) if count else 0
            below -= height
            bars.append(Bar(f"{day:%Y-%m-%d}", count, at * (_BAR + _GAP), below, height, good=good))
    return bars


def calendar(moments: Sequence[datetime], now: datetime) -> list[Bar]:
    """A bar for each of the next days, today first. What is overdue is no day's."""
    first = now.date()
    counts = [0] * CALENDAR_DAYS
    for moment in moments:
        day = (moment.date() - first).days
        if 0 <= day < CALENDAR_DAYS and moment >= now:
            counts[day] += 1
    most = max(1, *counts)
    bars = []
    for day, count in enumerate(counts):
        height = max(2, round((_HEIGHT - 20) * count / most)) if count else 0
        label = f"{first + timedelta(days=day):%Y-%m-%d}"
        bars.append(Bar(label, count, day * (_BAR + _GAP), _HEIGHT - height, height))
    return bars


PAGES = (("GET", "/console/{region}/dashboard", looked_at),)
