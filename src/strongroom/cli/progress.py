"""How far something is: a bar on a terminal, a line now and then elsewhere. On standard error."""

from __future__ import annotations

import sys
import time

_WIDTH = 30
_BAR_EVERY_SECONDS, _LINE_EVERY_SECONDS = 0.1, 10.0


class Progress:
    """Of so many bytes, in lines. ``quiet`` says nothing at all."""

    def __init__(self, size: int, *, quiet: bool = False) -> None:
        self._size = max(size, 1)
        self._bar = sys.stderr.isatty()
        self._quiet = quiet
        self._begun = self._said = time.monotonic()
        self._from: tuple[int, int] | None = None

    def reach(self, place: int, line: int) -> None:
        """All before a place in the file is done, up to a line."""
        if self._from is None:
            self._from = place, line
        now = time.monotonic()
        if self._quiet or now - self._said < (_BAR_EVERY_SECONDS if self._bar else _LINE_EVERY_SECONDS):
            return
        self._said = now
        told = self.text(place, line, now - self._begun)
        print(f"\r{told:<78}" if self._bar else told, end="" if self._bar else "\n", file=sys.stderr, flush=True)

    def text(self, place: int, line: int, seconds: float) -> str:
        """The words: how far, how fast, how long yet."""
        done = min(place / self._size, 1.0)
        filled = round(done * _WIDTH)
        place_before, line_before = self._from or (0, 0)
        rate = (line - line_before) / seconds if seconds > 0 else 0.0
        speed = (place - place_before) / seconds if seconds > 0 else 0.0
        left = f"{(self._size - place) / speed:,.0f} s left" if speed > 0 else "..."
        return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {done:4.0%}  line {line:,}  {rate:,.0f}/s  {left}"

    def end(self) -> None:
        """Leave the bar's line."""
        if self._bar and not self._quiet:
            print(file=sys.stderr)
