"""The settings of one server: what there is, where values come from, and the page that tells."""

from __future__ import annotations

from strongroom.settings.declared import Settings
from strongroom.settings.taken import load_settings

__all__ = ["Settings", "load_settings"]
