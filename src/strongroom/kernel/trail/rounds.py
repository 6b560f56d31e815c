"""The runner's rounds over the trail: once a second each duty in turn, and one's failure is not the others'."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

log = logging.getLogger("strongroom.trail")

EVERY_SECONDS = 1.0


class Rounds:
    """One thread. ``duties``: by name, each done again and again; none may wait for long."""

    def __init__(self, duties: Mapping[str, Callable[[], object]], *, every_seconds: float = EVERY_SECONDS) -> None:
        self._duties = dict(duties)
        self._every = every_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trail", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Do every duty once more, and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._go()
        self._go()

    def _go(self) -> None:
        for name, duty in self._duties.items():
            try:
                duty()
            except Exception as error:  # noqa: BLE001  tried again in a second
                # No driver's text: it may quote a row.
                log.error("the trail's %s failed and is tried again: %s", name, type(error).__name__)  # noqa: TRY400
