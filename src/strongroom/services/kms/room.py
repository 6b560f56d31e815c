"""The room's operations, declared by the files of ``operations/``, and the limits that the model lacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from strongroom.kernel.call import Call, Target
from strongroom.kernel.model.overlay import read_overlay, read_refused
from strongroom.kernel.registry import Handler, Keys, Locator, Mode, Room, everything
from strongroom.kernel.storage.port import Transaction
from strongroom.services.kms.rules.context import caller_keys

SERVICE = "kms"
DIRECTORY = Path(__file__).parent
OVERLAY = read_overlay(SERVICE, DIRECTORY)
ROOM = Room(SERVICE, refused=read_refused(SERVICE, DIRECTORY))
RESOURCE_TYPE = "AWS::KMS::Key"
"""How CloudTrail names the resource of an operation on a key."""


def operation(
    name: str,
    *,
    mode: Mode,
    action: str | None = "",
    locate: Locator = everything,
    keys: Keys = caller_keys,
    shown: Sequence[str] = (),
) -> Callable[[Handler], Handler]:
    """Declare an operation with the overlay's limits, the caller's condition keys, and the key recorded.

    Limits are part of reading the request, so they are told before anything is decided, as AWS does.
    """

    def limited(call: Call, tx: Transaction) -> Target:
        OVERLAY.check(name, call.params)
        return locate(call, tx)

    return ROOM.operation(
        name,
        mode=mode,
        action=action,
        locate=limited if name in OVERLAY.limits else locate,
        keys=keys,
        shown=shown,
        resource_type=None if locate is everything else RESOURCE_TYPE,
    )
