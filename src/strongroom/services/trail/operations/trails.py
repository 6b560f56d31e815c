"""Trails: there are none, and none can be made; whoever asks is told so.

Source: CloudTrail API reference, DescribeTrails, ListTrails, GetTrail, GetTrailStatus, GetEventSelectors.
"""

from __future__ import annotations

from typing import Any

from strongroom.base.refusals import Answerable
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode, Room
from strongroom.kernel.storage.port import Transaction
from strongroom.services.trail import errors


def declare(room: Room) -> None:
    """Declare the operations."""

    @room.operation("DescribeTrails", mode=Mode.READ)
    def describe_trails(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """No trail."""
        return {"trailList": []}

    @room.operation("ListTrails", mode=Mode.READ)
    def list_trails(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """No trail."""
        return {"Trails": []}

    for name, member in (("GetTrail", "Name"), ("GetTrailStatus", "Name"), ("GetEventSelectors", "TrailName")):
        _absent(room, name, member)


def _absent(room: Room, name: str, member: str) -> None:
    def located(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
        """The trail by the name or ARN that is given: it is not there."""
        given = call[member]
        own = f"arn:aws:cloudtrail:{call.region}:{call.account}:trail/{given}"
        arn = given if given.startswith("arn:") else own
        return Target(arn=arn, account=call.account, missing=_unknown(arn, call.account))

    @room.operation(name, mode=Mode.READ, locate=located)
    def never(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """What is told of a trail that was found; none ever is."""
        raise _unknown(call[member], call.account)


def _unknown(arn: str, account: str) -> Answerable:
    return errors.TrailNotFoundException(f"Unknown trail: {arn} for the user: {account}")
