"""GetMetricStatistics."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from strongroom.base.clock import from_ms
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.metrics import errors, series
from strongroom.services.metrics.reading import points_of
from strongroom.services.metrics.room import ROOM

MOST_POINTS = 1440


@ROOM.operation("GetMetricStatistics", mode=Mode.SLOW)
def get_metric_statistics(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
    """Statistics of one metric. Source: API reference, GetMetricStatistics."""
    start, end, period = call["StartTime"], call["EndTime"], call["Period"]
    if start >= end:
        raise errors.InvalidParameterValueException("The parameter StartTime must be less than the parameter EndTime.")
    if period % 60:
        raise errors.InvalidParameterValueException("The parameter Period must be a multiple of 60.")
    if call.get("ExtendedStatistics"):
        raise errors.InvalidParameterValueException(
            "ExtendedStatistics are not offered here: the values of single calls are not kept."
        )
    if not call.get("Statistics"):
        raise errors.MissingRequiredParameterException(
            "The request must contain the parameter Statistics or ExtendedStatistics."
        )
    asked = -(-(end - start) // timedelta(seconds=period))
    if asked > MOST_POINTS:
        raise errors.InvalidParameterCombinationException(
            f"You have requested up to {asked:,} datapoints, which exceeds the limit of {MOST_POINTS:,}. You may"
            " reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    one = series.meant(call["Namespace"], call["MetricName"], call.get("Dimensions", ()))
    unit = "None" if one is None else one.unit
    points = points_of(call, tx, one, period, start, end) if call.get("Unit", unit) == unit else []
    return {
        "Label": call["MetricName"],
        "Datapoints": [
            {
                "Timestamp": from_ms(point.start_ms),
                **{name: point.value(name) for name in dict.fromkeys(call["Statistics"])},
                "Unit": unit,
            }
            for point in points
        ],
    }
