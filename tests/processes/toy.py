"""A server without a product: the processes, sockets and bounds alone, around an application of a few lines.

``python -m tests.processes.toy DIR [NAME=VALUE ...]`` takes settings by name. Paths of its application:

    /echo    the request as the application saw it: method, path, headers, length of the body, TLS
    /slow    answers after a second
    /pid     which worker answers
    /early   answers without reading the body
    anything is 503 while sealed
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.server.admission import Standing
from strongroom.server.hosts import HostCheck
from strongroom.server.parts import (
    ASGI,
    AtOnce,
    Glance,
    Prepared,
    Receive,
    Scope,
    Send,
    Serving,
    StartRefused,
    TLSDetails,
)
from strongroom.server.quick import send_reply
from strongroom.server.serve import Started, serve
from strongroom.settings import load_settings


class ToyWorker:
    """One worker."""

    def __init__(self, serving: Serving, root_key: bytes | None) -> None:
        self._hosts = HostCheck(serving.host, serving.hosts)
        self._open = root_key is not None

    @property
    def asgi(self) -> ASGI:
        return self._answer

    @property
    def at_once(self) -> AtOnce:
        return self._at_once

    @property
    def glance(self) -> Glance:
        return lambda _data, _standing: None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The long way: for what has not come whole. It reads the body, but for /early."""
        body = b""
        while scope["path"] != "/early":
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            if not message["more_body"]:
                break
        request = HTTPRequest(scope["method"], scope["raw_path"], scope["query_string"], scope["headers"], body)
        reply = self._at_once(request, "", scope["state"]["tls"], scope["state"]["standing"])
        await send_reply(reply if isinstance(reply, HTTPReply) else await reply, send)

    def _at_once(
        self, request: HTTPRequest, client: str, tls: TLSDetails | None, standing: Standing
    ) -> HTTPReply | Coroutine[Any, Any, HTTPReply]:
        refused = self._hosts(request.headers)
        if refused is not None:
            return HTTPReply(refused.status, (), refused.body)
        if not self._open:
            return HTTPReply(503, (), b"sealed")
        if request.path == b"/early":
            return HTTPReply(200, (), b"early")
        told = {
            "pid": os.getpid(),
            "method": request.method,
            "path": request.path.decode(),
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in request.headers],
            "size": len(request.body),
            "tls": tls,
        }
        reply = HTTPReply(200, (), json.dumps(told).encode())
        return _later(reply) if request.path == b"/slow" else reply

    def catch_up(self) -> None:
        """A toy has one root key."""

    def unseal(self, root_key: bytes) -> None:
        self._open = len(root_key) == 32

    def drain(self) -> None:
        """Nothing goes on here."""

    def seal(self) -> None:
        self._open = False

    def close(self) -> None:
        print(f"worker {os.getpid()} closed", file=sys.stderr)


async def _later(reply: HTTPReply) -> HTTPReply:
    await asyncio.sleep(1)
    return reply


class ToyRunner:
    """A runner whose every look finds three jobs."""

    def run(self, stop: threading.Event) -> None:
        stop.wait()

    def run_due_now(self) -> int:
        return 3

    def catch_up(self) -> None:
        """A toy has one root key."""

    def is_behind(self) -> bool:
        return False

    def close(self) -> None:
        print(f"runner {os.getpid()} closed", file=sys.stderr)


class Toy:
    """The parts; the store is one file that holds the root key's first byte."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._store = serving.data / "store"

    def preload(self) -> None:
        """Nothing is left to import."""

    def initialised(self) -> bool:
        return self._store.exists()

    def prepare(self, root_key: bytes | None) -> Prepared:
        fresh = not self._store.exists()
        if fresh and root_key is not None:
            self._store.write_bytes(root_key[:1])
        if root_key is not None and self._store.read_bytes() != root_key[:1]:
            raise StartRefused("the root key does not fit")
        return Prepared(fresh=fresh, administrator=fresh)

    def open_worker(self, root_key: bytes | None, slot: int) -> ToyWorker:
        time.sleep(float(os.environ.get("TOY_WORKER_SECONDS", "0")))
        return ToyWorker(self._serving, root_key)

    def open_runner(self, root_key: bytes) -> ToyRunner:
        return ToyRunner()

    def rotate(self, root_key: bytes) -> bytes:
        return root_key

    def newest_root(self, root_key: bytes) -> tuple[bytes, ...]:
        return (root_key,)

    def hold(self, root_key: bytes) -> None:
        """A toy has one root key."""

    def admin(self, command: Mapping[str, Any], root_key: bytes | None) -> Mapping[str, Any]:
        if command["do"] == "admin reset":
            raise StartRefused("not in a toy")
        return {"did": command["do"], "sealed": root_key is None}


def main() -> int:
    data, *given = sys.argv[1:]
    settings = load_settings({"data": data, **dict(one.split("=", 1) for one in given)}, {})
    passphrase = os.environ.get("TOY_PASSPHRASE")

    def announce(started: Started) -> None:
        print(f"ready {started.url}", flush=True)

    try:
        return serve(
            Toy(settings.serving),
            settings.serving,
            secret=lambda asks, new: passphrase.encode() if passphrase else None,
            announce=announce,
            say=lambda text: print(f"strongroom: {text}", file=sys.stderr, flush=True),
        )
    except StartRefused as refusal:
        print(f"strongroom: {refusal}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    Path(sys.argv[1]).parent.mkdir(exist_ok=True)
    sys.exit(main())
