"""What a rotation's ``cron()`` expression says: on which days, and at which hours of them. All of it in UTC.

    cron(Minutes Hours Day-of-month Month Day-of-week Year)    Minutes must be 0, Year must be *

Source: Secrets Manager User Guide, "Schedule expressions" (facts: secretsmanager, section 9.4).
Our choice: what a field may hold is read as narrowly as the page's table says it, but Hours also takes lists and
ranges, which the page's own examples need.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import MAXYEAR, date

from strongroom.base.classes import dataclass

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
LOOK_AHEAD_YEARS = 40
"""A fifth Sunday in February comes once in 28 years, and in 40 where a century leaves a leap year out."""

_SHAPE = re.compile(r"cron\(\s*(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s*\)")
_STEP = re.compile(r"(?P<first>\*|[0-9]{1,2}(?:-[0-9]{1,2})?)?/(?P<step>[0-9]{1,2})")
_NTH = re.compile(r"(?P<day>[1-7]|[A-Z]{3})#(?P<nth>[1-5])")
_LAST = re.compile(r"(?P<day>[1-7]|[A-Z]{3})?L")

OnDay = Callable[[date], bool]


class CronError(ValueError):
    """The expression is not one. The text says which field, and is fit for the caller."""


@dataclass(frozen=True, slots=True)
class Cron:
    """On which days of which months, and at which hours of those days, windows open. ``hours`` are sorted."""

    hours: tuple[int, ...]
    months: frozenset[int]
    on_day: OnDay

    def days_from(self, first: date) -> Iterator[date]:
        """The days from ``first`` on, earliest first, as far as anybody needs to look."""
        for number in range(first.month - 1, LOOK_AHEAD_YEARS * 12):
            year, month = first.year + number // 12, number % 12 + 1
            if month not in self.months or year > MAXYEAR:
                continue
            for day in range(1, calendar.monthrange(year, month)[1] + 1):
                one = date(year, month, day)
                if one >= first and self.on_day(one):
                    yield one

    @property
    def hourly(self) -> bool:
        """Whether windows open more than once a day: AWS's "schedule in hours"."""
        return len(self.hours) > 1


def read_cron(text: str) -> Cron:
    """The expression. Raises CronError."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise CronError("it must have six fields")
    minutes, hours, of_month, months, of_week, year = (field.upper() for field in found.groups())
    if minutes != "0":
        raise CronError("Minutes must be 0")
    if year != "*":
        raise CronError("Year must be *")
    if (of_month == "?") is (of_week == "?"):
        raise CronError("one of Day-of-month and Day-of-week must be ?, and the other not")
    return Cron(
        tuple(sorted(_numbers("Hours", hours, 0, 23, ()))),
        frozenset(_numbers("Month", months, 1, 12, MONTHS)),
        _weekdays(of_week) if of_month == "?" else _month_days(of_month),
    )


def _month_days(text: str) -> OnDay:
    """Day-of-month: numbers, ``L`` for the last day, or a weekday's last one (``SUNL``), as the page also has it."""
    last = _LAST.fullmatch(text)
    if last is not None and last["day"] is None:
        return lambda day: day.day == _length(day)
    if last is not None:
        return _last_weekday("Day-of-month", last["day"])
    wanted = frozenset(_numbers("Day-of-month", text, 1, 31, ()))
    return lambda day: day.day in wanted


def _weekdays(text: str) -> OnDay:
    """Day-of-week: 1 is Sunday; ``TUE#3`` the third Tuesday, ``SUNL`` the last Sunday, ``L`` Saturday."""
    nth, last = _NTH.fullmatch(text), _LAST.fullmatch(text)
    if nth is not None:
        weekday, number = _weekday("Day-of-week", nth["day"]), int(nth["nth"])
        return lambda day: _of_week(day) == weekday and (day.day - 1) // 7 + 1 == number
    if last is not None:
        # Without a day it is the last one of the week, as in every cron that knows L.
        return _last_weekday("Day-of-week", last["day"]) if last["day"] else lambda day: _of_week(day) == 7
    wanted = frozenset(_numbers("Day-of-week", text, 1, 7, DAYS))
    return lambda day: _of_week(day) in wanted


def _last_weekday(field: str, text: str) -> OnDay:
    weekday = _weekday(field, text)
    return lambda day: _of_week(day) == weekday and day.day > _length(day) - 7


def _weekday(field: str, text: str) -> int:
    return _number(field, text, 1, 7, DAYS)


def _of_week(day: date) -> int:
    """1 for Sunday to 7 for Saturday."""
    return day.isoweekday() % 7 + 1


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _numbers(field: str, text: str, least: int, most: int, names: tuple[str, ...]) -> set[int]:
    """All numbers that a field of lists, ranges, steps and ``*`` stands for."""
    found: set[int] = set()
    for part in text.split(","):
        found.update(_part(field, part, least, most, names))
    return found


def _part(field: str, part: str, least: int, most: int, names: tuple[str, ...]) -> range:
    stepped = _STEP.fullmatch(part)
    if stepped is not None:
        first, step = stepped["first"] or "*", int(stepped["step"])
        if step == 0:
            raise CronError(f"{field} must not step by 0")
        if first == "*":
            return range(least, most + 1, step)
        begin, _, end = first.partition("-")
        last = _number(field, end, least, most, ()) if end else most
        return range(_number(field, begin, least, most, ()), last + 1, step)
    if part == "*":
        return range(least, most + 1)
    begin, dash, end = part.partition("-")
    low = _number(field, begin, least, most, names)
    high = _number(field, end, least, most, names) if dash else low
    if high < low:
        raise CronError(f"{field} has a range that ends before it begins")
    return range(low, high + 1)


def _number(field: str, text: str, least: int, most: int, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text) + 1
    # isdigit alone would let other scripts' digits through.
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and least <= int(text) <= most):
        raise CronError(f"{field} cannot be {text}")
    return int(text)
