"""A process forked by the supervisor, with a control channel to it.

The fork happens in a process without threads and after all imports, so the child is whole and shares the
memory of its code with the others. Root keys travel over the channel: never argv, environment or file.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from strongroom.base.classes import dataclass, field
from strongroom.server import hardening
from strongroom.server.lines import Lines, encode
from strongroom.server.parts import StartRefused

_OURS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
REFUSED_STATUS = 3
"""Exit status of a child that said in one sentence why it cannot work."""


@dataclass(slots=True)
class Child:
    """One child as the supervisor knows it. ``channel`` is the supervisor's end, non-blocking."""

    name: str
    pid: int
    channel: socket.socket
    started: float
    lines: Lines = field(default_factory=Lines)
    ready: bool = False

    def tell(self, message: Mapping[str, Any]) -> bool:
        """Send one message; False where the child is gone or does not read, which its end will show."""
        try:
            self.channel.sendall(encode(message))
        except OSError:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing where it is gone. It is reaped only by us, so its pid is not reused."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return

    def end(self) -> None:
        """Kill it if it is still there, and reap it."""
        self.signal(signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def fork_child(name: str, run: Callable[[socket.socket], None], *, abandon: Callable[[], None] = lambda: None) -> Child:
    """Start ``run(channel)`` in a new process.

    ``abandon`` is called in the child first, to close what only the supervisor must keep open. The child ends
    when ``run`` returns, and never comes back from here.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    parent = os.getpid()
    _flush()
    # Blocked over the fork: a signal meant for the child must not come out of the supervisor's wakeup socket.
    signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    pid = os.fork()
    if pid != 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
        theirs.close()
        return Child(name, pid, ours, time.monotonic())
    status = 1
    try:
        _settle(parent)
        ours.close()
        abandon()
        run(theirs)
        status = 0
    except StartRefused as refusal:
        status = REFUSED_STATUS
        _complain(f"strongroom: {name}: {refusal}\n")
    except BaseException:  # noqa: BLE001  the child must not unwind into the supervisor's frames
        _complain(traceback.format_exc())
    finally:
        _flush()
        os._exit(status)


def _complain(text: str) -> None:
    """Say it on standard error, if anybody still reads that."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def _settle(parent: int) -> None:
    """Leave the supervisor's signals behind and tie this life to its."""
    signal.set_wakeup_fd(-1)
    for number in _OURS:
        # Ctrl-C reaches the whole group; only the supervisor decides what it means.
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
    hardening.die_with(parent)
