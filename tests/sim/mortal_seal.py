"""A Strongroom that is killed whole, supervisor and all, at one chosen point of a root key's rotation or seal change.

``python -m tests.sim.mortal_seal POINT serve ...``: the real command with all its processes. What is watched is
put in place before the first fork, so that every process meets the same fate.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from strongroom.app import Product
from strongroom.cli import main
from strongroom.kernel import rewrap, roots
from strongroom.kernel.jobloop import JobLoop
from strongroom.kernel.sealing import current
from strongroom.kernel.sealing.by_command import CommandSeal
from strongroom.kernel.sealing.by_file import FileSeal
from strongroom.kernel.sealing.by_passphrase import PassphraseSeal
from strongroom.kernel.sealing.by_shares import ShamirSeal
from strongroom.kernel.sealing.by_token import TokenSeal
from strongroom.server import changing
from strongroom.server.certificates import OwnCertificates
from strongroom.server.supervisor import Supervisor

SEALS = (FileSeal, PassphraseSeal, ShamirSeal, CommandSeal, TokenSeal)
WATCHED: dict[str, tuple[Any, str]] = {
    "the rotation begins": (Product, "rotate"),
    "the children catch up": (Supervisor, "catch_up"),
    "the seal keeps it": (SEALS, "keep"),
    "the CA key follows": (OwnCertificates, "rewrap"),
    "the node says so": (Product, "hold"),
    "a batch": (rewrap, "_go_on"),
    "a job": (JobLoop, "_do"),
    "the old root is retired": (roots, "retire"),
    "the new seal is made": (changing, "prepare"),
    "the change is recorded": (Product, "admin"),
    "the new seal is current": (current, "write"),
    "the old files go": (current, "tidy"),
}
"""What may be met "before" or "after", and what does it."""


def doom(point: str) -> None:
    """Kill the supervisor and the process that comes to the point, when it does."""
    when, _, what = point.partition(" ")
    owner, name = WATCHED[what]
    supervisor = os.getpid()
    for one in SEALS if owner is SEALS else (owner,):
        _watch(one, name, when, what, supervisor)


def _watch(owner: Any, name: str, when: str, what: str, supervisor: int) -> None:
    real: Callable[..., Any] = getattr(owner, name)

    def watched(*given: Any, **named: Any) -> Any:
        if when == "before" and _is_meant(what, given):
            _die(supervisor)
        done = real(*given, **named)
        if when == "after" and _is_meant(what, given):
            _die(supervisor)
        return done

    setattr(owner, name, watched)


def _is_meant(what: str, given: tuple[Any, ...]) -> bool:
    """Some functions do other work too, also at the start."""
    if what == "the change is recorded":
        return bool(given[1]["do"] == "seal changed")
    if what == "a job":
        return bool(given[1].kind == rewrap.KIND)
    if what == "the old files go":
        return any((given[0] / "seal").glob("passphrase-*"))
    return True


def _die(supervisor: int) -> None:
    os.kill(supervisor, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    rewrap.BATCH = 2  # many batches of few rows
    doom(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
