"""Between workers and the runner: one invocation a connection over a Unix socket in ``DIR/run``.

Each way goes one line of JSON, which says how many bytes follow it, and those bytes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from strongroom.server.lines import BadLine, encode, listen_local, peer_is_trusted, reachable

_LOG = logging.getLogger("strongroom.functions")
AT_ONCE = 128
_MOST_LINE = 64 * 1024
_MOST_BYTES = 8 * 1024 * 1024
_HEAD_SECONDS = 5.0

Work = Callable[[Mapping[str, Any], bytes], tuple[Mapping[str, Any], bytes]]


class Desk:
    """Answers workers in the runner. ``work`` never raises for what a caller can cause."""

    def __init__(self, path: Path, work: Work) -> None:
        self._work = work
        self._path = path
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._listener = listen_local(path, backlog=64)
        threading.Thread(target=self._accept, name="functions-desk", daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            if not self._places.acquire(blocking=False):
                peer.close()  # the worker tells its client to come again
                continue
            threading.Thread(target=self._serve, args=(peer,), name="invocation", daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        try:
            with peer, contextlib.suppress(OSError, BadLine, ValueError):
                if not peer_is_trusted(peer):
                    return
                peer.settimeout(_HEAD_SECONDS)
                head, body = _received(peer)
                peer.settimeout(None)
                _send(peer, *self._work(head, body))
        except Exception as error:  # noqa: BLE001  the worker sees a closed connection, the log the trace
            frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
            _LOG.error("an invocation failed: %s\n%s", type(error).__name__, frames)
        finally:
            self._places.release()


def ask_runner(path: Path, head: Mapping[str, Any], body: bytes, *, timeout: float) -> tuple[dict[str, Any], bytes]:
    """One question of a worker. Raises OSError, TimeoutError or BadLine where the runner cannot answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(timeout)
        with reachable(path) as name:
            peer.connect(name)
        _send(peer, head, body)
        return _received(peer)


def _send(peer: socket.socket, head: Mapping[str, Any], body: bytes) -> None:
    peer.sendall(encode({**head, "bytes": len(body)}) + body)


def _received(peer: socket.socket) -> tuple[dict[str, Any], bytes]:
    with peer.makefile("rb") as file:
        line = file.readline(_MOST_LINE)
        try:
            head = json.loads(line)
        except (ValueError, RecursionError):
            raise BadLine("not JSON") from None
        if not isinstance(head, dict) or not isinstance(head.get("bytes"), int):
            raise BadLine("not a head")
        length = head.pop("bytes")
        if not 0 <= length <= _MOST_BYTES:
            raise BadLine("too many bytes")
        body = file.read(length)
    if len(body) != length:
        raise BadLine("the connection was closed in the middle")
    return head, body
