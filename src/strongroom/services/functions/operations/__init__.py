"""Importing this declares every operation of the room."""

from __future__ import annotations

from strongroom.services.functions.operations import functions, invocations, layers, permissions, tags, versions
from strongroom.services.functions.room import ROOM

__all__ = ["ROOM", "functions", "invocations", "layers", "permissions", "tags", "versions"]
