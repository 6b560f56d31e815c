"""The Runtime API: what AWS's runtime client asks of the service that runs it. One listener for one process.

    GET  /2018-06-01/runtime/invocation/next           the next event, whenever there is one
    POST /2018-06-01/runtime/invocation/ID/response    the result
    POST /2018-06-01/runtime/invocation/ID/error       the function's error
    POST /2018-06-01/runtime/init/error                the function could not start

Source: Lambda Developer Guide, "Using the Lambda runtime API"; facts, lambda-and-others, 1.6.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from typing import BinaryIO, Protocol

MOST_RESULT_BYTES = 6 * 1024 * 1024
_MOST_HEAD_BYTES = 16 * 1024
_CONNECTIONS = 4
_BODY_SECONDS = 30.0
_PREFIX = "/2018-06-01/runtime/"

Headers = Mapping[str, str]


class Function(Protocol):
    """The process behind the API, as it is seen from here."""

    def next(self) -> tuple[Headers, bytes] | None:
        """Wait for an event: its headers and body. None where the process is to end."""
        ...

    def result(self, request_id: str, body: bytes, *, failed: bool) -> bool:
        """Take a result; False where nobody waits for one of that id."""
        ...

    def not_started(self, body: bytes) -> None:
        """Take the reason why the function could not start."""
        ...


class RuntimeAPI:
    """A loopback port that answers one function's processes. ``is_ours`` says whether a connection is theirs."""

    def __init__(self, function: Function, is_ours: Callable[[socket.socket], bool]) -> None:
        self._function = function
        self._is_ours = is_ours
        self._places = threading.Semaphore(_CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._accept, name="runtime-api", daemon=True).start()

    def close(self) -> None:
        """Stop listening and drop every connection."""
        # Closing alone does not wake a thread in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # Strangers go before they take a place, so that none of them can keep the function out.
            if not self._knows(connection) or not self._places.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="runtime-api", daemon=True).start()

    def _knows(self, connection: socket.socket) -> bool:
        try:
            return self._is_ours(connection)
        except OSError:  # it is gone already
            return False

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        try:
            with connection, contextlib.suppress(OSError, ValueError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with connection.makefile("rb") as incoming:
                    while (answer := self._answer(connection, incoming)) is not None:
                        connection.sendall(answer)
        finally:
            self._open.discard(connection)
            self._places.release()

    def _answer(self, connection: socket.socket, incoming: BinaryIO) -> bytes | None:
        """The answer to the next request on a connection; None where there is none to come."""
        connection.settimeout(None)  # an idle client waits for ever, by its nature
        line = incoming.readline(_MOST_HEAD_BYTES).decode("latin-1").split()
        if len(line) != 3:
            return None
        connection.settimeout(_BODY_SECONDS)
        headers = _headers(incoming)
        method, path = line[0], line[1]
        if method == "GET" and path == f"{_PREFIX}invocation/next":
            connection.settimeout(None)
            given = self._function.next()
            return None if given is None else _reply(200, given[1], given[0])
        body = _body(incoming, headers)
        if method != "POST" or not path.startswith(_PREFIX):
            return _told(404, "there is no such path")
        if body is None:
            return _told(413, "Exceeded maximum allowed payload size (6291556 bytes).")
        return self._posted(path.removeprefix(_PREFIX).split("/"), body)

    def _posted(self, path: list[str], body: bytes) -> bytes:
        match path:
            case ["init", "error"]:
                self._function.not_started(body)
            case ["invocation", request_id, ("response" | "error") as what]:
                if not self._function.result(request_id, body, failed=what == "error"):
                    return _told(403, "nobody waits for this invocation")
            case _:
                return _told(404, "there is no such path")
        return _reply(202, b'{"status":"OK"}', {})


def _headers(incoming: BinaryIO) -> dict[str, str]:
    found: dict[str, str] = {}
    size = 0
    while line := incoming.readline(_MOST_HEAD_BYTES).decode("latin-1").strip():
        size += len(line)
        if size > _MOST_HEAD_BYTES:
            raise ValueError("the head is too long")
        name, _, value = line.partition(":")
        found[name.lower()] = value.strip()
    return found


def _body(incoming: BinaryIO, headers: Mapping[str, str]) -> bytes | None:
    """The body, whatever its framing; None where it is longer than it may be, but read to its end."""
    if "chunked" not in headers.get("transfer-encoding", ""):
        return _taken(incoming, int(headers.get("content-length", "0")), MOST_RESULT_BYTES)
    parts: list[bytes] = []
    total, fits = 0, True
    while size := int(incoming.readline(64).split(b";")[0], 16):
        part = _taken(incoming, size, MOST_RESULT_BYTES - total)
        incoming.readline(8)
        if part is None:
            fits, total = False, MOST_RESULT_BYTES
        else:
            total += size
            parts.append(part)
    incoming.readline(8)
    return b"".join(parts) if fits else None


def _taken(incoming: BinaryIO, length: int, most: int) -> bytes | None:
    if 0 <= length <= most:
        return incoming.read(length)
    while length > 0:
        chunk = incoming.read(min(length, 1 << 16))
        if not chunk:
            raise ValueError("the body ended early")
        length -= len(chunk)
    return None


def _told(status: int, reason: str) -> bytes:
    return _reply(status, json.dumps({"errorMessage": reason, "errorType": "InvalidRequest"}).encode(), {})


_WORDS = {200: "OK", 202: "Accepted", 403: "Forbidden", 404: "Not Found", 413: "Payload Too Large"}


def _reply(status: int, body: bytes, headers: Headers) -> bytes:
    """Head and body in one piece: in two, a delayed acknowledgement costs 40 ms a call."""
    lines = [f"HTTP/1.1 {status} {_WORDS[status]}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
