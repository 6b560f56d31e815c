"""Words that must never be found on a disk, and the search for them in every form that a careless program writes."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path


def canary() -> str:
    """A word of 24 letters and digits that stands nowhere else."""
    return "Canary" + secrets.token_hex(9)


def forms(word: bytes) -> Iterator[bytes]:
    """The word as it is, in hex, in UTF-16, and in base64 at each of the three alignments (both alphabets)."""
    yield word
    yield word.hex().encode()
    yield word.hex().upper().encode()
    yield word.decode("latin-1").encode("utf-16-le")
    for shift in range(3):
        # The characters that depend on the word's neighbours are cut off.
        coded = base64.b64encode(b"\0" * shift + word)[(0, 2, 3)[shift] :]
        coded = coded.rstrip(b"=")[: -1 - (len(word) + shift) % 3]
        yield coded
        yield coded.replace(b"+", b"-").replace(b"/", b"_")


def found_in(places: Iterable[Path], words: Iterable[str | bytes], *, leave_out: Iterable[Path] = ()) -> list[str]:
    """Which words stand in which files below the places."""
    needles = [(word, form) for word in words for form in forms(word.encode() if isinstance(word, str) else word)]
    skipped = set(leave_out)
    hits: list[str] = []
    for place in places:
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path in skipped or not path.is_file():
                continue
            content = path.read_bytes()
            hits.extend(f"{path.name}: {word!r}" for word, form in needles if form in content)
    return hits
