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
_FRAMED_OTHERWISE = (
    b"\r\nt",  # transfer-encoding, trailer, te
    b"\r\nup",
    b"\r\nex",
    b"\r\nconn",
    b"\r\n ",
    b"\r\n:",
)
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\r\n"
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
        or head.translate(None, _PRINTABLE)
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


def glimpse(data: bytes) -> tuple[bytes, bytes] | None:
    """The access key id that a plain request claims and the target that it names, from as little as can be read.

    For whoever refuses it unread: that it is one request, whole and alone, is as sure as with ``read_plain``; what its
    headers hold is not looked at. None where that is not sure, or where either is missing.
    """
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.count(b"\r\n")
    low = head.lower()
    length = low.find(b"\r\ncontent-length: ") + 18
    if (
        not head.startswith(b"POST / HTTP/1.1\r\n")
        or length < 18
        or low[length : length + 8].partition(b"\r\n")[0] != b"%d" % len(body)
        or low.count(b"\r\ncontent-length") != 1
        or head.count(b"\r") != lines  # no line ends otherwise
        or head.count(b"\n") != lines
        or len(head) > MAX_BYTES
        or lines > MAX_HEADERS
        or head.translate(None, _PRINTABLE)
    ):
        return None
    for other in _FRAMED_OTHERWISE:
        if other in low:
            return None
    claim = head.find(b" Credential=") + 12
    target = low.find(b"\r\nx-amz-target: ") + 16
    if claim < 12 or target < 16 or b"\r\ncontent-type: application/x-amz-json-1.1\r\n" not in low:
        return None
    return head[claim : claim + 256].partition(b"/")[0], head[target : target + 128].partition(b"\r")[0]


def _checked(name: bytes) -> bytes | None:
    if _TOKEN.fullmatch(name) is None:
        return None
    lower = name.lower()
    if len(_names) < _NAMES_KEPT:
        _names[name] = lower
    return lower
