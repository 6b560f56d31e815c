"""A raw client: sends exact bytes and reads exact answers."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Raw:
    """One TCP connection to a plain server."""

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=timeout)
        self._rest = b""

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def request(self, path: str = "/echo", body: bytes = b"", more: str = "", method: str = "POST") -> None:
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        self.send(head.encode() + body)

    def answer(self) -> Answer:
        """The next whole answer; status 0 where the connection ends before it."""
        while b"\r\n\r\n" not in self._rest:
            if not self._more():
                return Answer(0, {}, self._rest)
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._rest) < length:
            if not self._more():
                return Answer(0, {}, self._rest)
        body, self._rest = self._rest[:length], self._rest[length:]
        return Answer(int(status.split()[1]), headers, body)

    def closed(self, *, within: float = 5.0) -> bool:
        """Whether the server ends the connection, saying nothing more."""
        until = time.monotonic() + within
        self._socket.settimeout(within)
        with contextlib.suppress(ConnectionError, TimeoutError):
            return self._socket.recv(65536) == b""
        return time.monotonic() < until

    def _more(self) -> bool:
        try:
            chunk = self._socket.recv(65536)
        except ConnectionError:
            return False
        self._rest += chunk
        return bool(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()
