"""Forms: ``a=1&b=2`` in a body or a query string, decoded strictly and bounded.

Source: WHATWG URL standard, "application/x-www-form-urlencoded"; RFC 3986, section 2.1.
Our choice: what that standard repairs (bad escapes, broken UTF-8) or leaves open (a name twice) is refused.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

from strongroom.kernel.wire.scalars import malformed

MAX_FIELDS: Final = 4096  # 50 tags of two fields each are 100; policies and ids come one by one
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")


def decoded(raw: bytes, *, plus_is_space: bool = True) -> str:
    """One percent-encoded name, value or path segment as text. Raises the SERIALIZATION refusal."""
    if b"%" in raw:
        pieces = raw.split(b"%")
        if any(len(piece) < 2 or piece[0] not in _HEX or piece[1] not in _HEX for piece in pieces[1:]):
            raise malformed("The query string contains a syntax error.")
    if plus_is_space:
        raw = raw.replace(b"+", b" ")
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("The query string contains a syntax error.") from None


def fields(raw: bytes) -> list[tuple[str, str]]:
    """The fields of a form in their order. Raises the SERIALIZATION refusal."""
    if not raw:
        return []
    if raw.count(b"&") >= MAX_FIELDS:
        raise malformed(f"The request has more than {MAX_FIELDS} parameters.")
    found = []
    for piece in raw.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            found.append((decoded(name), decoded(value)))
    return found


def single(found: list[tuple[str, str]]) -> dict[str, str]:
    """The fields by name; a name that comes twice is refused, for two readers could take two values."""
    by_name = dict(found)
    if len(by_name) != len(found):
        raise malformed("The request has the same parameter more than once.")
    return by_name
