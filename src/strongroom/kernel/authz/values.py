"""How condition values read: numbers, dates, booleans, bytes, addresses, ARNs. Nothing is guessed."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network

from strongroom.base.clock import EPOCH
from strongroom.kernel.authz.faults import NotUnderstoodError
from strongroom.kernel.authz.glob import Filled, Matcher, Token, Wild, matcher

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})")
_EPOCH = re.compile(r"-?(?:[0-9]{1,3}|[0-9]{5,11})(?:\.[0-9]{1,9})?")
_DATE = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?"
)
_BOOLEANS = {"true": True, "false": False}
_ARN_PARTS = 6

Network = tuple[int, int, int]
"""IP version, mask, masked address. An address is a network whose mask is full."""


def number(text: str) -> Decimal:
    """An integer or a decimal; no exponents, no infinities."""
    if _NUMBER.fullmatch(text) is None:
        raise NotUnderstoodError(f"`{text[:64]}` is no number")
    return Decimal(text)


@lru_cache(maxsize=256)
def date(text: str) -> datetime:
    """A moment, in a W3C form of ISO 8601 (a missing zone is UTC) or as seconds since the epoch.

    Our choice: four digits are a year, any other number of them seconds.
    """
    try:
        if _EPOCH.fullmatch(text):
            return EPOCH + timedelta(seconds=float(text))
        found = _DATE.fullmatch(text)
        if found is not None:
            return _moment(found)
    except (ValueError, OverflowError):
        pass
    raise NotUnderstoodError(f"`{text[:64]}` is no date")


def _moment(found: re.Match[str]) -> datetime:
    def part(name: str, default: int) -> int:
        return int(found[name] or default)

    micro = int((found["fraction"] or "0")[:6].ljust(6, "0"))
    local = datetime(
        part("year", 1), part("month", 1), part("day", 1),
        part("hour", 0), part("minute", 0), part("second", 0), micro, tzinfo=UTC,
    )  # fmt: skip
    zone = found["zone"] or "Z"
    if zone == "Z":
        return local
    ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return local - ahead if zone[0] == "+" else local + ahead


def boolean(text: str) -> bool:
    """``true`` or ``false`` in any case."""
    found = _BOOLEANS.get(text)
    if found is None:
        found = _BOOLEANS.get(text.lower())
    if found is None:
        raise NotUnderstoodError(f"`{text[:64]}` is neither true nor false")
    return found


def octets(text: str) -> bytes:
    """The bytes that a base64 text stands for."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NotUnderstoodError("a binary value is not base64") from None


@lru_cache(maxsize=4096)
def address(text: str) -> Network:
    """One IP address. An IPv4 address written as IPv6 (``::ffff:192.0.2.1``) is the IPv4 address."""
    try:
        found = ip_address(text)
    except ValueError:
        raise NotUnderstoodError(f"`{text[:64]}` is no IP address") from None
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found.scope_id is not None:
            raise NotUnderstoodError(f"`{text[:64]}` is an address with a zone")
    return found.version, (1 << found.max_prefixlen) - 1, int(found)


def network(text: str) -> Network:
    """A range in CIDR form; without a prefix a single address. Bits beyond the prefix are ignored."""
    if "/" not in text:
        return address(text)
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        raise NotUnderstoodError(f"`{text[:64]}` is no IP range") from None
    mask, base = int(found.netmask), int(found.network_address)
    if isinstance(found, IPv6Network) and found.prefixlen >= 96 and found.network_address.ipv4_mapped is not None:
        return 4, mask & 0xFFFFFFFF, base & 0xFFFFFFFF
    return found.version, mask, base


def within(sent: Network, bound: Network) -> bool:
    """Whether an address lies in a range. IPv4 never lies in an IPv6 range, nor the other way round."""
    return sent[0] == bound[0] and sent[2] & bound[1] == bound[2]


def arn_parts(text: str) -> list[str]:
    """The six colon parts of an ARN, or fewer where the text is none."""
    return text.split(":", _ARN_PARTS - 1)


def arn_pattern(tokens: Sequence[Token]) -> tuple[Matcher, ...]:
    """An ARN pattern as one matcher for each of its six parts; a lone ``*`` fits every ARN.

    No part's wildcard reaches over the first five colons. Fewer than six parts match nothing.
    Where the policy's own text has all five colons, a variable's value cannot add one and so shift the parts.
    """
    if list(tokens) == [Wild.RUN]:
        return (matcher(tokens),) * _ARN_PARTS
    own = sum(token.count(":") for token in tokens if isinstance(token, str) and not isinstance(token, Filled))
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if not isinstance(token, str) or (isinstance(token, Filled) and own >= _ARN_PARTS - 1):
            parts[-1].append(token)
            continue
        first, *others = token.split(":", _ARN_PARTS - len(parts))
        parts[-1].append(first)
        parts.extend([other] for other in others)
    if len(parts) != _ARN_PARTS:
        return ()
    return tuple(matcher([token for token in part if token != ""]) for part in parts)


def arn_fits(parts: Sequence[str], pattern: Sequence[Matcher]) -> bool:
    """Whether each part of an ARN fits its part of the pattern."""
    return len(parts) == len(pattern) and all(map(_fits, pattern, parts))


def _fits(fits: Callable[[str], bool], part: str) -> bool:
    return fits(part)
