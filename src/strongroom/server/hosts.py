"""Which names a client may call this server by.

A stranger's web page can make a browser send requests to 127.0.0.1 under the page's own name (DNS rebinding).
Such a request carries that name in Host, so it is refused before anything else is looked at.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from strongroom.base.http import Headers, HTTPReply

_USUAL = ("localhost", "127.0.0.1", "::1")
_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104  named to be left out
_REMEMBERED = 64


class HostCheck:
    """Says whether a Host header names this server.

    Our choice: the name decides and any port is taken, because a forwarded port (``docker -p``, ``ssh -L``)
    is a legitimate way in, while a rebinding page cannot choose the name.
    """

    def __init__(self, listen_host: str, more: Iterable[str] = ()) -> None:
        """``more``: what the operator added with ``--host``; a leading ``*.`` stands for one label."""
        names = [*_USUAL, *(() if listen_host in _WILDCARDS else (listen_host,)), *more]
        self.names = tuple(dict.fromkeys(name.lower().strip("[]").rstrip(".") for name in names))
        self._exact = frozenset(name for name in self.names if not name.startswith("*."))
        self._below = frozenset(name[2:] for name in self.names if name.startswith("*."))
        self._known: set[bytes] = set()

    def knows(self, host: bytes) -> bool:
        """Whether this very Host has been found to name this server before."""
        return host in self._known

    def __call__(self, headers: Headers) -> HTTPReply | None:
        """None where the request calls this server by one of its names, once; else the refusal."""
        found: bytes | None = None
        for name, value in headers:
            if name == b"host":
                if found is not None:
                    return NO_HOST
                found = value
        if found is None:
            return NO_HOST
        if found in self._known:
            return None
        if not self._fits(found):
            return WRONG_HOST
        if len(self._known) < _REMEMBERED:
            self._known.add(found)
        return None

    def _fits(self, host: bytes) -> bool:
        try:
            text = host.decode("ascii").lower()
        except UnicodeDecodeError:
            return False
        name = _name_of(text)
        if name is None:
            return False
        return name in self._exact or name.partition(".")[2] in self._below


def _name_of(host: str) -> str | None:
    """The name in ``name[:port]`` or ``[v6][:port]``; None where it is neither (RFC 9110, section 7.2)."""
    if host.startswith("["):
        name, bracket, rest = host[1:].partition("]")
        try:
            name = str(ipaddress.IPv6Address(name))
        except ValueError:
            return None
        return name if bracket and (not rest or (rest[0] == ":" and _is_port(rest[1:]))) else None
    name, colon, port = host.partition(":")
    if colon and not _is_port(port):
        return None
    return name.rstrip(".") or None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


NO_HOST = HTTPReply(
    400,
    ((b"content-type", b"application/json"), (b"connection", b"close")),
    b'{"message":"A request must have exactly one Host header."}',
)
"""The answer to a request without a name, or with two. Source: RFC 9112, section 3.2."""

WRONG_HOST = HTTPReply(
    421,
    ((b"content-type", b"application/json"), (b"connection", b"close")),
    b'{"message":"This server is not configured to answer under the name in the Host header.'
    b' Its operator can allow the name with: strongroom serve --host NAME"}',
)
"""The answer to a request under a name that is not ours. Source: RFC 9110, section 15.5.20."""
