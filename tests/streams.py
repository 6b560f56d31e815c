"""A client of ``GET /_strongroom/events``: signs, reads server-sent events as they come, and never waits for ever."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Stream:
    """``with Stream(url, key_id, secret) as stream``. ``events`` grow as they come; ``ended`` is set at the end."""

    def __init__(
        self,
        url: str,
        key_id: str,
        secret: str,
        token: str | None = None,
        *,
        region: str = "us-east-1",
        after: str | None = None,
    ) -> None:
        headers = {} if after is None else {"Last-Event-ID": after}
        request = AWSRequest("GET", f"{url}/_strongroom/events", headers=headers)
        SigV4Auth(Credentials(key_id, secret, token), "strongroom", region).add_auth(request)
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=90)
        self._connection.request("GET", "/_strongroom/events", headers=dict(request.headers.items()))
        self._socket = self._connection.sock
        self._reply = self._connection.getresponse()
        self.status = self._reply.status
        self.body = b"" if self.status == 200 else self._reply.read()
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.marks: list[str] = []
        self.ended = threading.Event()
        if self.status == 200:
            assert "text/event-stream" == self._reply.headers["content-type"]
            self._reply.readline()  # the first comment: what happens from now on comes
            self._thread = threading.Thread(target=self._read, daemon=True)
            self._thread.start()

    def names(self) -> list[str]:
        """What happened, in its order."""
        return [str(one["detail"]["eventName"]) for one in self.events]

    def wait_for(self, done: Callable[[Self], bool], seconds: float = 60.0) -> None:
        """Wait until that is so."""
        until = time.monotonic() + seconds
        while not done(self):
            assert time.monotonic() < until, (self.names(), self.marks, self.ended.is_set())
            time.sleep(0.01)

    def close(self) -> None:
        """Hang up, which ends the thread that reads."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _read(self) -> None:
        number, mark = "", ""
        try:
            while line := self._reply.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "id":
                    number = value
                elif name == "event":
                    mark = value
                elif name == "data" and mark:
                    self.marks.append(mark)
                elif name == "data":
                    self.ids.append(number)
                    self.events.append(json.loads(value))
                if not name:
                    number, mark = "", ""
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass
        self.ended.set()
