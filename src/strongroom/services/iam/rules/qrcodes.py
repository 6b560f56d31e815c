"""QR codes of short texts, and their picture: what an authenticator's camera reads. Pure.

Byte mode, error correction level M (a seventh of the symbol may be unreadable), versions 1 to 15.
Source: ISO/IEC 18004, sections 7 (encoding, masking, format and version information) and table 9.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import product

Grid = list[list[bool]]

# Version -> (codewords of error correction in a block, blocks), for level M. Source: table 9.
_BLOCKS = (
    (10, 1), (16, 1), (26, 1), (18, 2), (24, 2), (16, 4), (18, 4), (22, 4),
    (22, 5), (26, 5), (30, 5), (22, 8), (22, 9), (24, 9), (24, 10),
)  # fmt: skip
_LEVEL_M = 0b00
_QUIET = 4  # modules of white around the symbol
_SCALE = 6  # pixels of a module

MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda x, y: (x + y) % 2 == 0,
    lambda x, y: y % 2 == 0,  # noqa: ARG005
    lambda x, y: x % 3 == 0,  # noqa: ARG005
    lambda x, y: (x + y) % 3 == 0,
    lambda x, y: (x // 3 + y // 2) % 2 == 0,
    lambda x, y: x * y % 2 + x * y % 3 == 0,
    lambda x, y: (x * y % 2 + x * y % 3) % 2 == 0,
    lambda x, y: ((x + y) % 2 + x * y % 3) % 2 == 0,
)
"""Which modules a mask inverts. Source: table 10."""


def png(text: str) -> bytes | None:
    """The picture of a text's QR code; None where it is too long."""
    found = symbol(text.encode())
    return None if found is None else _picture(found)


def symbol(content: bytes) -> Grid | None:
    """The modules of a QR code, rows of columns, True for dark; None where the content is too long."""
    version = next((one for one in range(1, len(_BLOCKS) + 1) if _fits(content, one)), None)
    if version is None:
        return None
    words = _interleaved(data_words(content, version), version)
    drawn = [_drawn(words, version, mask) for mask in range(len(MASKS))]
    return min(drawn, key=_penalty)


# ---------------------------------------------------------------------- from bytes to codewords


def _raw_modules(version: int) -> int:
    """How many modules are left for codewords."""
    found = (16 * version + 128) * version + 64
    if version >= 2:
        aligned = version // 7 + 2
        found -= (25 * aligned - 10) * aligned - 55
    return found - (36 if version >= 7 else 0)


def _data_length(version: int) -> int:
    correction, blocks = _BLOCKS[version - 1]
    return _raw_modules(version) // 8 - correction * blocks


def _count_bits(version: int) -> int:
    return 8 if version < 10 else 16


def _fits(content: bytes, version: int) -> bool:
    return 4 + _count_bits(version) + 8 * len(content) <= 8 * _data_length(version)


