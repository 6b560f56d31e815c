"""Which addresses may be called, whoever named them.

A name is looked up once and every address that it has is judged; the connection then goes to an address, not to
the name, so that a second look-up (DNS rebinding) has no say.
Source: OWASP Server-Side Request Forgery Prevention Cheat Sheet; RFC 6890 (special-purpose addresses).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host. Raises OSError."""

_AT_ONCE = 4
# Hosts of clouds that answer with credentials on addresses that are neither loopback nor link-local.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "fd00:ec2::23", "100.100.100.200")))
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class NotAllowed(Exception):  # noqa: N818  a finding about the address
    """The host has an address that must not be called. The text names the host and the address."""


def system_resolve(host: str, port: int) -> Sequence[str]:
    """The system's answer."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Resolver:
    """Look-ups that end: the system's own may take long, and its threads are bounded."""

    def __init__(self, resolve: Resolve = system_resolve) -> None:
        self._resolve = resolve
        self._pool: ThreadPoolExecutor | None = None

    def __call__(self, host: str, port: int, seconds: float) -> Sequence[str]:
        """The addresses of a host. Raises OSError, also where they did not come in time."""
        if self._pool is None:  # made when first needed, so that no thread is carried through a fork
            self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="resolve")
        waiting = self._pool.submit(self._resolve, host, port)
        try:
            return waiting.result(seconds)
        except NotInTime:
            waiting.cancel()
            raise TimeoutError(f"{host} was not resolved in time") from None


def allowed(host: str, addresses: Sequence[str], *, internal: bool) -> list[Address]:
    """The addresses to connect to, in order. ``internal``: this machine's own and link-local ones count too.

    Raises NotAllowed where any of them must not be called: a host that names such a one is not trusted with the
    others either. Private networks are allowed: providers of one's own stand there.
    """
    found = [ipaddress.ip_address(text.partition("%")[0]) for text in addresses]
    for one in found:
        if not may_be_called(one, internal=internal):
            raise NotAllowed(f"{host} has the address {one}, which is not called")
    if not found:
        raise NotAllowed(f"{host} has no address")
    return found


def may_be_called(address: Address, *, internal: bool) -> bool:
    """Whether an address may be called. An IPv4 address inside an IPv6 one is judged as itself."""
    inner = _inner(address)
    if inner is not None:
        return may_be_called(inner, internal=internal)
    if address.is_unspecified or address.is_multicast or address == ipaddress.ip_address("255.255.255.255"):
        return False
    if isinstance(address, ipaddress.IPv4Address) and address in ipaddress.ip_network("0.0.0.0/8"):
        return False
    local = address.is_loopback or address.is_link_local or address in _METADATA
    return internal or not local


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if any(address in network for network in _TRANSLATED):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
