"""The supervisor's own loop: descriptors, timers and signals in one thread, everything called in turn.

The supervisor must stay free of threads and of an asyncio loop, because it forks for as long as it lives.
"""

from __future__ import annotations

import heapq
import itertools
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType

from strongroom.base.classes import dataclass, field

Callback = Callable[[], None]
_LONGEST_WAIT = 60.0


@dataclass(order=True, slots=True)
class Timer:
    """One thing to do later, unless it is cancelled."""

    due: float
    number: int
    act: Callback = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Never do it."""
        self.cancelled = True


class Reactor:
    """Waits for what happens next and calls whoever asked for it."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._on_signal: dict[int, Callback] = {}
        self._before: dict[int, object] = {}
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        self._running = False
        self.watch(self._wake_out, self._take_signals)

    def watch(self, opened: socket.socket, on_readable: Callback) -> None:
        """Call ``on_readable`` whenever the socket has something to read."""
        self._selector.register(opened, selectors.EVENT_READ, on_readable)

    def forget(self, opened: socket.socket) -> None:
        """Stop watching a socket. Call it before closing."""
        self._selector.unregister(opened)

    def watches(self, opened: socket.socket) -> bool:
        """Whether the socket is being watched."""
        return opened.fileno() in self._selector.get_map()

    def later(self, seconds: float, act: Callback) -> Timer:
        """Call ``act`` once, not before ``seconds`` from now."""
        timer = Timer(time.monotonic() + seconds, next(self._numbers), act)
        heapq.heappush(self._timers, timer)
        return timer

    def on_signal(self, number: signal.Signals, act: Callback) -> None:
        """Call ``act`` in the loop when the signal arrives."""
        if not self._on_signal:
            signal.set_wakeup_fd(self._wake_in.fileno(), warn_on_full_buffer=False)
        self._on_signal[number] = act
        self._before[number] = signal.signal(number, _ignore_here)

    def run(self) -> None:
        """Go on until ``stop``."""
        self._running = True
        while self._running:
            for key, _ in self._selector.select(self._wait()):
                # An earlier callback of this round may have closed this descriptor.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            self._fire()

    def stop(self) -> None:
        """Return from ``run`` after the callback that is running."""
        self._running = False

    def abandon(self) -> None:
        """In a forked child: close this copy, without a word to the epoll set that it shares."""
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def close(self) -> None:
        """Give back descriptors and signal handlers."""
        if self._on_signal:
            signal.set_wakeup_fd(-1)
            for number, before in self._before.items():
                signal.signal(number, before)  # type: ignore[arg-type]
        self.abandon()

    def _wait(self) -> float:
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        if not self._timers:
            return _LONGEST_WAIT
        return min(_LONGEST_WAIT, max(0.0, self._timers[0].due - time.monotonic()))

    def _fire(self) -> None:
        now = time.monotonic()
        while self._running and self._timers and self._timers[0].due <= now:
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                timer.act()

    def _take_signals(self) -> None:
        try:
            numbers = os.read(self._wake_out.fileno(), 4096)
        except BlockingIOError:
            return
        for number in dict.fromkeys(numbers):
            if number in self._on_signal:
                self._on_signal[number]()


def _ignore_here(number: int, frame: FrameType | None) -> None:
    """The wakeup descriptor carries the signal; this handler only keeps the default action away."""
