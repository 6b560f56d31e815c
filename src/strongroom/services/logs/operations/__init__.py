"""Importing this declares every operation of the room."""

from __future__ import annotations

from strongroom.services.logs.operations import events, groups, streams
from strongroom.services.logs.room import ROOM

__all__ = ["ROOM", "events", "groups", "streams"]
