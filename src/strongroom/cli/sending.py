"""Batches sent one after the other on one connection, the next one read while one is under way.

What is not answered is sent again: the server knows which lines are done.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Any, Self

from strongroom.cli.batches import Batch
from strongroom.cli.client import Client, answer_of, signature
from strongroom.server.parts import StartRefused

_TRIES = 12
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_BUSY = frozenset({429, 500, 502, 503, 504})
_TYPE = "application/octet-stream"
Asked = Iterator[tuple[Batch, dict[str, str]]]


class Sending:
    """One connection, opened anew where it ends, and a thread that waits for its answers."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._connection: HTTPConnection | None = None
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._drop()

    def answers(self, path: str, asked: Asked) -> Iterator[tuple[Batch, dict[str, Any]]]:
        """The answer to each batch, in order. Raises StartRefused."""
        sent = next(asked, None)
        while sent is not None:
            batch, headers = sent
            under_way = self._thread.submit(self._sent, path, batch, headers)
            following = next(asked, None)
            yield batch, under_way.result()
            sent = following

    def _sent(self, path: str, batch: Batch, headers: dict[str, str]) -> dict[str, Any]:
        pause = _FIRST_PAUSE_S
        for left in range(_TRIES - 1, -1, -1):
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
                if status not in _BUSY or not left:
                    return answer_of(status, text)
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
        raise StartRefused(f"{self._client.url} does not answer")

    def _once(self, path: str, content: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = self._client.connection()
        signed = {"host": self._client.netloc, "content-type": _TYPE, **headers}
        signed |= signature(self._client, "POST", path, headers=signed, content=content, now=datetime.now(UTC))
        self._connection.request("POST", path, content, signed)
        reply = self._connection.getresponse()
        text = reply.read()
        if reply.will_close:
            self._drop()
        return reply.status, text

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
