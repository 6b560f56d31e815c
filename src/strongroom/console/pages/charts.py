"""Pictures: bars in slots, where each is drawn, in units of the picture. Pure; the template writes the SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from strongroom.base.classes import dataclass

DAYS = 30
MONTHS = 12
HEIGHT = 120
_BAR, _GAP = 24, 6
_TOP = 20
"""Left free above the highest bar, for its number."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What one slot has of one kind, and where its bar is drawn."""

    label: str
    count: int
    x: int
    y: int
    height: int
    good: bool = True


@dataclass(frozen=True, slots=True)
class Slot:
    """One day or month as the table behind a picture has it."""

    label: str
    good: int
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture, with the table behind it."""

    slots: Sequence[Slot]
    bars: Sequence[Bar]
    width: int
    height: int = HEIGHT
    bar: int = _BAR

    @property
    def total(self) -> int:
        """How many are counted in it."""
        return sum(one.good + one.bad for one in self.slots)


def drawn(slots: Sequence[Slot]) -> Chart:
    """Two bars for each slot, in their order: what is good, and on top of it what is not."""
    most = max(1, *(one.good + one.bad for one in slots))
    bars = []
    for at, slot in enumerate(slots):
        below = HEIGHT
        for count, good in ((slot.good, True), (slot.bad, False)):
            height = max(2, round((HEIGHT - _TOP) * count / most)) if count else 0
            below -= height
            bars.append(Bar(slot.label, count, at * (_BAR + _GAP), below, height, good=good))
    return Chart(slots, bars, len(slots) * (_BAR + _GAP))


def by_day(good: Mapping[date, int], bad: Mapping[date, int], now: datetime) -> Chart:
    """The last days, today last."""
    days = [now.date() - timedelta(days=DAYS - 1 - at) for at in range(DAYS)]
    return drawn([Slot(f"{day:%Y-%m-%d}", good.get(day, 0), bad.get(day, 0)) for day in days])


def timeline(ended: Iterable[Mapping[str, Any]], now: datetime) -> Chart:
    """The last days of what ended well and what did not: ``when`` and ``good`` of each."""
    counts = Counter((one["when"].date(), one["good"]) for one in ended)
    good, bad = ({day: count for (day, good), count in counts.items() if good is side} for side in (True, False))
    return by_day(good, bad, now)


def calendar(counts: Mapping[date, int], now: datetime) -> Chart:
    """The next days, today first, from how many there are on each."""
    days = [now.date() + timedelta(days=at) for at in range(DAYS)]
    return drawn([Slot(f"{day:%Y-%m-%d}", counts.get(day, 0)) for day in days])


def by_month(moments: Iterable[datetime], now: datetime) -> Chart:
    """The last months, this one last."""
    counts = Counter((moment.year, moment.month) for moment in moments)
    first = now.year * 12 + now.month - MONTHS
    months = [divmod(first + at, 12) for at in range(MONTHS)]
    return drawn([Slot(f"{year:04}-{month + 1:02}", counts[year, month + 1]) for year, month in months])
