"""The dashboard: what needs attention first, and when rotations come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from strongroom.console.visit import Refused, Reply, Visit

ROTATION_PAGES_AT_MOST = 20
"""Of 50 rotations each; what lies beyond is said to be."""
UNREAD = timedelta(days=90)
UNREAD_SHOWN = 10
KEYS_AT_MOST = 100
CALENDAR_DAYS = 30
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


def looked_at(visit: Visit) -> Reply:
    """The page."""
    now = visit.now
    rotations, more = _rotations(visit)
    refusals = [rotations] if isinstance(rotations, Refused) else []
    standing = [] if isinstance(rotations, Refused) else rotations
    unread = visit.attempt("secretsmanager", "ListSecrets", SortBy="last-accessed-date", MaxResults=UNREAD_SHOWN)
    concerns = [*rotation_concerns(visit, standing, now), *_keys(visit)]
    if isinstance(unread, Refused):
        refusals.append(unread)
    else:
        concerns += unread_concerns(visit, unread["SecretList"], now)
    return visit.page(
        "dashboard.html",
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
