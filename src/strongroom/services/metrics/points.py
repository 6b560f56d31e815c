"""From counts to data points: periods, statistics. Pure.

Of calls each is a sample with the value 1, as CloudWatch has it; of secrets each hour's number is one.
Source: CloudWatch API reference, GetMetricStatistics, Datapoint; User Guide, "Statistics", "Periods".
"""

from __future__ import annotations

from collections.abc import Iterable

from strongroom.base.classes import dataclass

STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")


@dataclass(slots=True)
class Point:
    """What one period comes to."""

    start_ms: int
    samples: float = 0.0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def value(self, statistic: str) -> float:
        """One statistic of it."""
        match statistic:
            case "SampleCount":
                return self.samples
            case "Sum":
                return self.total
            case "Average":
                return self.total / self.samples
            case "Minimum":
                return self.least
        return self.most


def gathered(counts: Iterable[tuple[int, int]], period_seconds: int, *, calls: bool) -> list[Point]:
    """The points of each period that has any count, oldest first. ``counts``: (start in ms, number), oldest first.

    Periods begin at multiples of themselves since 1970.
    """
    width = period_seconds * 1000
    found: dict[int, Point] = {}
    for start, number in counts:
        begins = start // width * width
        point = found.setdefault(begins, Point(begins))
        value = 1.0 if calls else float(number)
        point.samples += number if calls else 1
        point.total += number
        point.least = min(point.least, value)
        point.most = max(point.most, value)
    return list(found.values())
