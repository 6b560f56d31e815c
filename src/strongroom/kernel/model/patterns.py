r"""AWS's patterns are Java's regular expressions; here they become Python's, with the same meaning.

What differs: classes are ASCII (``\w``, ``\d``, ``\s``), ``.`` stops at five line ends and not one, ``\p{L}``
and its like exist, two escaped surrogates are one character, and a hyphen beside a class is a hyphen.
Python has no ``\p``: such a pattern is matched against the text with every non-ASCII character replaced by a
stand-in for its Unicode category, which is exact as long as the pattern names no other non-ASCII character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

_CATEGORIES: Final = (*"LMNPSZC", "Zs")
_STAND_IN: Final = {category: chr(0xE000 + number) for number, category in enumerate(_CATEGORIES)}
_ANY: Final = "[^\\n\\r\\x85\\u2028\\u2029]"
_SURROGATES: Final = re.compile(r"\\u[dD]([89abAB][0-9a-fA-F]{2})\\u[dD]([c-fC-F][0-9a-fA-F]{2})")
_BEYOND_ASCII: Final = re.compile(r"\\u00[89a-fA-F]|\\u0[1-9a-fA-F]|\\u[1-9a-fA-F]|\\x[89a-fA-F]|[^\x00-\x7f]")


@lru_cache(maxsize=4096)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text is matched by a Java pattern. Raises ValueError for a pattern not understood."""
    by_category = "\\p" in pattern
    if "\\P" in pattern or (by_category and (_BEYOND_ASCII.search(pattern) or "[^" in pattern)):
        raise ValueError(f"the pattern {pattern} mixes categories with characters beyond ASCII")
    compiled = re.compile(_python(pattern), re.ASCII)
    if not by_category:
        return lambda text: compiled.fullmatch(text) is not None
    return lambda text: compiled.fullmatch(_in_categories(text)) is not None


def _in_categories(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c if c < "\x80" else _stand_in(unicodedata.category(c)) for c in text)


def _stand_in(category: str) -> str:
    return _STAND_IN.get(category) or _STAND_IN[category[0]]


@lru_cache(maxsize=len(_CATEGORIES))
def _category_class(category: str) -> str:
    """What ``\\p{L}`` means inside brackets: its ASCII members and its stand-in."""
    ascii_members = [chr(code) for code in range(128) if unicodedata.category(chr(code)).startswith(category)]
    stand_ins = [sign for name, sign in _STAND_IN.items() if name.startswith(category)]
    return "".join(map(re.escape, ascii_members)) + "".join(stand_ins)


def _python(pattern: str) -> str:
    pattern = _SURROGATES.sub(_joined, pattern)
    dot = "." if pattern.startswith("(?s)") else _ANY
    out: list[str] = []
    inside = False  # brackets
    at = 0
    while at < len(pattern):
        piece = _piece(pattern, at)
        at += len(piece)
        if piece.startswith("\\p"):
            members = _category_class(_category(piece, pattern))
            out.append(members if inside else f"[{members}]")
        elif not inside:
            inside = piece in ("[", "[^")
            out.append(dot if piece == "." else piece)
        elif piece == "]":
            inside = False
            out.append(piece)
        elif piece == "-" and not _is_range(pattern, at - 1):
            out.append("\\-")
        elif piece in ("[", "&&"):
            raise ValueError(f"the pattern {pattern} joins or cuts classes")
        else:
            out.append(piece)
    return "".join(out)


def _piece(pattern: str, at: int) -> str:
    """The next unit of a pattern: an escape with all that belongs to it, or one character."""
    if pattern.startswith(("[^", "&&"), at):
        return pattern[at : at + 2]
    if pattern[at] != "\\":
        return pattern[at]
    if pattern.startswith("p{", at + 1):
        return pattern[at : pattern.index("}", at) + 1]
    length = {"u": 6, "x": 4, "U": 10}.get(pattern[at + 1], 2)
    return pattern[at : at + length]


def _is_range(pattern: str, at: int) -> bool:
    r"""Whether the hyphen stands between two characters, as in ``a-z``, and not beside a class or an edge."""
    before, after = pattern[:at], pattern[at + 1 :]
    if re.search(r"(?:^|[^\\])\[\^?$", before) or after.startswith("]"):
        return False
    if re.search(r"\\[wdsWDS]$|\}$", before) or re.match(r"\\[wdsWDSp]", after):
        return False
    # The end of one range cannot be the start of the next: in 0-9-_ the second hyphen is a hyphen.
    return re.search(r"(?:[^\\\[]|\\.|\\u.{4}|\\x..|\\U.{8})-(?:[^\\]|\\[^ux]|\\u.{4}|\\x..|\\U.{8})$", before) is None


def _joined(pair: re.Match[str]) -> str:
    high, low = int(pair[1], 16) - 0x800, int(pair[2], 16) - 0xC00
    return f"\\U{0x10000 + (high << 10) + low:08x}"


def _category(piece: str, pattern: str) -> str:
    category = piece[3:-1]
    if category not in _STAND_IN:
        raise ValueError(f"the pattern {pattern} names the class {category}, which is not known here")
    return category
