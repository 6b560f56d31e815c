"""Strongroom's own operations under ``/_strongroom/``: signed, decided and recorded like any other call."""

from strongroom.services.local.explanations import told_of
from strongroom.services.local.room import Local, register
from strongroom.services.local.store import clock_offset
from strongroom.services.local.usage import Prices

__all__ = ["Local", "Prices", "clock_offset", "register", "told_of"]
