"""The public half of the key that signs digests of exported log files.

Source: CloudTrail API reference, ListPublicKeys, PublicKey.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from strongroom.base.clock import EPOCH
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode, Room
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.trail import digests

_ALWAYS = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def declare(room: Room) -> None:
    """Declare the operation."""

    @room.operation("ListPublicKeys", mode=Mode.READ)
    def list_public_keys(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
        """The one key, whatever time is asked about; none before the first export."""
        key = digests.key_of(tx, call.kernel.keyring)
        if key is None:
            return {"PublicKeyList": []}
        told = {
            "Value": key.public_pkcs1(),
            "ValidityStartTime": EPOCH,
            "ValidityEndTime": _ALWAYS,
            "Fingerprint": digests.fingerprint(key),
        }
        return {"PublicKeyList": [told]}
