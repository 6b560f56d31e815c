"""Importing this declares every operation of the room."""

from __future__ import annotations

from strongroom.services.metrics.operations import data, metrics, statistics
from strongroom.services.metrics.room import ROOM

__all__ = ["ROOM", "data", "metrics", "statistics"]
