"""Packed segments: the same bytes, read from anywhere, and by zcat."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from strongroom.kernel.journal.packed import MEMBER_BYTES, NotPacked, pack, packed_size, read_packed, unpacked


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """A segment of three members and a torn end."""
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"".join(b'{"seq":%d,"pad":"%b"}\n' % (n, b"x" * 700) for n in range(900)) + b'{"torn')
    return path


def test_packing_keeps_every_byte_for_any_reader_of_gzip(segment: Path) -> None:
    before = segment.read_bytes()
    packed = pack(segment)

    assert not segment.exists()
    assert before == gzip.decompress(packed.read_bytes()) == b"".join(unpacked(packed))
    assert len(before) == packed_size(packed)
    assert 0o600 == packed.stat().st_mode & 0o777
    assert packed.stat().st_size < len(before) / 5


def test_any_part_is_read_by_itself(segment: Path) -> None:
    before = segment.read_bytes()
    packed = pack(segment)

    for offset in (0, 1, MEMBER_BYTES - 3, MEMBER_BYTES + 900, len(before) - 10, len(before), len(before) + 5):
        for most in (1, 4096, 2 * MEMBER_BYTES):
            assert before[offset : offset + most] == read_packed(packed, offset, most)


def test_an_empty_segment_packs_to_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").touch()
    packed = pack(tmp_path / "s.jsonl")

    assert (0, b"") == (packed_size(packed), read_packed(packed, 0, 10))


@pytest.mark.parametrize("at", [0, 3, 12, 20, 400, -1])
def test_a_damaged_member_is_refused_and_not_half_read(segment: Path, at: int) -> None:
    packed = pack(segment)
    content = bytearray(packed.read_bytes())
    content[at] ^= 0x41
    packed.write_bytes(content)

    with pytest.raises(NotPacked):
        read_packed(packed, 0, 1024 * 1024)


def test_a_file_that_was_cut_is_refused(segment: Path) -> None:
    packed = pack(segment)
    packed.write_bytes(packed.read_bytes()[:-5])

    with pytest.raises(NotPacked):
        list(unpacked(packed))
