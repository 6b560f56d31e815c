"""cron() of rotation schedules: the page's own examples, and what is none."""

from __future__ import annotations

from datetime import date
from itertools import islice

import pytest

from strongroom.services.secretsmanager.rules.cron import CronError, read_cron

START = date(2026, 11, 22)  # a Sunday


@pytest.mark.parametrize(
    ("expression", "hours", "days"),
    [
        # Source: User Guide, "Schedule expressions", examples (facts: secretsmanager 9.4).
        ("cron(0 /8 * * ? *)", (0, 8, 16), ["2026-11-22", "2026-11-23"]),
        ("cron(0 8/8 * * ? *)", (8, 16), ["2026-11-22", "2026-11-23"]),
        ("cron(0 4/12 * * ? *)", (4, 16), ["2026-11-22", "2026-11-23"]),
        ("cron(0 2/10 * * ? *)", (2, 12, 22), ["2026-11-22", "2026-11-23"]),
        ("cron(0 10 * * ? *)", (10,), ["2026-11-22", "2026-11-23"]),
        ("cron(0 18 ? * SAT *)", (18,), ["2026-11-28", "2026-12-05"]),
        ("cron(0 8 1 * ? *)", (8,), ["2026-12-01", "2027-01-01"]),
        ("cron(0 1 ? 1/3 SUN#1 *)", (1,), ["2027-01-03", "2027-04-04", "2027-07-04", "2027-10-03"]),
        ("cron(0 17 L * ? *)", (17,), ["2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28"]),
        ("cron(0 8 ? * MON-FRI *)", (8,), ["2026-11-23", "2026-11-24"]),
        ("cron(0 16 1,15 * ? *)", (16,), ["2026-12-01", "2026-12-15"]),
        ("cron(0 0 ? * SUN#1 *)", (0,), ["2026-12-06", "2027-01-03"]),
        # The rest of the table.
        ("cron(0 0 ? * TUE#3 *)", (0,), ["2026-12-15", "2027-01-19"]),
        ("cron(0 0 ? * SUNL *)", (0,), ["2026-11-29", "2026-12-27"]),
        ("cron(0 0 SUNL * ? *)", (0,), ["2026-11-29", "2026-12-27"]),
        ("cron(0 0 ? * 1 *)", (0,), ["2026-11-22", "2026-11-29"]),
        ("cron(0 0 ? * L *)", (0,), ["2026-11-28", "2026-12-05"]),
        ("cron(0 0 ? DEC 1,7 *)", (0,), ["2026-12-05", "2026-12-06"]),
        ("cron(0 */4 ? jan-feb mon *)", (0, 4, 8, 12, 16, 20), ["2027-01-04", "2027-01-11"]),
        ("cron(0 8-20/6 1/10 * ? *)", (8, 14, 20), ["2026-12-01", "2026-12-11", "2026-12-21", "2026-12-31"]),
        ("cron( 0  6,18  31  *  ?  * )", (6, 18), ["2026-12-31", "2027-01-31", "2027-03-31"]),
        ("cron(0 0 29 2 ? *)", (0,), ["2028-02-29", "2032-02-29"]),
        ("cron(0 0 ? FEB SUN#5 *)", (0,), ["2032-02-29", "2060-02-29"]),
    ],
)
def test_the_days_and_hours_of_an_expression(expression: str, hours: tuple[int, ...], days: list[str]) -> None:
    cron = read_cron(expression)
    assert (hours, days) == (cron.hours, [str(day) for day in islice(cron.days_from(START), len(days))])


def test_the_search_for_a_day_ends() -> None:
    assert [] == list(read_cron("cron(0 0 30 2 ? *)").days_from(START))


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("cron(0 10 * * ?)", "six fields"),
        ("cron(5 10 * * ? *)", "Minutes must be 0"),
        ("cron(* 10 * * ? *)", "Minutes must be 0"),
        ("cron(0 10 * * ? 2027)", "Year must be *"),
        ("cron(0 10 * * * *)", "must be \\?"),
        ("cron(0 10 ? * ? *)", "must be \\?"),
        ("cron(0 24 * * ? *)", "Hours cannot be 24"),
        ("cron(0 ? * * ? *)", "Hours cannot be"),
        ("cron(0 /0 * * ? *)", "step by 0"),
        ("cron(0 10-8 * * ? *)", "ends before"),
        ("cron(0 10 0 * ? *)", "Day-of-month cannot be 0"),
        ("cron(0 10 32 * ? *)", "Day-of-month cannot be 32"),
        ("cron(0 10 1 13 ? *)", "Month cannot be 13"),
        ("cron(0 10 1 FOO ? *)", "Month cannot be FOO"),
        ("cron(0 10 ? * FOO *)", "Day-of-week cannot be FOO"),
        ("cron(0 10 ? * FOO#1 *)", "Day-of-week cannot be FOO"),
        ("cron(0 10 ? * MON#6 *)", "Day-of-week cannot be"),
        ("cron(0 1,,2 * * ? *)", "Hours cannot be"),
        ("cron(0 \u0661 * * ? *)", "Hours cannot be"),
        ("rate(1 day)", "six fields"),
    ],
)
def test_what_is_no_expression_is_refused_with_the_field_that_is_wrong(expression: str, says: str) -> None:
    with pytest.raises(CronError, match=says):
        read_cron(expression)