def data_words(content: bytes, version: int) -> bytes:
    """The content in byte mode, ended and padded to the length of the version. Source: section 7.4."""
    bits = f"0100{len(content):0{_count_bits(version)}b}" + "".join(f"{byte:08b}" for byte in content)
    length = 8 * _data_length(version)
    bits += "0" * min(4, length - len(bits))
    bits += "0" * (-len(bits) % 8)
    words = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    padding = bytes((0xEC, 0x11)) * length
    return (words + padding)[: length // 8]


def _interleaved(data: bytes, version: int) -> bytes:
    """Data in blocks, each with its error correction, dealt out one codeword of each block after the other."""
    correction, count = _BLOCKS[version - 1]
    total = _raw_modules(version) // 8
    short, longer = total // count - correction, total % count
    blocks, at = [], 0
    for number in range(count):
        length = short + (number >= count - longer)
        blocks.append(data[at : at + length])
        at += length
    return _dealt(blocks) + _dealt([remainder(block, correction) for block in blocks])


def _dealt(blocks: Sequence[bytes]) -> bytes:
    longest = max(map(len, blocks))
    return bytes(block[at] for at in range(longest) for block in blocks if at < len(block))


def _times(one: int, other: int) -> int:
    """A product in GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1."""
    found = 0
    for bit in range(7, -1, -1):
        found = (found << 1) ^ (0x11D if found & 0x80 else 0)
        found ^= one if other >> bit & 1 else 0
    return found


def remainder(data: bytes, length: int) -> bytes:
    """The Reed-Solomon codewords of a block. Source: section 7.5.2."""
    divisor, root = [0] * (length - 1) + [1], 1
    for _ in range(length):
        divisor = [_times(one, root) ^ after for one, after in zip(divisor, [*divisor[1:], 0], strict=True)]
        root = _times(root, 2)
    left = [0] * length
    for byte in data:
        factor = byte ^ left[0]
        left = [one ^ _times(by, factor) for one, by in zip([*left[1:], 0], divisor, strict=True)]
    return bytes(left)


# ---------------------------------------------------------------------- from codewords to modules


def _checked(value: int, bits: int, polynomial: int) -> int:
    """A value followed by the remainder of its division: format and version information."""
    left = value << bits
    for at in range(left.bit_length() - 1, bits - 1, -1):
        if left >> at & 1:
            left ^= polynomial << (at - bits)
    return value << bits | left


def format_bits(mask: int) -> int:
    """The format information of level M with a mask. Source: section 7.9."""
    return _checked(_LEVEL_M << 3 | mask, 10, 0x537) ^ 0x5412


def version_bits(version: int) -> int:
    """The version information. Source: section 7.10."""
    return _checked(version, 12, 0x1F25)


def alignments(version: int) -> list[int]:
    """Where rows and columns of alignment patterns are. Source: annex E."""
    if version == 1:
        return []
    count = version // 7 + 2
    step = (version * 8 + count * 3 + 5) // (count * 4 - 4) * 2
    return [6, *(version * 4 + 10 - step * at for at in range(count - 2, -1, -1))]


def function_modules(version: int, mask: int) -> dict[tuple[int, int], bool]:
    """All modules that hold no data: (column, row) to dark."""
    size = version * 4 + 17
    found: dict[tuple[int, int], bool] = {}
    for at in range(size):
        found[at, 6] = found[6, at] = at % 2 == 0
    for corner_x, corner_y in ((3, 3), (size - 4, 3), (3, size - 4)):
        for x, y in _square(corner_x, corner_y, 4):
            if 0 <= x < size and 0 <= y < size:
                found[x, y] = max(abs(x - corner_x), abs(y - corner_y)) not in (2, 4)
    _add_alignments(found, version)
    _add_format(found, size, mask)
    if version >= 7:
        told = version_bits(version)
        for bit in range(18):
            far, near = size - 11 + bit % 3, bit // 3
            found[far, near] = found[near, far] = bool(told >> bit & 1)
    return found


def _add_alignments(found: dict[tuple[int, int], bool], version: int) -> None:
    last = version * 4 + 10
    for centre_x, centre_y in product(alignments(version), repeat=2):
        if (centre_x, centre_y) not in ((6, 6), (6, last), (last, 6)):  # where finder patterns are
            for x, y in _square(centre_x, centre_y, 2):
                found[x, y] = max(abs(x - centre_x), abs(y - centre_y)) != 1


def _add_format(found: dict[tuple[int, int], bool], size: int, mask: int) -> None:
    """Twice, and the module that is always dark. Source: figure 25."""
    told = format_bits(mask)
    rows = [0, 1, 2, 3, 4, 5, 7, 8, *range(size - 7, size)]
    columns = [*range(size - 1, size - 9, -1), 7, 5, 4, 3, 2, 1, 0]
    for bit, (row, column) in enumerate(zip(rows, columns, strict=True)):
        found[8, row] = found[column, 8] = bool(told >> bit & 1)
    found[8, size - 8] = True


def _square(x: int, y: int, reach: int) -> Iterator[tuple[int, int]]:
    around = range(-reach, reach + 1)
    return ((x + right, y + down) for right in around for down in around)


def places(version: int, taken: dict[tuple[int, int], bool]) -> Iterator[tuple[int, int]]:
    """The modules of data in the order of the bits: up and down in pairs of columns, from the right."""
    size = version * 4 + 17
    for pair, right in enumerate((*range(size - 1, 6, -2), 5, 3, 1)):
        rows = range(size) if pair % 2 else range(size - 1, -1, -1)
        yield from ((x, y) for y in rows for x in (right, right - 1) if (x, y) not in taken)


def _drawn(words: bytes, version: int, mask: int) -> Grid:
    size, inverts = version * 4 + 17, MASKS[mask]
    taken = function_modules(version, mask)
    grid = [[False] * size for _ in range(size)]
    for at, (x, y) in enumerate(places(version, taken)):
        bit = at < 8 * len(words) and bool(words[at // 8] >> (7 - at % 8) & 1)
        grid[y][x] = bit is not inverts(x, y)
    for (x, y), dark in taken.items():
        grid[y][x] = dark
    return grid


def _penalty(grid: Grid) -> int:
    """How hard a symbol is to read. Source: section 7.8.3."""
    size = len(grid)
    lines = ["".join("1" if dark else "0" for dark in line) for line in (*grid, *zip(*grid, strict=True))]
    found = sum(_line_penalty(line) for line in lines)
    for y in range(size - 1):
        for x in range(size - 1):
            found += 3 * (grid[y][x] == grid[y][x + 1] == grid[y + 1][x] == grid[y + 1][x + 1])
    dark = sum(map(sum, grid))
    return found + 10 * (abs(dark * 20 - size * size * 10) // (size * size))


def _line_penalty(line: str) -> int:
    found = sum(40 * line.startswith(bad, at) for at in range(len(line)) for bad in ("10111010000", "00001011101"))
    run, before = 0, ""
    for sign in line:
        run, before = (run + 1 if sign == before else 1), sign
        found += 3 if run == 5 else int(run > 5)
    return found


# ---------------------------------------------------------------------- the picture


def _picture(grid: Grid) -> bytes:
    """A PNG of one bit a pixel. Source: ISO/IEC 15948 (PNG), sections 5 and 11."""
    side = (len(grid) + 2 * _QUIET) * _SCALE
    white = [False] * _QUIET
    rows = [*[[False] * (len(grid) + 2 * _QUIET)] * _QUIET, *([*white, *row, *white] for row in grid)]
    rows += rows[:_QUIET]
    image = b"".join(b"\0" + _packed(row) for row in rows for _ in range(_SCALE))
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(image, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in chunks)


def _packed(row: Sequence[bool]) -> bytes:
    bits = "".join(("0" if dark else "1") * _SCALE for dark in row)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)
