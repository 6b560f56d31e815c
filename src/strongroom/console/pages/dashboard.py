"""The dashboard: what needs attention first, and when rotations come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from strongroom.base.classes import dataclass
from strongroom.console.pages import charts
from strongroom.console.pages.audit import shown
from strongroom.console.visit import Refused, Reply, Visit

NO_ROTATIONS: Mapping[str, Any] = {"Scheduled": 0, "Days": (), "Failing": (), "Overdue": ()}
UNREAD = timedelta(days=90)
UNREAD_LOOKED_AT = 100
UNREAD_SHOWN = 10
KEYS_AT_MOST = 100
EVENT_PAGES_AT_MOST = 4
"""Of 50 events each, for each kind of event; what lies beyond is said to be."""
DENIED_AMONG = 2
"""Pages of the newest events in which denied calls are looked for."""
ENDS = ("RotationSucceeded", "RotationFailed")
EVENTS_SHOWN = 20
KEY_ROTATION = "RotateKey"
CERTIFICATE_SOON, CERTIFICATE_NOW = timedelta(days=30), timedelta(days=14)
"""When a certificate's end is a concern. Our own are renewed before either."""
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing to look after. ``severe``: that it is to be looked after now."""

    title: str
    text: str
    where: str
    severe: bool


def looked_at(visit: Visit) -> Reply:
    """The page."""
    now = visit.now
    rotations = visit.attempt("strongroom", "OverlookRotations", Days=charts.DAYS)
    refusals = [rotations] if isinstance(rotations, Refused) else []
    seen = NO_ROTATIONS if isinstance(rotations, Refused) else rotations
    unread = visit.attempt("secretsmanager", "ListSecrets", SortBy="last-accessed-date", MaxResults=UNREAD_LOOKED_AT)
    concerns = [*rotation_concerns(visit, seen), *_keys(visit)]
    ends = visit.house.certificates()
    concerns += certificate_concerns(ends, visit.url("dashboard") + "#certificates", visit.machine_now)
    if isinstance(unread, Refused):
        refusals.append(unread)
    else:
        concerns += unread_concerns(visit, unread["SecretList"], now)[:UNREAD_SHOWN]
    ended, whole = rotations_ended(visit)
    return visit.page(
        "dashboard.html",
        timeline=charts.timeline(ended, visit.machine_now),
        key_rotations=charts.by_month([one["when"] for one in key_rotations(visit)], visit.machine_now),
        calls=_calls(visit, now),
        certificates=ends,
        ended=ended[:EVENTS_SHOWN],
        whole=whole,
        denied=_denied(visit),
        concerns=sorted(concerns, key=lambda one: not one.severe),
        refusals=refusals,
        calendar=charts.calendar({one["Day"].date(): one["Count"] for one in seen["Days"]}, now),
        rotations=seen["Scheduled"],
    )


def rotation_concerns(visit: Visit, seen: Mapping[str, Any]) -> list[Concern]:
    """Rotations that fail, and those that should have been."""
    told = []
    for one in seen["Failing"]:
        text = f"{one['Attempts']} attempts failed, the last in {one.get('Step', '')}."
        where = visit.url("secret", id=one["SecretId"], tab="rotation")
        told.append(Concern(f"The rotation of {one['Name']} fails", text, where, severe=True))
    failing = {one["SecretId"] for one in seen["Failing"]}
    for one in seen["Overdue"]:
        if one["SecretId"] not in failing:
            where = visit.url("secret", id=one["SecretId"], tab="rotation")
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


def certificate_concerns(ends: Mapping[str, datetime], where: str, now: datetime) -> list[Concern]:
    """The server's certificates that are over soon, by name."""
    told = []
    for name, end in ends.items():
        left = end - now
        if left < CERTIFICATE_SOON:
            text = f"It ends on {end:%Y-%m-%d}; programs that check it will refuse this server then."
            told.append(Concern(f"The {name} certificate is near its end", text, where, severe=left < CERTIFICATE_NOW))
    return told


def _calls(visit: Visit, now: datetime) -> charts.Chart | None:
    """Reads and denied calls of the last days, out of the metrics; None where they may not be read."""
    read, denied = (
        visit.attempt(
            "cloudwatch",
            "GetMetricStatistics",
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=charts.DAYS - 1),
            EndTime=now + timedelta(minutes=1),
            Period=_DAY_SECONDS,
            Statistics=["Sum"],
        )
        for namespace, name, dimensions in (
            (
                "AWS/Usage",
                "CallCount",
                {"Type": "API", "Resource": "GetSecretValue", "Service": "Secrets Manager", "Class": "None"},
            ),
            ("Strongroom", "DeniedCount", {}),
        )
    )
    if isinstance(read, Refused) or isinstance(denied, Refused):
        return None
    reads, denials = (
        {one["Timestamp"].date(): int(one["Sum"]) for one in answer["Datapoints"]} for answer in (read, denied)
    )
    return charts.by_day(reads, denials, now)


def rotations_ended(visit: Visit) -> tuple[list[Mapping[str, Any]], bool]:
    """Rotations of the last days that succeeded or failed, newest first, and whether these are all of them."""
    since = visit.machine_now - timedelta(days=charts.DAYS)
    found: list[Mapping[str, Any]] = []
    whole = True
    for name in ENDS:
        events, all_of = _events(visit, name, since)
        found += [_end(one) for one in events]
        whole = whole and all_of
    return sorted(found, key=lambda one: one["when"], reverse=True), whole


def key_rotations(visit: Visit) -> list[Mapping[str, Any]]:
    """Rotations of KMS keys in the last year, whatever began them, newest first."""
    events, _ = _events(visit, KEY_ROTATION, visit.machine_now - timedelta(days=366))
    return [{"when": one["EventTime"]} for one in events]


def _events(visit: Visit, name: str, since: datetime) -> tuple[list[Mapping[str, Any]], bool]:
    """The newest events of a name, and whether these are all; none where the trail may not be read."""
    found: list[Mapping[str, Any]] = []
    token = None
    for _ in range(EVENT_PAGES_AT_MOST):
        answer = visit.attempt(
            "cloudtrail",
            "LookupEvents",
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
            StartTime=since,
            NextToken=token,
        )
        if isinstance(answer, Refused):
            return [], False
        found += answer["Events"]
        token = answer.get("NextToken")
        if token is None:
            return found, True
    return found, False


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


PAGES = (("GET", "/console/{region}/dashboard", looked_at),)
