"""The room's operations, declared by the files of ``operations/``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from strongroom.kernel.model.overlay import refused_operations
from strongroom.kernel.registry import AlikeOnBehalf, Handler, Keys, Locator, Mode, Room, everything
from strongroom.services.kms.rules.context import caller_keys

SERVICE = "kms"
ROOM = Room(SERVICE, refused=refused_operations(SERVICE))
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
    steady: bool = False,
    alike: AlikeOnBehalf | None = None,
    apart: str | None = None,
) -> Callable[[Handler], Handler]:
    """Declare an operation with the caller's condition keys, and the key recorded."""
    return ROOM.operation(
        name,
        mode=mode,
        action=action,
        locate=locate,
        keys=keys,
        shown=shown,
        resource_type=None if locate is everything else RESOURCE_TYPE,
        steady=steady,
        alike=alike,
        apart=apart,
    )
