"""A container-credentials endpoint on a loopback address: credentials for whoever shows the token.

It runs beside the workload, as AWS's agents do: stock SDKs take plain HTTP from loopback only, and the server
itself speaks TLS. It keeps no credentials: each request assumes the role anew, which costs the server no write.
Source: AWS SDKs and Tools Reference, "Container credential provider". Our choice: docs/decisions/0030-renewal.md.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self

from strongroom.base.classes import dataclass
from strongroom.server.listening import is_loopback
from strongroom.server.parts import StartRefused

PATH = "/v1/credentials"
AT_ONCE = 8
"""Requests answered at the same time; further ones wait in the socket's queue."""
_QUEUE = 32
_SECONDS = 5.0
_TOKEN_MOST_BYTES = 4096

Credentials = Callable[[], Mapping[str, str]]
"""New credentials as the endpoint answers them. Raises StartRefused."""


@dataclass(frozen=True, slots=True)
class Token:
    """The file whose content a client must send as its Authorization header."""

    path: Path

    def make(self) -> None:
        """Write a new token, for the owner of this process only, where there is no file yet.

        Raises StartRefused where the file cannot be made, is empty, or can be written by others.
        """
        try:
            with contextlib.suppress(FileExistsError):
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                with os.fdopen(os.open(self.path, flags, 0o600), "w", encoding="ascii") as file:
                    file.write(secrets.token_urlsafe(32))
            if self.path.stat().st_mode & 0o022:
                raise StartRefused(f"{self.path} can be written by others: chmod go-w {self.path}")
        except OSError as error:
            raise StartRefused(f"{self.path} cannot be used: {error.strerror}") from None
        if not self._read():
            raise StartRefused(f"{self.path} holds no token")

    def is_shown_by(self, header: str | None) -> bool:
        """Whether a header is the token as the file has it now. An empty file is shown by nobody."""
        token = self._read()
        return bool(token) and header is not None and hmac.compare_digest(token, header.encode("utf-8", "replace"))

    def _read(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                return file.read(_TOKEN_MOST_BYTES).strip()
        except OSError:
            return b""


class _Server(HTTPServer):
    """Bounded threads: a slow client holds one of them for seconds, and never all memory."""

    request_queue_size = _QUEUE
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._free = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, once one is free."""
        self._free.acquire()
        threading.Thread(target=self._answer, args=(request, client_address), daemon=True).start()

    def _answer(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the client went away or was too slow; there is nobody to tell
        finally:
            self.shutdown_request(request)
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is printed: a trace could quote a token."""


class Endpoint:
    """The listening endpoint. Raises StartRefused for an address that is not loopback, or taken."""

    def __init__(self, listen: str, token: Token, credentials: Credentials) -> None:
        host, colon, port = listen.rpartition(":")
        host = host.strip("[]")
        if not colon or not port.isdigit() or not is_loopback(host):
            raise StartRefused(f"--listen takes HOST:PORT with a loopback address, not {listen!r}")
        try:
            self._server = _Server((host, int(port)), _handler(token, credentials))
        except OSError as error:
            raise StartRefused(f"cannot listen on {listen}: {error.strerror}") from None
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_address[1]}{PATH}"

    def serve(self) -> None:
        """Answer until SIGTERM or Ctrl-C."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        self._server.serve_forever(poll_interval=0.2)

    def run(self) -> None:
        """Answer until ``stop``, in a thread of the caller's."""
        self._server.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        """Have ``run`` return."""
        self._server.shutdown()

    def _stop(self, number: int, frame: object) -> None:  # noqa: ARG002
        threading.Thread(target=self._server.shutdown, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._server.server_close()


def _handler(token: Token, credentials: Credentials) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"token": token, "credentials": staticmethod(credentials)})


class _Handler(BaseHTTPRequestHandler):
    """One request: the name and the token first, then the path; what is refused says why and no more."""

    token: Token
    credentials: Credentials
    timeout = _SECONDS
    server_version = "strongroom"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with credentials, or refuse."""
        if not self._by_our_own_name():
            self._refuse(HTTPStatus.FORBIDDEN, "InvalidHost", "This endpoint is called by its loopback address.")
        elif not self.token.is_shown_by(self.headers.get("authorization")):
            text = "The authorization token is not the one of the token file."
            self._refuse(HTTPStatus.UNAUTHORIZED, "AccessDenied", text)
        elif self.path != PATH:
            self._refuse(HTTPStatus.NOT_FOUND, "NotFound", f"Credentials are at {PATH}.")
        else:
            self._give()

    def _by_our_own_name(self) -> bool:
        """Web pages reach loopback under names of their own: they are sent away before anything else."""
        name = self.headers.get("host", "").rpartition(":")[0].strip("[]")
        return is_loopback(name)

    def _give(self) -> None:
        try:
            found = self.credentials()
        except StartRefused as refusal:
            self._refuse(HTTPStatus.BAD_GATEWAY, "CannotAssumeRole", str(refusal))
            return
        self._send(HTTPStatus.OK, found)

    def _refuse(self, status: HTTPStatus, code: str, text: str) -> None:
        self._send(status, {"code": code, "message": text})

    def _send(self, status: HTTPStatus, answer: Mapping[str, str]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("cache-control", "no-store")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: Any) -> None:  # noqa: A002  the base class's name
        """Nothing is logged: the server has the record of every AssumeRole."""
