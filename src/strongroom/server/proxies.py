"""Where a request really came from, when it came through a proxy that the operator trusts.

A stranger's ``X-Forwarded-For`` says nothing: it is read only where the connection itself comes from a configured
proxy, and then from the right, past proxies alone. aws:SourceIp, and the records, have what comes out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from strongroom.base.http import Headers

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HEADER = b"x-forwarded-for"
_MAPPED = "::ffff:"
HOPS_AT_MOST = 16


def trusted_network(text: str) -> _Network:
    """The network of one entry of the setting. Raises ValueError for what is none, and for one that is everybody."""
    found = ipaddress.ip_network(text)
    if found.prefixlen == 0:
        raise ValueError("a proxy cannot be everybody")
    return found


class Proxies:
    """The proxies that are trusted to say for whom they ask."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = tuple(map(trusted_network, trusted))

    def source_of(self, peer: str, headers: Headers) -> str:
        """The address that a request came from: the peer's own, or what trusted proxies say in its stead.

        An entry that is no address, and everything to the left of it, is not believed: then it is the last proxy
        that was. IPv4 addresses in IPv6 form are IPv4 addresses.
        """
        if not self._trusted and not peer.startswith(_MAPPED):
            return peer
        at = _address(peer)
        if at is None:
            return peer
        if self._is_trusted(at):
            for hops, text in enumerate(_from_the_right(headers)):
                before = _address(text)
                if before is None or hops >= HOPS_AT_MOST:
                    break
                at = before
                if not self._is_trusted(at):
                    break
        return str(at)

    def _is_trusted(self, address: _Address) -> bool:
        return any(address in network for network in self._trusted)


def _from_the_right(headers: Headers) -> Iterator[str]:
    """The entries of all X-Forwarded-For headers, the last one first."""
    for name, value in reversed(headers):
        if name == _HEADER:
            for entry in reversed(value.split(b",")):
                yield entry.decode("latin-1").strip()


def _address(text: str) -> _Address | None:
    """The address in ``A``, ``A:PORT`` or ``[A]:PORT``; None where it is neither."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return None
        return found.ipv4_mapped or found
    return found
