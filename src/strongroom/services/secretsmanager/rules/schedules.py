"""When a secret is rotated next: rotation rules, the windows they open, and the moment inside a window.

A window opens on the hour and closes before the next one opens, never later than the end of its UTC day.
NextRotationDate is the last second of the window: "on or before this date".

Source: Secrets Manager API reference, RotationRulesType; User Guide, "Schedule expressions" (facts: secretsmanager,
sections 6.10 and 9.4). Texts of refusals but one are Our choice; AWS's code for all is InvalidParameterException.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.services.secretsmanager import errors
from strongroom.services.secretsmanager.rules.cron import Cron, CronError, read_cron

SHORTEST = timedelta(hours=4)
LONGEST_DAYS = 999
TOO_OFTEN = "A secret can't be rotated more often than every four hours."
TOO_RARE = f"A secret must be rotated at least every {LONGEST_DAYS} days."
TOO_LONG = "The rotation window must not extend into the next rotation window or the next UTC day."
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)

_RATE = re.compile(r"rate\(\s*([0-9]{1,6})\s+(hour|hours|day|days)\s*\)")
_DURATION = re.compile(r"([0-9]{1,2})h")


@dataclass(frozen=True, slots=True)
class Window:
    """When a rotation may begin: from ``opens``, before ``closes``."""

    opens: datetime
    closes: datetime

    @property
    def shown(self) -> datetime:
        """NextRotationDate."""
        return self.closes - SECOND


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rotation rules, understood. Either ``every`` (after the last rotation) or ``cron``.

    ``in_hours``: whether ``every`` was said in hours, so that windows open at any hour and close after one.
    ``duration``: how long a window stays open; None for the default.
    """

    every: timedelta | None = None
    in_hours: bool = False
    cron: Cron | None = None
    duration: timedelta | None = None

    @property
    def from_last(self) -> bool:
        """Whether the last rotation decides the next: then a value written by hand counts as one."""
        return self.every is not None

    def after(self, last: datetime) -> Window:
        """The first window that opens after a rotation, or after the schedule was set, at ``last``."""
        if self.cron is not None:
            return self._cron_window(self.cron, last)
        if self.every is None:
            raise RuntimeError("a schedule of nothing")
        if self.in_hours:
            # DIFFERS: rotation windows.
            opens = _hour(last) + self.every
            return Window(opens, opens + (self.duration or HOUR))
        opens = _midnight(last) + self.every
        return Window(opens, opens + (self.duration or DAY))

    def next(self, last: datetime, now: datetime) -> Window:
        """The window after ``last`` where it has not closed yet; else the next one from now."""
        window = self.after(last)
        return window if window.closes > now else self.after(now)

    def _cron_window(self, cron: Cron, last: datetime) -> Window:
        length = self.duration or (HOUR if cron.hourly else None)
        for day in cron.days_from(last.date()):
            for hour in cron.hours:
                opens = datetime.combine(day, time(hour), UTC)
                if opens > last:
                    return Window(opens, opens + length if length else _midnight(opens) + DAY)
        raise RuntimeError("a schedule without another day was stored")

    def days_between(self, last: datetime) -> int:
        """AutomaticallyAfterDays as it is shown for an expression: the time between windows, in days rounded up."""
        if self.every is not None:
            gap = self.every
        else:
            first = self.after(last)
            gap = self.after(first.opens).opens - first.opens
        return max(1, -(-gap // DAY))


def read_rules(rules: Mapping[str, Any]) -> Schedule | None:
    """The schedule of a request's or a secret's RotationRules; None where they name none.

    Raises InvalidParameterException.
    """
    days, expression = rules.get("AutomaticallyAfterDays"), rules.get("ScheduleExpression")
    duration = _duration(rules.get("Duration"))
    if days is not None and expression is not None:
        raise errors.InvalidParameterException(errors.BOTH_FREQUENCIES)
    if days is None and expression is None:
        if duration is not None:
            raise _invalid("A Duration needs AutomaticallyAfterDays or a ScheduleExpression.")
        return None
    if days is not None:
        return _checked(Schedule(every=days * DAY, duration=duration))
    return _expression(str(expression), duration)


def stored_rules(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Stored rules as they were given: without the days that were computed beside an expression."""
    if "ScheduleExpression" in rules:
        return {name: value for name, value in rules.items() if name != "AutomaticallyAfterDays"}
    return dict(rules)


def shown_rules(rules: Mapping[str, Any], last: datetime) -> dict[str, Any]:
    """RotationRules as they are echoed: days are computed where an expression was given.

    Source: facts secretsmanager section 6.6: ``rate(10 hours)`` reads back with AutomaticallyAfterDays 1.
    """
    given = stored_rules(rules)
    schedule = read_rules(given)
    if schedule is None or "ScheduleExpression" not in given:
        return given
    return {"AutomaticallyAfterDays": schedule.days_between(last), **given}


def moment_in(window: Window, now: datetime, chance: int) -> datetime:
    """When inside a window to begin: anywhere in what is left of it, by ``chance`` (any number from 0).

    Source: User Guide: "Secrets Manager rotates your secret at any time during this window". Our choice: evenly,
    so that secrets of one schedule do not all begin at once; the last minute is left free.
    """
    begin = max(window.opens, now)
    left = (window.closes - begin - timedelta(minutes=1)) // SECOND
    return begin if left <= 0 else begin + timedelta(seconds=chance % left)


@lru_cache(maxsize=512)
def _expression(text: str, duration: timedelta | None) -> Schedule:
    rate = _RATE.fullmatch(text)
    if rate is not None:
        in_hours = rate[2].startswith("hour")
        every = int(rate[1]) * (HOUR if in_hours else DAY)
        if every > LONGEST_DAYS * DAY:
            raise _invalid(TOO_RARE)
        return _checked(Schedule(every=every, in_hours=in_hours, duration=duration))
    try:
        return _checked(Schedule(cron=read_cron(text), duration=duration))
    except CronError as error:
        raise _invalid(f"The ScheduleExpression {text} is not valid: {error}.") from None


def _checked(schedule: Schedule) -> Schedule:
    """The same schedule; raises where it is too dense, too rare, or its window too long."""
    if schedule.cron is not None:
        return _checked_cron(schedule, schedule.cron)
    every = schedule.every or timedelta()
    if every < SHORTEST:
        raise _invalid(TOO_OFTEN)
    if schedule.duration is not None and schedule.duration > min(every, DAY):
        raise _invalid(TOO_LONG)
    return schedule


def _checked_cron(schedule: Schedule, cron: Cron) -> Schedule:
    # From a fixed day on, so that an expression is good or bad for ever; the year 2000 has a 29 February.
    # Sixty days show every pattern: rare ones reach over decades, dense ones repeat within a year.
    days = list(islice(cron.days_from(date(2000, 1, 1)), 60))
    if not days:
        raise _invalid("The ScheduleExpression names no day that there is.")
    between = [later - earlier for earlier, later in pairwise(days)]
    if not between or max(between) > LONGEST_DAYS * DAY:
        raise _invalid(TOO_RARE)
    gaps = [later - earlier for earlier, later in pairwise(cron.hours)]
    if DAY in between:
        gaps.append(24 - cron.hours[-1] + cron.hours[0])
    if gaps and min(gaps) * HOUR < SHORTEST:
        raise _invalid(TOO_OFTEN)
    longest = min([24 - cron.hours[-1], *gaps]) * HOUR
    if schedule.duration is not None and schedule.duration > longest:
        raise _invalid(TOO_LONG)
    return schedule


def _duration(text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= 24:
        raise _invalid("The Duration must be between 1h and 24h.")
    return int(found[1]) * HOUR


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _midnight(moment: datetime) -> datetime:
    return _hour(moment).replace(hour=0)


def _invalid(text: str) -> errors.InvalidParameterException:
    return errors.InvalidParameterException(text)
