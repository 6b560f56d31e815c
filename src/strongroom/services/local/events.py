"""The stream of changes, as far as this room has it: who may open it, and from where. ``server`` keeps it open.

Action: strongroom:EventsRead. What then comes is decided event by event. Source: issue 7, point 6.
"""

from __future__ import annotations

from typing import Any

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, Room
from strongroom.kernel.storage.port import Transaction

OPERATION = "StreamEvents"


def declare(room: Room) -> None:
    """Declare the operation."""

    @room.operation(OPERATION, mode=Mode.SLOW, action="strongroom:EventsRead")
    def stream_events(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """Changes of secrets in the call's Region, as server-sent events, behind ``Last-Event-ID`` or from now."""
        return {"ContentType": "text/event-stream", "CacheControl": "no-store", "Stream": b""}
