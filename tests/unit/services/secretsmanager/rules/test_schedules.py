"""Rotation rules: which are refused, when windows open and close, and how rules are echoed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.services.secretsmanager import errors
from strongroom.services.secretsmanager.rules.schedules import (
    Schedule,
    Window,
    moment_in,
    read_rules,
    shown_rules,
)

LAST = datetime(2026, 11, 22, 13, 45, 12, tzinfo=UTC)


def schedule(**rules: Any) -> Schedule:
    found = read_rules(rules)
    assert found is not None
    return found


def text(window: Window) -> tuple[str, str]:
    return f"{window.opens:%Y-%m-%dT%H:%M:%S}", f"{window.shown:%Y-%m-%dT%H:%M:%S}"


@pytest.mark.parametrize(
    ("rules", "opens", "shown"),
    [
        ({"AutomaticallyAfterDays": 1}, "2026-11-23T00:00:00", "2026-11-23T23:59:59"),
        ({"AutomaticallyAfterDays": 30, "Duration": "3h"}, "2026-12-22T00:00:00", "2026-12-22T02:59:59"),
        ({"AutomaticallyAfterDays": 1000}, "2029-08-18T00:00:00", "2029-08-18T23:59:59"),
        ({"ScheduleExpression": "rate(10 days)"}, "2026-12-02T00:00:00", "2026-12-02T23:59:59"),
        ({"ScheduleExpression": "rate(4 hours)"}, "2026-11-22T17:00:00", "2026-11-22T17:59:59"),
        ({"ScheduleExpression": "rate(12 hours)", "Duration": "2h"}, "2026-11-23T01:00:00", "2026-11-23T02:59:59"),
        ({"ScheduleExpression": "rate(24 hours)"}, "2026-11-23T13:00:00", "2026-11-23T13:59:59"),
        ({"ScheduleExpression": "cron(0 10 * * ? *)"}, "2026-11-23T10:00:00", "2026-11-23T23:59:59"),
        ({"ScheduleExpression": "cron(0 16 * * ? *)", "Duration": "3h"}, "2026-11-22T16:00:00", "2026-11-22T18:59:59"),
        ({"ScheduleExpression": "cron(0 /8 * * ? *)"}, "2026-11-22T16:00:00", "2026-11-22T16:59:59"),
        ({"ScheduleExpression": "cron(0 /8 * * ? *)", "Duration": "8h"}, "2026-11-22T16:00:00", "2026-11-22T23:59:59"),
    ],
)
def test_the_window_after_a_rotation(rules: dict[str, Any], opens: str, shown: str) -> None:
    assert (opens, shown) == text(schedule(**rules).after(LAST))


def test_a_window_that_is_open_still_counts_and_a_missed_one_does_not() -> None:
    daily = schedule(AutomaticallyAfterDays=1)
    assert "2026-11-23T00:00:00" == text(daily.next(LAST, LAST + timedelta(hours=30)))[0]
    assert "2026-11-26T00:00:00" == text(daily.next(LAST, LAST + timedelta(days=3)))[0]


@pytest.mark.parametrize(
    "rules",
    [
        {"ScheduleExpression": "rate(3 hours)"},
        {"ScheduleExpression": "rate(0 days)"},
        {"ScheduleExpression": "rate(1000 days)"},
        {"ScheduleExpression": "rate(24000 hours)"},
        {"ScheduleExpression": "rate(5 minutes)"},
        {"ScheduleExpression": "rate(-5 days)"},
        {"ScheduleExpression": "every day"},
        {"ScheduleExpression": "cron(0 * * * ? *)"},
        {"ScheduleExpression": "cron(0 0/7 * * ? *)"},  # 21:00 and 00:00
        {"ScheduleExpression": "cron(0 2/3 * * ? *)"},
        {"ScheduleExpression": "cron(0 1,23 ? * SAT,SUN *)"},
        {"ScheduleExpression": "cron(0 0 30 2 ? *)"},
        {"ScheduleExpression": "cron(0 0 29 2 ? *)"},  # 1,461 days
        {"ScheduleExpression": "cron(0 0 ? APR SUN#5 *)"},
        {"ScheduleExpression": "cron(30 0 1 * ? *)"},
        {"ScheduleExpression": "cron(0 16 * * ? *)", "Duration": "9h"},
        {"ScheduleExpression": "cron(0 /8 * * ? *)", "Duration": "9h"},
        {"ScheduleExpression": "rate(4 hours)", "Duration": "5h"},
        {"ScheduleExpression": "rate(4 days)", "Duration": "25h"},
        {"AutomaticallyAfterDays": 1, "Duration": "0h"},
        {"Duration": "4h"},
    ],
)
def test_rules_that_aws_refuses_are_invalid_parameters(rules: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidParameterException):
        read_rules(rules)


def test_hours_that_are_dense_across_midnight_are_good_where_no_two_days_adjoin() -> None:
    assert schedule(ScheduleExpression="cron(0 1,23 ? * SUN *)").cron is not None


def test_both_a_frequency_and_an_expression_are_refused_with_awss_text() -> None:
    with pytest.raises(errors.InvalidParameterException) as refused:
        read_rules({"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(10 hours)"})
    assert errors.BOTH_FREQUENCIES == refused.value.message


def test_no_rules_are_no_schedule() -> None:
    assert read_rules({}) is None


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        ({"AutomaticallyAfterDays": 7, "Duration": "2h"}, 7),
        ({"ScheduleExpression": "rate(10 hours)"}, 1),  # measured at AWS
        ({"ScheduleExpression": "rate(36 hours)"}, 2),
        ({"ScheduleExpression": "cron(0 10 * * ? *)"}, 1),
        ({"ScheduleExpression": "cron(0 10 ? * SAT *)", "Duration": "2h"}, 7),
        ({"ScheduleExpression": "cron(0 8 1 * ? *)"}, 31),
    ],
)
def test_rules_are_echoed_as_given_with_the_days_of_an_expression(rules: dict[str, Any], days: int) -> None:
    shown = shown_rules(rules, LAST)
    assert {**rules, "AutomaticallyAfterDays": days} == shown
    assert shown == shown_rules(shown, LAST), "what is stored can be shown again"


@settings(max_examples=100, deadline=None)
@given(
    rules=st.sampled_from(
        [
            {"AutomaticallyAfterDays": 1},
            {"ScheduleExpression": "rate(4 hours)", "Duration": "4h"},
            {"ScheduleExpression": "rate(7 days)", "Duration": "3h"},
            {"ScheduleExpression": "cron(0 /4 * * ? *)"},
            {"ScheduleExpression": "cron(0 20 L * ? *)", "Duration": "4h"},
            {"ScheduleExpression": "cron(0 1 ? 1/3 SUN#1 *)"},
        ]
    ),
    last=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    chance=st.integers(0, 2**64),
)
def test_a_moment_lies_inside_a_window_that_lies_after_the_last_rotation(
    rules: dict[str, Any], last: datetime, chance: int
) -> None:
    window = schedule(**rules).after(last)
    assert last < window.opens < window.closes
    assert (0, 0, 0) == (window.opens.minute, window.opens.second, window.opens.microsecond)
    assert window.opens <= moment_in(window, last, chance) < window.closes
    late = window.closes - timedelta(seconds=30)
    assert late == moment_in(window, late, chance), "a window nearly over is used at once"
