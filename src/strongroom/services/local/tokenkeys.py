"""A new key for session tokens before its time; and with it, after a leak, the end of every session.

Action: strongroom:TokenKeyRotate. It concerns the sessions of all accounts, so that only the account made at the
first start may ask: another account's administrator must not be able to end what is not its own.
"""

from __future__ import annotations

from typing import Any

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, Room
from strongroom.kernel.sealing.tokenkeys import KEPT, rotate
from strongroom.kernel.storage.port import Transaction


def declare(room: Room, account: str) -> None:
    """Declare the operation."""

    @room.operation(
        "RotateTokenKey", mode=Mode.WRITE, action="strongroom:TokenKeyRotate", shown=("KeyNumber", "SessionsEnded")
    )
    def rotate_token_key(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """One new key, or as many as it takes to forget every older one."""
        if call.account != account:
            text = "Only the account that this deployment was made with may rotate the keys of session tokens."
            raise Refusal(Kind.ACCESS_DENIED, text)
        ends = bool(call.get("EndSessions", False))
        number = 0
        for _ in range(KEPT if ends else 1):
            number = rotate(tx, call.kernel.keyring, call.kernel.entropy, call.now)
        return {"KeyNumber": number, "SessionsEnded": ends}
