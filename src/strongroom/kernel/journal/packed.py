"""A closed segment packed: gzip members of some hundred lines each, so that any line can be read by itself.

``zcat`` reads such a file like any other. Each member tells its packed and its unpacked length in the header's extra
field, so that a reader walks from header to header.
Source: RFC 1952, section 2.3.1.1 (extra field); Our choice: sub-field "SR", two 32-bit numbers.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

PACKED_SUFFIX = ".gz"
MEMBER_BYTES = 256 * 1024
PACK_LEVEL = 3
"""Our choice: what packs runs beside the calls, and zlib's own 6 takes much longer for a little less room."""
_HEADER = struct.Struct("<4BI2BHccHII")
_MAGIC = (0x1F, 0x8B, 8, 4)
_UNIX = 3


class Member(NamedTuple):
    """One member: where its bytes begin in the packed and in the unpacked segment, and how many they are there."""

    packed_at: int
    packed: int
    at: int
    size: int


class NotPacked(ValueError):  # noqa: N818  a finding about the file
    """The file is not as ``pack`` writes them."""


def pack(path: Path) -> Path:
    """Write a segment's packed form beside it, durably, and remove the segment; the new path."""
    target = path.with_name(path.name + PACKED_SUFFIX)
    draft = path.with_name(f".{target.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as out, path.open("rb") as file:
        while chunk := file.read(MEMBER_BYTES):
            out.write(_member(chunk + (file.readline() if not chunk.endswith(b"\n") else b"")))
        out.flush()
        told = os.fstat(file.fileno())
        os.utime(handle, ns=(told.st_atime_ns, told.st_mtime_ns))  # its age decides how long it is kept
        os.fsync(handle)
    draft.replace(target)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
        path.unlink()
        os.fsync(directory)
    finally:
        os.close(directory)
    return target


def read_packed(path: Path, offset: int, most: int) -> bytes:
    """Up to ``most`` unpacked bytes from an offset on. Raises FileNotFoundError, NotPacked."""
    found, wanted = bytearray(), offset
    with path.open("rb") as file:
        for member in members(path):
            if member.at + member.size <= wanted:
                continue
            file.seek(member.packed_at)
            content = _unpacked(file.read(member.packed), member.size)
            found += content[wanted - member.at : wanted - member.at + most - len(found)]
            wanted = member.at + member.size
            if len(found) >= most:
                break
    return bytes(found)


def unpacked(path: Path) -> Iterator[bytes]:
    """The members' contents, one after the other: whole lines each, but for a torn end. Raises NotPacked."""
    with path.open("rb") as file:
        for member in members(path):
            file.seek(member.packed_at)
            yield _unpacked(file.read(member.packed), member.size)


def packed_size(path: Path) -> int:
    """How long the segment is unpacked. Raises FileNotFoundError, NotPacked."""
    found = members(path)
    return found[-1].at + found[-1].size if found else 0


def members(path: Path) -> tuple[Member, ...]:
    """All members of a packed segment, in order. Raises FileNotFoundError, NotPacked."""
    told = path.stat()
    return _members(path, told.st_ino, told.st_size, told.st_mtime_ns)


@lru_cache(maxsize=256)
def _members(path: Path, _inode: int, length: int, _changed: int) -> tuple[Member, ...]:
    found, packed_at, at = [], 0, 0
    with path.open("rb") as file:
        while packed_at < length:
            file.seek(packed_at)
            head = file.read(_HEADER.size)
            if len(head) < _HEADER.size:
                raise NotPacked(path.name)
            told = _HEADER.unpack(head)
            if told[:4] != _MAGIC or told[8:10] != (b"S", b"R"):
                raise NotPacked(path.name)
            packed, size = told[11:13]
            if packed <= _HEADER.size or packed_at + packed > length:
                raise NotPacked(path.name)
            found.append(Member(packed_at, packed, at, size))
            packed_at, at = packed_at + packed, at + size
    return tuple(found)


def _member(content: bytes) -> bytes:
    deflate = zlib.compressobj(PACK_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(content) + deflate.flush()
    length = _HEADER.size + len(body) + 8
    head = _HEADER.pack(*_MAGIC, 0, 0, _UNIX, 12, b"S", b"R", 8, length, len(content))
    return head + body + struct.pack("<II", zlib.crc32(content), len(content))


def _unpacked(member: bytes, size: int) -> bytes:
    """Bounded by what the header says; a member that says otherwise than it is, is refused."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflate.decompress(member[_HEADER.size : -8], size + 1)
    except zlib.error:
        raise NotPacked("a member is damaged") from None
    if len(content) != size or (zlib.crc32(content), size) != struct.unpack("<II", member[-8:]):
        raise NotPacked("a member is damaged")
    return content
