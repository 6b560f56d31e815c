"""Rotations as an operator asks about them: how they stand, once more, no more. Source: issue 6, points 3 and 5.

Actions: strongroom:RotationRead, RotationRetry, RotationAbandon, on the secret's ARN; the list on ``*``. Decided by
identity policies alone. The room that has rotations answers by the registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from strongroom.base.refusals import Answerable
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode, Registry, Room
from strongroom.kernel.standing import RotationDesk, RotationRefused, Standing, Worry
from strongroom.kernel.storage.port import Transaction
from strongroom.services.local import errors

PAGE = 50
DAYS = 14
WORRIES = 50


def declare(room: Room, registry: Registry) -> None:
    """Declare the operations."""

    def secret(call: Call, tx: Transaction) -> Target:
        return _located(_desk(registry), call, tx)

    @room.operation("ListRotations", mode=Mode.SLOW, action="strongroom:RotationRead")
    def list_rotations(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """How all rotations of the account in the Region stand, a page at a time, by name."""
        page = _desk(registry).page(call, tx, call.get("After", ""), PAGE)
        answer: dict[str, Any] = {"Rotations": [_told(one) for one in page]}
        if len(page) == PAGE:
            answer["After"] = page[-1].name
        return answer

    @room.operation("OverlookRotations", mode=Mode.SLOW, action="strongroom:RotationRead")
    def overlook_rotations(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """How many rotate, on which of the next days, and which fail or are overdue, at most so many of each."""
        seen = _desk(registry).overview(call, tx, call.get("Days", DAYS), WORRIES)
        return {
            "Scheduled": seen.scheduled,
            "Days": [{"Day": day, "Count": count} for day, count in seen.by_day],
            "Failing": [_worry(one) for one in seen.failing],
            "Overdue": [_worry(one) for one in seen.overdue],
        }

    @room.operation("GetRotation", mode=Mode.READ, action="strongroom:RotationRead", locate=secret)
    def get_rotation(call: Call, found: Any, tx: Transaction) -> Answer:
        """How one stands, with every attempt that failed."""
        return _standing(lambda: _desk(registry).standing(call, tx, found))

    @room.operation("RetryRotation", mode=Mode.WRITE, action="strongroom:RotationRetry", locate=secret)
    def retry_rotation(call: Call, found: Any, tx: Transaction) -> Answer:
        """Try again now, with the same token and the same value."""
        return _standing(lambda: _desk(registry).retry(call, tx, found, call.get("VersionId")))

    @room.operation("AbandonRotation", mode=Mode.WRITE, action="strongroom:RotationAbandon", locate=secret)
    def abandon_rotation(call: Call, found: Any, tx: Transaction) -> Answer:
        """End it, so that another can begin. A value that it has stays."""
        return _standing(lambda: _desk(registry).abandon(call, tx, found, sure=bool(call.get("Sure", False))))


def _desk(registry: Registry) -> RotationDesk:
    if registry.rotations is None:
        raise errors.CannotTellException("No room here has rotations.")
    return registry.rotations


def _located(desk: RotationDesk, call: Call, tx: Transaction) -> Target:
    """The secret; what is wrong with its name, and its absence, are told in this room's words."""
    try:
        target = desk.locate(call, tx)
    except Answerable as refusal:
        raise errors.CannotTellException(refusal.message) from None
    if target.missing is None:
        return target
    return replace(target, missing=errors.NoSuchSecretException(target.missing.message))


def _standing(made: Callable[[], Standing]) -> Answer:
    try:
        return {"Rotation": _told(made())}
    except RotationRefused as refusal:
        if refusal.unsure:
            raise errors.TargetMayHaveItException(refusal.reason) from None
        raise errors.RotationRefusedException(refusal.reason) from None


def _worry(one: Worry) -> dict[str, Any]:
    told = {"Name": one.name, "SecretId": one.arn, "Attempts": one.attempts, "Step": one.step}
    return told if one.due is None else {"Name": one.name, "SecretId": one.arn, "Due": one.due}


def _told(one: Standing) -> dict[str, Any]:
    given = {
        "Name": one.name,
        "SecretId": one.arn,
        "Enabled": one.enabled,
        "Function": one.function,
        "Schedule": one.schedule,
        "LastRotated": one.last,
        "NextRotation": one.next,
        "State": one.state,
        "VersionId": one.version_id,
        "Test": one.test,
        "Attempts": one.attempts,
        "NextAttempt": one.next_attempt,
        "Failures": [
            {
                "Began": each.began,
                "Ended": each.ended,
                "Step": each.step,
                "Message": each.message,
                "Lines": each.lines,
            }
            for each in one.failures
        ],
        "Kept": [{"VersionId": each.version_id, "Since": each.since, "State": each.state} for each in one.kept],
        "BlockedBy": one.blocked_by,
    }
    return {name: value for name, value in given.items() if value is not None}
