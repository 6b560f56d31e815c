"""What nobody could read any more without a KMS key, before it is deleted. Source: issue 5, point 6.

Action: strongroom:KeyUsers, on the key. Rooms answer by the registry: the names are those of the caller's own account.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strongroom.base.refusals import Answerable
from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode, Registry, Room
from strongroom.kernel.storage.port import Transaction
from strongroom.services.local import errors

NAMED_AT_MOST = 1000


def declare(room: Room, registry: Registry) -> None:
    """Declare the operation."""

    def key(call: Call, tx: Transaction) -> Target:
        described = registry.rooms["kms"].operations["DescribeKey"]
        asked = replace(call, service="kms", name="DescribeKey", params={"KeyId": call["KeyId"]})
        try:
            target = described.locate(asked, tx)
        except Answerable as refusal:
            raise errors.CannotTellException(refusal.message) from None
        missing = errors.CannotTellException(
            "Ask in the account that has the key." if target.missing is None else target.missing.message
        )
        # Decided by identity policies alone: a key's policy speaks of KMS, not of reports.
        found = target.found if target.account == call.account else None
        return Target(target.arn, call.account, found, missing=missing if found is None else None)

    @room.operation("KeyUsers", mode=Mode.SLOW, action="strongroom:KeyUsers", locate=key)
    def key_users(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """The secrets (and whatever else rooms know) that lie under the key alone."""
        if call.target is None:
            raise RuntimeError("a located key without a target")
        lost = registry.dependents_of(tx, call.account, call.target.arn, NAMED_AT_MOST)
        return {
            "Key": call.target.arn,
            "Users": list(lost.arns),
            "Count": lost.count,
            "InOtherAccounts": lost.elsewhere,
        }
