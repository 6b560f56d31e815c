"""A webhook's receiver: a real https server on loopback that keeps what it is sent, and misbehaves as it is told."""

from __future__ import annotations

import base64
import hmac
import http.server
import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.oidc import _certificates

KEY = b"the-key-of-the-webhook-of-these-tests"
Answer = Callable[["Delivery"], int | None]
"""The status to answer with; None hangs up without a word."""


@dataclass(frozen=True)
class Delivery:
    """One POST as it came."""

    headers: dict[str, str]
    raw: bytes

    @property
    def id(self) -> str:
        """The event's id."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        """The body."""
        found: dict[str, Any] = json.loads(self.raw)
        return found

    @property
    def name(self) -> str:
        """What happened."""
        detail = self.event["detail"]
        return str(detail.get("alert") or detail["eventName"])

    def is_signed(self, key: bytes = KEY) -> bool:
        """Whether it is signed as Standard Webhooks says, with a moment that is now."""
        text = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.raw
        proof = base64.b64encode(hmac.digest(key, text, "sha256")).decode()
        fresh = abs(time.time() - int(self.headers["webhook-timestamp"])) < 60
        return fresh and hmac.compare_digest(f"v1,{proof}", self.headers["webhook-signature"])


@dataclass
class Receiver:
    """``with Receiver(tmp_path) as receiver``; ``taken`` are the deliveries answered with 200, ``seen`` all."""

    directory: Path
    answer: Answer = lambda _: 200
    taken: list[Delivery] = field(default_factory=list)
    seen: list[Delivery] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    linger: float = 0.0  # seconds for which a connection stays open behind its answer

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.ca, certificate, key = _certificates(self.directory / "tls", "localhost")
        self.key_file = self.directory / "hook.key"
        self.key_file.touch(0o600)
        self.key_file.write_bytes(KEY)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def section(self, name: str = "one", **more: Any) -> str:
        """The webhook as the operator's file names it."""
        told = {
            "name": name,
            "url": f"https://localhost:{self.port}/hook",
            "key_file": str(self.key_file),
            "ca_file": str(self.ca),
            "internal": True,
        } | more
        return "[[webhook]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())

    def wait_for(self, done: Callable[[Self], bool], seconds: float = 60.0) -> None:
        """Wait until that is so."""
        until = time.monotonic() + seconds
        while not done(self):
            assert time.monotonic() < until, [one.name for one in self.taken]
            time.sleep(0.02)

    def names(self) -> list[str]:
        """What was taken, in its order."""
        return [one.name for one in self.taken]

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                one = Delivery({name.lower(): value for name, value in self.headers.items()}, raw)
                receiver.seen.append(one)
                status = receiver.answer(one)
                if status is None:
                    self.close_connection = True
                    return
                if status == 200:
                    receiver.taken.append(one)
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("location", f"https://localhost:{receiver.port}/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()
                self.wfile.flush()
                time.sleep(receiver.linger)

            def do_GET(self) -> None:
                receiver.elsewhere.append(self.path)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler
