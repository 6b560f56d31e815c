"""One piece of work in a process of its own: what touches the store on the supervisor's behalf.

The supervisor itself never opens a store: a fork would carry its file locks and threads into every child.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Mapping
from typing import Any

from strongroom.server.child import Child, fork_child
from strongroom.server.lines import BadLine, Lines, Message, encode
from strongroom.server.parts import StartRefused

Work = Callable[[], Mapping[str, Any]]
LOST = "the process that was to do this died; its reason stands above in the log"


def start_errand(name: str, work: Work, *, abandon: Callable[[], None] = lambda: None) -> Child:
    """Begin the work; its channel brings one message, ``{"done": ...}`` or ``{"refused": sentence}``."""

    def run(channel: socket.socket) -> None:
        try:
            answer: Message = {"done": dict(work())}
        except StartRefused as refusal:
            answer = {"refused": str(refusal)}
        channel.sendall(encode(answer))

    return fork_child(name, run, abandon=abandon)


def outcome_of(message: Message) -> Message:
    """What the work answered. Raises StartRefused with its sentence."""
    done = message.get("done")
    if not isinstance(done, dict):
        raise StartRefused(str(message.get("refused", LOST)))
    return done


def wait_for(child: Child, *, timeout: float) -> Message:
    """Wait for an errand at start, when nothing else goes on. Raises StartRefused."""
    child.channel.setblocking(True)
    lines = Lines()
    try:
        while True:
            ready, _, _ = select.select([child.channel], [], [], timeout)
            if not ready:
                raise StartRefused(f"{child.name} took longer than {timeout:.0f} seconds")
            chunk = child.channel.recv(65536)
            if not chunk:
                raise StartRefused(LOST)
            for message in lines.feed(chunk):
                return outcome_of(message)
    except BadLine:
        raise StartRefused(LOST) from None
    finally:
        child.channel.close()
        child.end()
