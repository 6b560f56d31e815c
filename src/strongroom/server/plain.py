"""A request in its plainest form, read in one go: what every SDK sends when it calls an operation.

``POST /``, each header once and of printable ASCII, a body that is announced and whole, and nothing after it. Whatever
is not exactly that is left to the parser (httptools), which also has the last word on what is refused: this reads
less than the parser does and never more. A test holds the two against each other.
Source: RFC 9112, sections 2.1, 5 and 6.
"""

from __future__ import annotations

import re

from strongroom.base.http import HTTPRequest

MAX_BYTES = 16 * 1024
MAX_HEADERS = 32
PRINTABLE = bytes(range(0x20, 0x7F)) + b"\r\n"
_TOKEN = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]{1,64}")
_OTHER_FRAMING = frozenset((b"transfer-encoding", b"upgrade", b"expect", b"connection", b"trailer", b"te"))
_NAMES_KEPT = 256
_names: dict[bytes, bytes] = {}
"""Headers' names as they were sent, checked once, and in lower case."""


def read_plain(data: bytes) -> HTTPRequest | None:
    """The request that these bytes are; None where they are anything else, more or less than one plain request."""
    head, end, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    count = len(lines)
    if (
        first != b"POST / HTTP/1.1"
        or not end
        or len(head) > MAX_BYTES
        or count > MAX_HEADERS
        or head.translate(None, PRINTABLE)
        or head.count(b"\r") != count  # no line ends otherwise
        or head.count(b"\n") != count
        or b" \r\n" in head  # nor do values begin or end with a space
        or b":  " in head
        or head.endswith(b" ")
    ):
        return None
    headers = []
    for line in lines:
        name, _, value = line.partition(b": ")
        lower = _names.get(name) or _checked(name)
        if lower is None or not value:
            return None
        headers.append((lower, value))
    by_name = dict(headers)
    if (
        by_name.get(b"content-length") != b"%d" % len(body)
        or len(by_name) != count
        or not _OTHER_FRAMING.isdisjoint(by_name)
    ):
        return None
    return HTTPRequest("POST", b"/", b"", headers, body, by_name)


def _checked(name: bytes) -> bytes | None:
    if _TOKEN.fullmatch(name) is None:
        return None
    lower = name.lower()
    if len(_names) < _NAMES_KEPT:
        _names[name] = lower
    return lower
