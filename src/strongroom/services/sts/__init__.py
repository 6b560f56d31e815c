"""STS: temporary credentials."""

from __future__ import annotations

from pathlib import Path

from strongroom.kernel.outside.https import HTTPS, Outside
from strongroom.kernel.registry import Registry, Room
from strongroom.services.sts import operations
from strongroom.services.sts.jobs import ROTATION, plan_rotation, rotate_token_key
from strongroom.services.sts.operations import web_identity
from strongroom.services.sts.room import ROOM
from strongroom.services.sts.web_identity.board import Board
from strongroom.services.sts.web_identity.keys import IssuerKeys

__all__ = ["operations", "plan_rotation", "register"]


def register(registry: Registry, outside: Outside, board: Path) -> None:
    """Take the room in. What it must know of roles it asks the kernel for (call.Roles).

    ``outside``: whom identity providers' keys may be fetched from, beyond the public. ``board``: the directory in
    which the processes of this server share what they were told.
    """
    keys = IssuerKeys(HTTPS(outside), board=Board(board))
    room = Room(ROOM.service, refused=ROOM.refused)
    room.operations.update(ROOM.operations)
    web_identity.declare(room, keys)
    registry.add(room)
    registry.add_job(ROTATION, rotate_token_key)
