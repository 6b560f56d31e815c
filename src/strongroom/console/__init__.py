"""The console: web pages for people. It holds no powers of its own; each page asks as whoever signed in.

Nothing here imports Starlette or Jinja2 before the first page is asked for (``front``), so that no worker pays for
them at its start.
"""

from __future__ import annotations

from strongroom.console.store import SEALED
from strongroom.kernel.registry import Registry

PATH = b"/console"


def register(registry: Registry) -> None:
    """Say which of the console's rows lie sealed under the root key."""
    registry.add_sealed(SEALED)
