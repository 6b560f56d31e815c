"""Batches sent over a few connections at once: the server works each out as it comes, and makes them in their order.

What is not answered is sent again: the server knows which lines are done. A batch that came before its turn, and could
not wait there any longer, is sent again too.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Any, Self

from strongroom.cli.batches import Batch
from strongroom.cli.client import Client, answer_of, signature
from strongroom.server.parts import StartRefused

AT_ONCE = 4
"""Our choice: enough that a server of two workers has something to do in each while a batch is stored."""
_TRIES = 12
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_BUSY = frozenset({429, 500, 502, 503, 504})
_OUT_OF_STEP = 409
_TYPE = "application/octet-stream"
Asked = Iterator[tuple[Batch, dict[str, str]]]
Answered = tuple[Batch, dict[str, Any]]


class Sending:
    """A few threads with a connection each, which is opened anew where it ends."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._own = threading.local()
        self._open: set[HTTPConnection] = set()
        self._threads = ThreadPoolExecutor(AT_ONCE)
        self._next = 0  # the first line that is not known to be done
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for one in list(self._open):  # nobody waits for the answers that are left
            if one.sock is not None:
                with contextlib.suppress(OSError):
                    one.sock.shutdown(socket.SHUT_RDWR)
        self._threads.shutdown(wait=True, cancel_futures=True)
        for one in self._open:
            one.close()

    def answers(self, path: str, asked: Asked) -> Iterator[Answered]:
        """The answer to each batch, in order. Raises StartRefused.

        The first goes alone: it may be refused as a whole, and it may make the default key, which others then find.
        """
        under_way: deque[tuple[Batch, Future[dict[str, Any]]]] = deque()
        at_once = 1
        for batch, headers in asked:
            if not under_way:
                self._next = batch.first
            under_way.append((batch, self._threads.submit(self._sent, path, batch, headers)))
            if len(under_way) >= at_once:
                yield self._first_of(under_way)
                at_once = AT_ONCE
        while under_way:
            yield self._first_of(under_way)

    def _first_of(self, under_way: deque[tuple[Batch, Future[dict[str, Any]]]]) -> Answered:
        batch, sent = under_way.popleft()
        answer = sent.result()
        self._next = batch.first + batch.count
        return batch, answer

    def _sent(self, path: str, batch: Batch, headers: dict[str, str]) -> dict[str, Any]:
        pause, left = _FIRST_PAUSE_S, _TRIES
        while not self._stopped.is_set():
            left -= 1
            try:
                status, text = self._once(path, batch.content, headers)
            except ssl.SSLError as error:
                raise StartRefused(
                    f"the TLS certificate of {self._client.url} is not trusted: {error.reason}"
                ) from None
            except (OSError, HTTPException) as error:
                self._drop()
                if not left:
                    raise StartRefused(f"{self._client.url} does not answer: {error}") from None
            else:
                if status == _OUT_OF_STEP and batch.first > self._next:
                    left = _TRIES
                elif status not in _BUSY or not left:
                    return answer_of(status, text)
            self._stopped.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
        raise StartRefused(f"{self._client.url} does not answer")

    def _once(self, path: str, content: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection: HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._client.connection()
            self._open.add(connection)
        signed = {"host": self._client.netloc, "content-type": _TYPE, **headers}
        signed |= signature(self._client, "POST", path, headers=signed, content=content, now=datetime.now(UTC))
        connection.request("POST", path, content, signed)
        reply = connection.getresponse()
        text = reply.read()
        if reply.will_close:
            self._drop()
        return reply.status, text

    def _drop(self) -> None:
        connection: HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is not None:
            connection.close()
            self._open.discard(connection)
            self._own.connection = None
