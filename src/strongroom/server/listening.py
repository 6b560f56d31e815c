"""The listening sockets: one a worker slot, all on one port, all kept by the supervisor.

Because the supervisor keeps them, connections that wait in the queue of a worker that dies are served by its
successor instead of being reset.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Final

from strongroom.server.parts import StartRefused

ACCEPTED_A_TURN: Final = 32
"""The connections that a worker takes in one turn of its event loop; the others wait in the kernel's queue."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address. Names other than ``localhost`` count as reachable."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int, *, slots: int, backlog: int) -> list[socket.socket]:
    """One listening socket a slot. Port 0 takes a free one. Raises StartRefused with one plain sentence.

    SO_REUSEPORT alone would let a second server of the same user share a port unnoticed, so a plain bind
    comes first: it fails where anybody listens.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError:
        raise StartRefused(f"{host} is not an address of this machine") from None
    probe = _bound(family, address, host, port, shared=False)
    address = probe.getsockname()
    probe.close()
    sockets: list[socket.socket] = []
    try:
        for _ in range(slots):
            sockets.append(_bound(family, address, host, address[1], shared=slots > 1))
            sockets[-1].listen(backlog)
    except BaseException:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def often(listener: socket.socket) -> list[socket.socket]:
    """A listening socket under many descriptors, for an event loop that accepts one connection each in a turn.

    A turn of a busy worker is long enough for connections to queue up by the hundred, and would take one of them.
    Source: libuv, pull request 3696 (no more accepting in a loop).
    """
    return [listener, *(listener.dup() for _ in range(ACCEPTED_A_TURN - 1))]


def _bound(family: int, address: tuple[object, ...], host: str, port: int, *, shared: bool) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setblocking(False)
        opened.bind(address)
    except OSError as error:
        opened.close()
        reasons = {
            errno.EADDRINUSE: f"port {port} on {host} is taken by another program",
            errno.EACCES: f"port {port} needs rights that this user does not have",
            errno.EADDRNOTAVAIL: f"{host} is not an address of this machine",
        }
        raise StartRefused(reasons.get(error.errno or 0, f"{host}:{port}: {error.strerror}")) from None
    return opened
