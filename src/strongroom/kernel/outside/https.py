"""One small GET or POST over https: no redirects, no proxies, bounded in size and time from the name to the last byte.

The standard library's client follows what a server says for as long as it says it; this one reads what came until
a moment that stands from the beginning. Source: issue 4, point 6. Our choice: docs/decisions/0031-web-identity.md.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from strongroom.base.classes import dataclass, field
from strongroom.kernel.outside.addresses import Address, NotAllowed, Resolver, allowed

MOST_BYTES = 256 * 1024
"""Head and body of an answer together."""
MOST_SECONDS = 5.0
"""From looking the name up to the last byte."""
_GET, _POST = "GET", "POST"
_HTTPS_PORT = 443
_CHUNK = 16 * 1024
_END_OF_HEAD = b"\r\n\r\n"


class Unreachable(Exception):  # noqa: N818  a finding about the other side
    """There was no whole answer in time. The text says why, for the log."""


class BadAnswer(Exception):  # noqa: N818  a finding about the other side
    """There was an answer, and it is none that may be used. The text says why, for the log."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Whom an operator lets be called beyond the public: each as ``host`` or ``host:port``.

    ``internal``: hosts that may have loopback and link-local addresses.
    ``authorities``: a file of CA certificates for a host, instead of the system's.
    """

    internal: frozenset[str] = frozenset()
    authorities: Mapping[str, Path] = field(default_factory=dict)


class HTTPS:
    """Asks what is at a URL. Safe to share between threads; holds no connection."""

    def __init__(self, outside: Outside, resolver: Resolver | None = None) -> None:
        self._outside = outside
        self._resolver = resolver or Resolver()

    def get(self, url: str) -> bytes:
        """The body of a 200 answer. Raises Unreachable or BadAnswer; NotAllowed addresses are BadAnswer too."""
        raw = self._asked(url, _GET, {"Accept": "application/json"}, b"", MOST_SECONDS)
        status, body = _answered(raw, url, "GET")
        if status != 200:
            raise BadAnswer(f"{url} was answered with status {status}")
        return body

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float = MOST_SECONDS) -> int:
        """The status that a body was answered with; what the answer says beside it is not looked at, and a redirect
        is a status like others. Raises as ``get`` does.
        """
        status, _ = _answered(self._asked(url, _POST, headers, body, seconds), url, _POST)
        return status

    def _asked(self, url: str, method: str, headers: Mapping[str, str], body: bytes, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        parts = urlsplit(url)
        host, port = parts.hostname, _port(parts.netloc, url)
        if parts.scheme != "https" or not host or parts.username is not None or parts.fragment:
            raise BadAnswer(f"{url} is no plain https URL")
        names = {host, f"{host}:{port}"}
        try:
            addresses = allowed(
                host, self._resolver(host, port, _left(until)), internal=bool(names & self._outside.internal)
            )
        except NotAllowed as refusal:
            raise BadAnswer(str(refusal)) from None
        except OSError as error:
            raise Unreachable(f"{host} was not found: {error}") from None
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        request = _request(method, parts.netloc, target, headers, body)
        return self._exchange(host, port, addresses, request, until, head_only=method == _POST)

    def _exchange(
        self, host: str, port: int, addresses: list[Address], request: bytes, until: float, *, head_only: bool
    ) -> bytes:
        """Every byte of the answer until its sender closes, or until its head is whole where that is all that counts.

        The first address that can be connected to is taken.
        """
        context = self._context(host, port)
        try:
            with _connected(addresses, port, until) as plain:
                plain.settimeout(_left(until))
                with context.wrap_socket(plain, server_hostname=host) as secure:
                    secure.settimeout(_left(until))
                    secure.sendall(request)
                    return _all_of(secure, until, head_only=head_only)
        except ssl.SSLCertVerificationError as error:
            raise BadAnswer(f"the certificate of {host} is not trusted: {error.verify_message}") from None
        except OSError as error:
            raise Unreachable(f"{host} did not answer: {type(error).__name__}") from None

    def _context(self, host: str, port: int) -> ssl.SSLContext:
        authorities = self._outside.authorities
        file = authorities.get(f"{host}:{port}") or authorities.get(host)
        try:
            context = ssl.create_default_context(cafile=None if file is None else str(file))
        except OSError as error:
            raise BadAnswer(f"the CA file of {host} cannot be read: {error.strerror}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def _port(netloc: str, url: str) -> int:
    try:
        return urlsplit(f"//{netloc}").port or _HTTPS_PORT
    except ValueError:
        raise BadAnswer(f"{url} has no port that there could be") from None


def _request(method: str, netloc: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """A request without anything of ours in it. What is not plain ASCII without spaces was refused by the encoding."""
    if any(character <= " " or character == "\x7f" for character in netloc + target):
        raise BadAnswer("the URL holds a character that no URL has")
    length = [f"Content-Length: {len(body)}"] if method == _POST else []
    lines = (
        f"{method} {target} HTTP/1.1",
        f"Host: {netloc}",
        *(f"{name}: {value}" for name, value in headers.items()),
        *length,
        "Accept-Encoding: identity",
        "User-Agent: strongroom",
        "Connection: close",
        "\r\n",
    )
    try:
        return "\r\n".join(lines).encode("ascii") + body
    except UnicodeEncodeError:
        raise BadAnswer("the URL holds a character that no URL has") from None


def _connected(addresses: list[Address], port: int, until: float) -> socket.socket:
    error: OSError = OSError("no address")
    for address in addresses[:4]:
        try:
            return socket.create_connection((str(address), port), timeout=_left(until))
        except OSError as one:
            error = one
    raise error


def _all_of(secure: ssl.SSLSocket, until: float, *, head_only: bool) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        secure.settimeout(_left(until))
        try:
            chunk = secure.recv(_CHUNK)
        except ssl.SSLEOFError:  # closed without a farewell: the length decides whether it was whole
            chunk = b""
        if not chunk:
            return b"".join(parts)
        size += len(chunk)
        if size > MOST_BYTES:
            raise BadAnswer(f"the answer is longer than {MOST_BYTES} bytes")
        parts.append(chunk)
        if head_only and _END_OF_HEAD in b"".join(parts):
            return b"".join(parts)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("time is over")
    return left


class _Bytes:
    """What http.client reads an answer from: of a socket it needs ``makefile`` alone."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, *_: object) -> io.BytesIO:
        """The bytes as a file."""
        return io.BytesIO(self._raw)


def _answered(raw: bytes, url: str, method: str) -> tuple[int, bytes]:
    """Status and body; of a refusal or an answer to a POST the body is not waited for."""
    from http.client import HTTPException, HTTPResponse  # noqa: PLC0415  a start asks nobody outside

    try:
        reply = HTTPResponse(cast("socket.socket", _Bytes(raw)), method=method)
        reply.begin()
        if reply.status != 200 or method == _POST:
            return reply.status, b""
        body = reply.read()
    except (HTTPException, ValueError) as error:
        raise BadAnswer(f"{url} was answered with what is no whole HTTP answer: {type(error).__name__}") from None
    if reply.length:
        raise BadAnswer(f"{url} was answered with less than was announced")
    return reply.status, body
