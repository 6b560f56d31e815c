"""What every process of the server does first, so that keys do not leave its memory and no orphan stays.

Source: prctl(2), PR_SET_DUMPABLE and PR_SET_PDEATHSIG; getrlimit(2), RLIMIT_CORE.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def refuse_core_dumps() -> None:
    """No core file, no ptrace by the same user, no /proc/PID/mem for others. Inherited by forked children."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def die_with(parent: int) -> None:
    """Be killed when the supervisor dies, however it dies.

    SIGKILL and not SIGTERM: a child that hangs must go too, and the product survives ``kill -9`` anyway.
    Elsewhere than on Linux the end of the control channel does the same, one turn of the loop later.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died between the fork and the line above
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
