"""GetMetricData."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from strongroom.base.clock import from_ms
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.metrics import errors, series
from strongroom.services.metrics.points import STATISTICS, Point
from strongroom.services.metrics.reading import number_of, points_of, token_of
from strongroom.services.metrics.room import ROOM

MOST_QUERIES: Final = 500
MOST_POINTS: Final = 100_800
_ID: Final = re.compile(r"[a-z][a-zA-Z0-9_]*")


@ROOM.operation("GetMetricData", mode=Mode.SLOW)
def get_metric_data(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
    """Statistics of several metrics, in pages of MaxDatapoints. Source: API reference, GetMetricData."""
    queries = call["MetricDataQueries"]
    _check(call, queries)
    newest_first = call.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    after = number_of(call.get("NextToken"))
    room = min(call.get("MaxDatapoints", MOST_POINTS), MOST_POINTS)
    results: list[dict[str, Any]] = []
    passed, more = 0, False
    for query in queries:
        if query.get("ReturnData") is False:
            continue
        points = _points(call, tx, query)
        if newest_first:
            points.reverse()
        begin = min(max(after - passed, 0), len(points))
        part = points[begin : begin + room]
        passed += len(points)
        room -= len(part)
        rest = begin + len(part) < len(points)
        more = more or rest
        results.append(_result(query, part, complete=not rest))
    answer: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
    if more:
        answer["NextToken"] = token_of(after + sum(len(one["Values"]) for one in results))
    return answer


def _points(call: Call, tx: Transaction, query: Mapping[str, Any]) -> list[Point]:
    stat = query["MetricStat"]
    metric = stat["Metric"]
    one = series.meant(metric.get("Namespace", ""), metric.get("MetricName", ""), metric.get("Dimensions", ()))
    if one is not None and stat.get("Unit", one.unit) != one.unit:
        return []
    if query.get("AccountId", call.account) != call.account:
        return []
    return points_of(call, tx, one, stat["Period"], call["StartTime"], call["EndTime"])


def _result(query: Mapping[str, Any], points: list[Point], *, complete: bool) -> dict[str, Any]:
    stat = query["MetricStat"]
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or stat["Metric"].get("MetricName", ""),
        "Timestamps": [from_ms(point.start_ms) for point in points],
        "Values": [point.value(stat["Stat"]) for point in points],
        "StatusCode": "Complete" if complete else "PartialData",
    }


def _check(call: Call, queries: list[Mapping[str, Any]]) -> None:
    """Raises ValidationException for what a query cannot be here."""
    if call["StartTime"] >= call["EndTime"]:
        raise errors.ValidationException("The parameter StartTime must be less than the parameter EndTime.")
    if not 1 <= len(queries) <= MOST_QUERIES:
        raise errors.ValidationException(f"There must be between 1 and {MOST_QUERIES} queries.")
    if not 1 <= call.get("MaxDatapoints", 1) <= MOST_POINTS:
        raise errors.ValidationException(f"MaxDatapoints must be between 1 and {MOST_POINTS}.")
    ids = [query["Id"] for query in queries]
    if len(set(ids)) != len(ids) or not all(_ID.fullmatch(one) for one in ids):
        raise errors.ValidationException("Every query needs an Id of its own, which begins with a lower-case letter.")
    for query in queries:
        if "Expression" in query or "MetricStat" not in query:
            raise errors.ValidationException("Expressions are not offered here: a query must have a MetricStat.")
        if query["MetricStat"]["Period"] % 60:
            raise errors.ValidationException("The Period of a MetricStat must be a multiple of 60.")
        if query["MetricStat"]["Stat"] not in STATISTICS:
            raise errors.ValidationException(f"The Stat of a MetricStat must be one of {', '.join(STATISTICS)}.")
