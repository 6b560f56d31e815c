"""A service with API keys and an OAuth 2.0 provider, in threads of the test, over TLS and without.

What they accept is kept in plain sets, so that a test can see what they take.
"""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, unquote_plus

from tests.targets import places


class WebTarget:
    """The service's state. ``keys``: API keys by id; ``tokens``: refresh tokens; ``clients``: their secrets."""

    def __init__(self, authority: str) -> None:
        self.authority = authority
        self.url = self.plain_url = ""
        self.keys: dict[str, str] = {}
        self.repeated: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()
        self.access: set[str] = set()
        self.clients: dict[str, str] = {}
        self.redirects = False
        self._made = 0

    def new(self, what: str) -> str:
        """A value that was never given out before, with characters that need quoting."""
        self._made += 1
        return f"{what}'\"%/&=+{self._made}"

    # What requests do; each answers status and JSON.

    def post_keys(self, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Make a key; the same one again for a repeated idempotency key."""
        if not self._knows(headers):
            return 401, {"error": "unknown key"}
        repeated = headers.get("idempotency-key", "")
        if repeated not in self.repeated or not repeated:
            made = {"id": self.new("id"), "secret": self.new("key")}
            self.keys[made["id"]] = made["secret"]
            self.repeated[repeated] = made
        return 201, {"data": [{"key": self.repeated[repeated], "for": json.loads(body)["name"]}]}

    def get_me(self, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Who one is."""
        return (200, {"me": "app"}) if self._knows(headers) else (401, {"error": "unknown key"})

    def delete_keys(self, headers: dict[str, str], body: bytes, name: str) -> tuple[int, Any]:
        """Revoke a key."""
        if not self._knows(headers):
            return 401, {}
        return (204, None) if self.keys.pop(unquote(name), None) is not None else (404, {"error": "no such key"})

    def _knows(self, headers: dict[str, str]) -> bool:
        return headers.get("authorization", "").removeprefix("Bearer ") in self.keys.values()

    def post_token(self, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """RFC 6749: refresh_token and client_credentials."""
        pair = base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode()
        client, _, secret = pair.partition(":")
        if self.clients.get(unquote_plus(client)) != unquote_plus(secret):
            return 401, {"error": "invalid_client"}
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        access = self.new("access")
        if form["grant_type"] == "client_credentials":
            return 200, {"access_token": access, "token_type": "bearer"}
        if form.get("refresh_token") not in self.tokens:
            return 400, {"error": "invalid_grant"}
        self.tokens = {self.new("refresh")}
        self.access = {access}
        return 200, {"access_token": access, "expires_in": 300, "refresh_token": next(iter(self.tokens))}

    def get_userinfo(self, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """What an access token opens."""
        known = headers.get("authorization", "").removeprefix("Bearer ") in self.access
        return (200, {"sub": "app"}) if known else (401, {"error": "invalid_token"})

    def get_register(self, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """RFC 7592: the client as it is registered."""
        return 200, {"client_id": "app", "grant_types": ["client_credentials"], "client_id_issued_at": 1}

    def put_register(self, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """RFC 7592: a change of the registration, which gives the client a new secret."""
        told = json.loads(body)
        if self.clients.get(told["client_id"]) != told["client_secret"] or "client_id_issued_at" in told:
            return 400, {"error": "invalid_client_metadata"}
        self.clients[told["client_id"]] = self.new("client")
        return 200, {**told, "client_secret": self.clients[told["client_id"]]}


@contextmanager
def target() -> Iterator[WebTarget]:
    """Start it on two ports, and leave nothing behind."""
    where = places.directory("we")
    made = places.certificates(where)
    found = WebTarget(made.authority)
    servers = []
    for encrypted in (True, False):
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
        if encrypted:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(made.chain, made.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            found.url = f"https://127.0.0.1:{server.server_port}"
        else:
            found.plain_url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
    try:
        yield found
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        shutil.rmtree(where)


def _handler(state: WebTarget) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            parts = self.path.strip("/").split("/")
            if state.redirects:
                self.send_response(302)
                self.send_header("Location", f"{state.plain_url}{self.path}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            status, told = getattr(state, f"{self.command.lower()}_{parts[0]}")(headers, body, *parts[1:])
            text = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = _do

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler
