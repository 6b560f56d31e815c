"""Strongroom's own operations under ``/_strongroom/``: signed, decided and recorded like any other call."""

from strongroom.services.local.room import Local, register

__all__ = ["Local", "register"]
