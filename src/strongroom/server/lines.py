"""Messages between our own processes: one JSON object a line, each line bounded.

Used on the control channels (socket pairs), the admin socket and the runner's socket.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MAX_LINE_BYTES = 64 * 1024
Message = dict[str, Any]


class BadLine(Exception):  # noqa: N818  the peer's fault, answered by closing
    """The peer sent something that is not one bounded line with a JSON object."""


def encode(message: Mapping[str, Any]) -> bytes:
    """One message as its line."""
    line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise ValueError("message too long for one line")
    return line


class Lines:
    """Takes bytes as they arrive and gives back whole messages."""

    def __init__(self) -> None:
        self._rest = b""
        self._whole: deque[bytes] = deque()

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that are whole by now; those not taken from here come first the next time.

        Raises BadLine.
        """
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        self._whole.extend(whole)
        if len(self._rest) > MAX_LINE_BYTES:
            raise BadLine("line too long")
        while self._whole:
            yield _decode(self._whole.popleft())


def _decode(line: bytes) -> Message:
    if len(line) > MAX_LINE_BYTES:
        raise BadLine("line too long")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLine("not JSON") from None
    if not isinstance(found, dict):
        raise BadLine("not a JSON object")
    return found


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name for a socket that fits the 107 bytes which the kernel takes, however deep its directory lies.

    Source: unix(7), sun_path; proc(5), /proc/PID/fd. Elsewhere than on Linux the path itself has to fit.
    """
    if sys.platform != "linux":
        yield os.fspath(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def ask(path: Path, message: Mapping[str, Any], *, timeout: float) -> Message:
    """Send one message to a local socket and wait for its one answer.

    Raises OSError where nobody listens, TimeoutError, BadLine.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(timeout)
        with reachable(path) as name:
            peer.connect(name)
        peer.sendall(encode(message))
        lines = Lines()
        while chunk := peer.recv(65536):
            for answer in lines.feed(chunk):
                return answer
    raise BadLine("the connection was closed without an answer")


def listen_local(path: Path, *, backlog: int) -> socket.socket:
    """A Unix socket, 0600 from its first moment, in place of any left over by a killed process."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with reachable(draft) as name:
            opened.bind(name)
    finally:
        os.umask(before)
    opened.listen(backlog)
    draft.replace(path)
    return opened


def peer_is_trusted(peer: socket.socket) -> bool:
    """Whether the other end of a Unix socket is root or our own user.

    Source: unix(7), SO_PEERCRED. Where the system has none, the socket's own mode (0600) is the check.
    """
    if sys.platform != "linux":
        return True
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    return uid in (0, os.geteuid())
