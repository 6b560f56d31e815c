"""QR codes: the standard's own examples, and every version read back from its picture."""

from __future__ import annotations

import struct
import zlib

import pytest

from strongroom.services.iam.rules import qrcodes

LONGEST = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412)
"""Bytes that versions 1 to 15 hold at level M. Source: ISO/IEC 18004, table 7."""


def grid_of(picture: bytes) -> list[list[bool]]:
    """The modules of a picture, white margin left out, by the form of PNG alone."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    at, chunks = 8, {}
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        name, content = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        assert (zlib.crc32(name + content),) == struct.unpack_from(">I", picture, at + 8 + length)
        chunks[name] = content
        at += 12 + length
    side, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (side, 1, 0, [0, 0, 0]) == (height, depth, colour, rest)
    lines, width = zlib.decompress(chunks[b"IDAT"]), 1 + (side + 7) // 8
    assert len(lines) == side * width
    pixels = [[not lines[y * width + 1 + x // 8] >> (7 - x % 8) & 1 for x in range(side)] for y in range(side)]
    modules = [row[3::6] for row in pixels[3::6]]
    assert not any(any(row) for row in (*modules[:4], *modules[-4:])), "a quiet zone is white"
    return [row[4:-4] for row in modules[4:-4]]


def read_picture(picture: bytes) -> str:
    """The text of a picture without an error in it: format, mask, codewords, blocks, bytes."""
    grid = grid_of(picture)
    version = (len(grid) - 17) // 4
    rows = [0, 1, 2, 3, 4, 5, 7, 8, *range(len(grid) - 7, len(grid))]
    told = sum(grid[row][8] << bit for bit, row in enumerate(rows))
    (mask,) = [one for one in range(8) if qrcodes.format_bits(one) == told]
    taken = qrcodes.function_modules(version, mask)
    bits = [grid[y][x] is not qrcodes.MASKS[mask](x, y) for x, y in qrcodes.places(version, taken)]
    words = [int("".join("01"[bit] for bit in bits[at : at + 8]), 2) for at in range(0, len(bits) - 7, 8)]
    correction, count = qrcodes._BLOCKS[version - 1]
    lengths = [(len(words) - correction * count + number) // count for number in range(count)]
    blocks: list[list[int]] = [[] for _ in lengths]
    stream = iter(words)
    for at in range(max(lengths)):
        for number, length in enumerate(lengths):
            if at < length:
                blocks[number].append(next(stream))
    checks = list(stream)
    for number, block in enumerate(blocks):
        assert list(qrcodes.remainder(bytes(block), correction)) == checks[number::count]
    text = "".join(f"{byte:08b}" for block in blocks for byte in block)
    size = 8 if version < 10 else 16
    length = int(text[4 : 4 + size], 2)
    start = 4 + size
    assert "0100" == text[:4]
    return bytes(int(text[start + 8 * at : start + 8 * at + 8], 2) for at in range(length)).decode()


def test_error_correction_is_that_of_the_standards_example() -> None:
    data = bytes([32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17])

    assert [196, 35, 39, 119, 235, 215, 231, 226, 93, 23] == list(qrcodes.remainder(data, 10))


def test_format_and_version_information_are_those_of_the_standard() -> None:
    assert [0b101010000010010, 0b101000100100101, 0b100101010100000] == [
        qrcodes.format_bits(mask) for mask in (0, 1, 7)
    ]
    assert [0b000111110010010100, 0b001000010110111100] == [qrcodes.version_bits(version) for version in (7, 8)]


@pytest.mark.parametrize(
    ("version", "expected"), [(1, []), (2, [6, 18]), (7, [6, 22, 38]), (14, [6, 26, 46, 66]), (15, [6, 26, 48, 70])]
)
def test_alignment_patterns_are_where_the_standard_has_them(version: int, expected: list[int]) -> None:
    assert expected == qrcodes.alignments(version)


def test_content_is_padded_as_the_standard_says() -> None:
    assert bytes([0x40, 0x16, 0x10, *[0xEC, 0x11] * 6, 0xEC]) == qrcodes.data_words(b"a", 1)


@pytest.mark.parametrize("version", [1, 2, 7, 11])
def test_a_text_is_read_back_from_its_picture(version: int) -> None:
    text = ("otpauth://totp/" * 30)[: LONGEST[version - 1]]
    picture = qrcodes.png(text)

    assert picture is not None
    assert (text, version * 4 + 17) == (read_picture(picture), len(grid_of(picture)))


def test_each_version_holds_what_the_standard_says() -> None:
    assert list(LONGEST) == [
        max(length for length in range(420) if qrcodes._fits(bytes(length), version)) for version in range(1, 16)
    ]


def test_a_text_that_is_too_long_has_no_picture() -> None:
    assert qrcodes.png("x" * 413) is None
