"""As little of a request as whoever refuses it has to read: whose it claims to be, what it asks for, where it ends.

For requests on a connection that has proven whose they are, and whose principal has had its share
(docs/decisions/0058-overload.md). That a request is one, whole and alone, is as sure as with ``read_plain``; what its
headers hold is not looked at. Most of what a client sends is what it sent before: a ``Shape`` knows its requests by
all that stays the same in them.
Source: RFC 9112, sections 2.1, 5 and 6.
"""

from __future__ import annotations

import re
from typing import Final

from strongroom.server.plain import MAX_HEADERS, PRINTABLE

SHAPES_KEPT: Final = 64
MAX_HEAD_BYTES: Final = 4096
"""Longer ones are read: what is kept of a head lasts as long as a connection that it came on."""
_FRAMED_OTHERWISE = (
    b"\r\nt",  # transfer-encoding, trailer, te
    b"\r\nup",
    b"\r\nex",
    b"\r\nconn",
    b"\r\n ",
    b"\r\n:",
)
_VARIES = re.compile(
    rb"(?:\r\n(?:x-amz-date|x-amz-content-sha256|amz-sdk-invocation-id): |, ?Signature=)([-0-9A-Za-z]+)(?=\r\n)",
    re.IGNORECASE,
)
_RUN = re.compile(rb"[0-9A-Za-z]+")


def glimpse(data: bytes) -> tuple[bytes, bytes] | None:
    """The access key id that a plain request claims and the target that it names.

    None where it is not sure that this is one plain request, or where either is missing.
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
        or len(head) > MAX_HEAD_BYTES
        or lines > MAX_HEADERS
        or head.translate(None, PRINTABLE)
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


class Shape:
    """What requests of one client have in common that differ in date, signature, ids and body alone.

    INVARIANT: letters and digits stand for letters and digits, inside values that say neither who asks, nor for what,
    nor where the request ends. So a request that fits is framed as the one that the shape was made of.
    """

    __slots__ = ("_end", "_length", "_varied", "fixed", "key", "target")

    def __init__(self, data: bytes, key: bytes, target: bytes) -> None:
        """``data``: a request of which ``glimpse`` told ``key`` and ``target``."""
        self.key, self.target = key, target
        self._end = data.find(b"\r\n\r\n") + 4
        head = data[: self._end]
        length = head.lower().find(b"\r\ncontent-length: ") + 18
        self._length = length, head.find(b"\r", length)
        varied = [
            run.span() for value in _VARIES.finditer(head) for run in _RUN.finditer(head, value.start(1), value.end(1))
        ]
        cuts = sorted([*varied, self._length])
        begins, ends = [0, *(stop for _, stop in cuts)], [*(start for start, _ in cuts), self._end]
        self.fixed = tuple((head[begin:end], begin) for begin, end in zip(begins, ends, strict=True))
        self._varied = tuple(varied)

    def fits(self, data: bytes) -> bool:
        """Whether these bytes are one such request, whole and alone."""
        starts = data.startswith
        for text, at in self.fixed:
            if not starts(text, at):
                return False
        for start, stop in self._varied:
            if not data[start:stop].isalnum():
                return False
        start, stop = self._length
        return data[start:stop] == b"%d" % (len(data) - self._end)


class Shapes:
    """The shapes that one worker has met, few and shared: all connections of a client have the same."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[bytes, int], ...], Shape] = {}

    def of(self, data: bytes) -> Shape | None:
        """The shape of a plain request; None where it is not sure that these bytes are one."""
        seen = glimpse(data)
        if seen is None:
            return None
        made = Shape(data, *seen)
        if len(self._known) >= SHAPES_KEPT:
            self._known.clear()
        return self._known.setdefault(made.fixed, made)
