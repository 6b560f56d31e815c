"""CBOR as far as rpc-v2-cbor needs it: bounded, strict, and without a type that the protocol does not have.

Source: RFC 8949; Smithy specification, "Smithy RPC v2 CBOR protocol", "Shape serialization".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

MAX_NESTING: Final = 64
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _SIMPLE = range(8)
_INDEFINITE: Final = 31
_BREAK: Final = object()
_EPOCH: Final = 1  # the one tag that the protocol has: seconds since 1970
_SIMPLE_VALUES: Final[Mapping[int, Any]] = {20: False, 21: True, 22: None, 23: None}
_FLOATS: Final[Mapping[int, tuple[str, int]]] = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}
_LENGTHS: Final[Mapping[int, int]] = {24: 1, 25: 2, 26: 4, 27: 8}


class NotCBOR(Exception):  # noqa: N818  a finding about what was sent
    """The bytes are no CBOR, or none that the protocol has. Quotes nothing of them."""


class Epoch:
    """Tag 1 around a number: seconds since 1970, not yet a moment, for they may be any number."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


def loads(raw: bytes) -> Any:
    """The one value that the bytes are: dict with text keys, list, str, bytes, int, float, bool, None or Epoch.

    Raises NotCBOR, also for what follows it, a key that comes twice, or nesting beyond MAX_NESTING. Takes no more
    memory than what was sent deserves: no length is believed before its bytes are there.
    """
    found, at = _value(raw, 0, 0)
    if found is _BREAK or at != len(raw):
        raise NotCBOR
    return found


def _value(raw: bytes, at: int, depth: int) -> tuple[Any, int]:
    if at >= len(raw) or depth > MAX_NESTING:
        raise NotCBOR
    major, info = raw[at] >> 5, raw[at] & 31
    at += 1
    if major == _SIMPLE:
        return _simple(raw, at, info)
    if info == _INDEFINITE:
        return _endless(raw, at, major, depth)
    number, at = _number(raw, at, info)
    if major in (_UNSIGNED, _NEGATIVE):
        return number if major == _UNSIGNED else -1 - number, at
    return _READERS[major](raw, at, number, depth)


def _bytes(raw: bytes, at: int, length: int, _depth: int) -> tuple[bytes, int]:
    return _taken(raw, at, length)


def _text(raw: bytes, at: int, length: int, _depth: int) -> tuple[str, int]:
    part, at = _taken(raw, at, length)
    try:
        return part.decode("utf-8"), at
    except UnicodeDecodeError:
        raise NotCBOR from None


def _tagged(raw: bytes, at: int, number: int, depth: int) -> tuple[Epoch, int]:
    if number != _EPOCH:
        raise NotCBOR
    seconds, at = _value(raw, at, depth + 1)
    if type(seconds) is not int and type(seconds) is not float:
        raise NotCBOR
    return Epoch(seconds), at


def _number(raw: bytes, at: int, info: int) -> tuple[int, int]:
    if info < 24:
        return info, at
    if info not in _LENGTHS:
        raise NotCBOR
    part, at = _taken(raw, at, _LENGTHS[info])
    return int.from_bytes(part, "big"), at


def _taken(raw: bytes, at: int, length: int) -> tuple[bytes, int]:
    if length > len(raw) - at:
        raise NotCBOR
    return raw[at : at + length], at + length


def _simple(raw: bytes, at: int, info: int) -> tuple[Any, int]:
    if info == _INDEFINITE:
        return _BREAK, at
    if info in _FLOATS:
        form, length = _FLOATS[info]
        part, at = _taken(raw, at, length)
        return struct.unpack(form, part)[0], at
    if info not in _SIMPLE_VALUES:
        raise NotCBOR
    return _SIMPLE_VALUES[info], at


def _elements(raw: bytes, at: int, count: int, depth: int) -> tuple[list[Any], int]:
    if count > len(raw) - at:  # each takes a byte at least
        raise NotCBOR
    found = []
    for _ in range(count):
        one, at = _whole(raw, at, depth)
        found.append(one)
    return found, at


def _entries(raw: bytes, at: int, count: int, depth: int) -> tuple[dict[str, Any], int]:
    if count > (len(raw) - at) // 2:
        raise NotCBOR
    found: dict[str, Any] = {}
    for _ in range(count):
        key, at = _whole(raw, at, depth)
        at = _entry(raw, at, depth, key, found)
    return found, at


def _entry(raw: bytes, at: int, depth: int, key: Any, found: dict[str, Any]) -> int:
    if type(key) is not str or key in found:
        raise NotCBOR
    found[key], at = _whole(raw, at, depth)
    return at


def _whole(raw: bytes, at: int, depth: int) -> tuple[Any, int]:
    found, at = _value(raw, at, depth + 1)
    if found is _BREAK:
        raise NotCBOR
    return found, at


def _endless(raw: bytes, at: int, major: int, depth: int) -> tuple[Any, int]:
    """A string of chunks, a list or a map that ends with a break (RFC 8949, 3.2)."""
    if major not in (_BYTES, _TEXT, _LIST, _MAP):
        raise NotCBOR
    parts: list[Any] = []
    entries: dict[str, Any] = {}
    while True:
        one, at = _value(raw, at, depth + 1)
        if one is _BREAK:
            break
        if major == _MAP:
            at = _entry(raw, at, depth, one, entries)
        elif major != _LIST and type(one) is not (bytes if major == _BYTES else str):
            raise NotCBOR
        else:
            parts.append(one)
    if major == _MAP:
        return entries, at
    if major == _LIST:
        return parts, at
    return b"".join(parts) if major == _BYTES else "".join(parts), at


_READERS: Final = {_BYTES: _bytes, _TEXT: _text, _LIST: _elements, _MAP: _entries, _TAG: _tagged}


def dumps(value: Any) -> bytes:
    """The bytes of a value as ``loads`` answers it; datetimes are written as tag 1. Raises TypeError."""
    parts: list[bytes] = []
    _write(parts, value)
    return b"".join(parts)


def _write(parts: list[bytes], value: Any) -> None:
    if value is None or value is True or value is False:
        parts.append(b"\xf6" if value is None else b"\xf5" if value else b"\xf4")
    elif isinstance(value, int):
        parts.append(_head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value))
    elif isinstance(value, float):
        parts.append(b"\xfb" + struct.pack(">d", value))
    elif isinstance(value, datetime):
        parts.append(_head(_TAG, _EPOCH) + b"\xfb" + struct.pack(">d", value.timestamp()))
    elif isinstance(value, str | bytes):
        raw = value if isinstance(value, bytes) else value.encode("utf-8")
        parts += (_head(_BYTES if isinstance(value, bytes) else _TEXT, len(raw)), raw)
    else:
        _write_parts(parts, value)


def _write_parts(parts: list[bytes], value: Any) -> None:
    if isinstance(value, Mapping):
        parts.append(_head(_MAP, len(value)))
        for key, one in value.items():
            _write(parts, key)
            _write(parts, one)
    elif isinstance(value, list | tuple):
        parts.append(_head(_LIST, len(value)))
        for one in value:
            _write(parts, one)
    else:
        raise TypeError(f"CBOR has no {type(value).__name__} here")


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes((major << 5 | number,))
    for info, length in _LENGTHS.items():
        if number < 1 << (8 * length):
            return bytes((major << 5 | info,)) + number.to_bytes(length, "big")
    raise TypeError("the number is too large for CBOR")


def is_finite(value: Any) -> bool:
    """Whether a value is a number that compares with others."""
    return type(value) is int or (type(value) is float and math.isfinite(value))
