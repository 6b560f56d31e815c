"""Chance as it enters the product: one source that a test may replace by a counted one."""

from __future__ import annotations

import os
import threading
from typing import Protocol

_POOL_BYTES = 4096
_UUIDS = 512


class Entropy(Protocol):
    """A source of unpredictable bytes."""

    def take(self, count: int) -> bytes:
        """``count`` fresh bytes, never given out before."""
        ...


class SystemEntropy:
    """The operating system's generator, read in blocks: a request needs a dozen small draws.

    The pool is emptied in a forked child, so that two processes never share a byte.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = b""
        self._at = 0
        self._uuids: list[str] = []
        os.register_at_fork(after_in_child=self._forget)

    def take(self, count: int) -> bytes:
        """``count`` fresh bytes; large draws bypass the pool."""
        if count > _POOL_BYTES // 4:
            return os.urandom(count)
        with self._lock:
            if self._at + count > len(self._pool):
                self._pool, self._at = os.urandom(_POOL_BYTES), 0
            taken = self._pool[self._at : self._at + count]
            self._at += count
            return taken

    def uuid4(self) -> str:
        """A random UUID. They are made by the dozen: a request needs four."""
        try:
            return self._uuids.pop()
        except IndexError:
            made = _uuids(os.urandom(16 * _UUIDS))
            self._uuids.extend(made[1:])
            return made[0]

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._pool, self._at, self._uuids = b"", 0, []


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_VARIANTS = bytes.maketrans(b"0123456789abcdef", b"89ab" * 4)
_BLANK = b"xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx\n"
_DIGITS = tuple(
    zip([at for at, sign in enumerate(_BLANK) if sign == ord("x")], [*range(12), *range(13, 32)], strict=True)
)
"""Which of a UUID's drawn digits stands where: all but the thirteenth, where the version is."""


def _uuids(drawn: bytes) -> list[str]:
    """As many as there are 16 bytes, written side by side: a digit of all of them at a time."""
    digits, many = drawn.hex().encode(), len(drawn) // 16
    text = bytearray(_BLANK * many)
    for to, at in _DIGITS:
        text[to :: len(_BLANK)] = digits[at::32]
    text[19 :: len(_BLANK)] = digits[16::32].translate(_VARIANTS)
    return text.decode().splitlines()


def uuid4(entropy: Entropy) -> str:
    """A random UUID in its text form (RFC 9562, section 5.4)."""
    if isinstance(entropy, SystemEntropy):
        return entropy.uuid4()
    return _uuid(entropy.take(16).hex())


def _uuid(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"


def pick(entropy: Entropy, alphabet: str, count: int) -> str:
    """``count`` characters drawn evenly from an alphabet of at most 256 (by rejection, so without bias)."""
    limit = 256 - 256 % len(alphabet)
    drawn: list[str] = []
    while len(drawn) < count:
        drawn.extend(alphabet[byte % len(alphabet)] for byte in entropy.take(count + 16) if byte < limit)
    return "".join(drawn[:count])
