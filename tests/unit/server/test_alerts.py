"""Which events are alerts, by the rules that the operator turned on."""

from __future__ import annotations

import json

import pytest

from strongroom.base.clock import machine_clock
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.feed.rows import Event
from strongroom.kernel.metrics.alarms import MOST, Alarm, Alarms
from strongroom.kernel.metrics.usage import Use
from strongroom.server import alerts
from strongroom.server.sinks import Alerts

ALL = Alerts(True, True, True, True, 10)
USE = Use("1", "us-east-1", "secretsmanager", "GetSecretValue", "arn:me", "arn:secret")


def event(source: str, name: str) -> Event:
    record = {
        "eventID": "id", "eventName": name, "eventSource": "secretsmanager.amazonaws.com",
        "eventType": "AwsServiceEvent", "eventTime": "2026-01-02T03:04:05Z", "awsRegion": "us-east-1",
        "recipientAccountId": "1",
    }  # fmt: skip
    return Event(7, 0, "1", "us-east-1", source, name, "arn:secret", json.dumps({"id": "id", "detail": record}))


@pytest.mark.parametrize(
    ("source", "name", "told"),
    [
        ("aws.secretsmanager", "RotationFailed", "rotation_failed"),
        ("aws.kms", "ScheduleKeyDeletion", "key_deletion_scheduled"),
        ("aws.secretsmanager", "RotationSucceeded", None),
        ("strongroom.alerts", "rotation_failed", None),
        ("aws.kms", "RotationFailed", None),
    ],
)
def test_a_rule_that_is_on_names_its_events_and_no_others(source: str, name: str, told: str | None) -> None:
    assert told == alerts.named(ALL, event(source, name))
    assert None is alerts.named(Alerts(), event(source, name))


def test_an_alert_holds_the_record_that_it_is_because_of() -> None:
    account, region, source, name, resource, body = alerts.because_of(
        "rotation_failed", event("aws.secretsmanager", "RotationFailed")
    )
    assert ("1", "us-east-1", "strongroom.alerts", "rotation_failed", "arn:secret") == (
        account, region, source, name, resource,
    )  # fmt: skip
    assert "RotationFailed" == json.loads(body)["detail"]["event"]["eventName"]


def met(rules: Alerts, denials: dict[str, tuple[int, int]]) -> list[str]:
    found = alerts.met(rules, alarms=[], readers=[USE], denials=denials, clock=machine_clock, entropy=SystemEntropy())
    return [one[3] for one in found]


def test_denials_are_told_where_they_pass_the_limit_and_not_again() -> None:
    assert ["new_reader", "denials_a_minute"] == met(ALL, {"1": (9, 10)})
    assert ["new_reader"] == met(ALL, {"1": (10, 11)})
    assert ["new_reader"] == met(ALL, {"1": (0, 9)})
    assert [] == met(Alerts(), {"1": (0, 100)})


def test_alarms_are_bounded_and_the_same_of_one_caller_is_kept_once() -> None:
    alarms = Alarms()
    for number in range(2 * MOST):
        alarms.raise_(Alarm("a", {}, f"arn:{number}"), "me")
        alarms.raise_(Alarm("a", {}, f"arn:{number}"), "me")
        alarms.deny(str(number))
        alarms.deny("0")
    found, denials = alarms.given()
    assert MOST == len(found) == len(denials)
    assert 2 * MOST + 1 == denials["0"]
    assert ([], {}) == alarms.given()
