"""The page that Prometheus reads. Source: issue 7, point 5.

Action: strongroom:MetricsRead. The counts are those of the whole server, so that only the account made at the first
start may ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.metrics.text import CONTENT_TYPE
from strongroom.kernel.registry import Mode, Room
from strongroom.kernel.storage.port import Transaction

Page = Callable[[Transaction], bytes]
"""All counts of this server as text; names and numbers, no values."""


def declare(room: Room, account: str, page: Page) -> None:
    """Declare the operation."""

    @room.operation("GetMetrics", mode=Mode.SLOW, action="strongroom:MetricsRead")
    def get_metrics(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """The counts of all processes of this server."""
        if call.account != account:
            raise Refusal(
                Kind.ACCESS_DENIED,
                "Only the account that this deployment was made with may read the metrics of the server.",
            )
        return {"ContentType": CONTENT_TYPE, "Page": page(tx)}
