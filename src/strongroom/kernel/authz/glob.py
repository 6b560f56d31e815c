"""Wildcards as policies have them: ``*`` any run, ``?`` one character. Linear in the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum

from strongroom.base.classes import dataclass


class Wild(Enum):
    """The two wildcards, apart from literal text that happens to hold the same characters."""

    RUN = "*"
    ONE = "?"


class Filled(str):
    """Literal text that came from the request (a policy variable's value), not from the policy."""

    __slots__ = ()


Token = str | Wild
Matcher = Callable[[str], bool]
Masks = tuple[dict[str, int], int]
_KEPT_LENGTH = 1024  # longer pieces have their masks made when a text is long enough to hold them
_WILDCARDS = re.compile(r"([*?])")
_BY_SIGN: dict[str, Token] = {"*": Wild.RUN, "?": Wild.ONE}


def tokens_of(pattern: str) -> list[Token]:
    """A pattern as literal texts and wildcards."""
    return [_BY_SIGN.get(part, part) for part in _WILDCARDS.split(pattern) if part]


def matcher(pattern: Sequence[Token]) -> Matcher:
    """A function that says whether a whole text fits the pattern.

    The fixed pieces between ``*`` are looked for from left to right, each at its first place;
    nothing is ever tried twice, so no pattern can make a match slow.
    """
    pieces: list[list[Token]] = [[]]
    for token in pattern:
        if token is Wild.RUN:
            pieces.append([])
        else:
            pieces[-1].append(token)
    if len(pieces) == 1:
        return _whole(_piece(pieces[0]))
    head, tail = _piece(pieces[0]), _piece(pieces[-1])
    between = tuple(_piece(piece) for piece in pieces[1:-1] if piece)
    if not between and not tail.length and head.literal is not None:
        return _beginning(head.literal)
    return _pieces(head, between, tail)


def glob(pattern: str) -> Matcher:
    """The matcher of a pattern written as text."""
    return matcher(tokens_of(pattern))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of fixed length: literal chunks at their offsets, any character elsewhere."""

    length: int
    chunks: tuple[tuple[int, str], ...]
    literal: str | None
    masks: Masks | None

    def at(self, text: str, start: int) -> bool:
        """Whether it stands at this place. The caller has made sure that it fits in."""
        return all(text.startswith(chunk, start + offset) for offset, chunk in self.chunks)

    def find(self, text: str, start: int, stop: int) -> int:
        """Its first place within ``text[start:stop]``, or -1."""
        if not self.chunks:
            return start if start + self.length <= stop else -1
        if len(self.chunks) == 1:
            offset, chunk = self.chunks[0]
            found = text.find(chunk, start + offset, stop - (self.length - offset - len(chunk)))
            return found - offset if found >= 0 else -1
        return self._shift_and(text, start, stop) if start + self.length <= stop else -1

    def _shift_and(self, text: str, start: int, stop: int) -> int:
        """The same by Shift-And: bit i of the state says that the first i+1 characters end here."""
        state, accept = 0, 1 << (self.length - 1)
        masks, wild = self.masks or _masks(self.chunks, self.length, frozenset(text))
        for place in range(start, stop):
            state = (state << 1 | 1) & masks.get(text[place], wild)
            if state & accept:
                return place - self.length + 1
        return -1


def _piece(tokens: Sequence[Token]) -> _Piece:
    chunks: list[tuple[int, str]] = []
    length = 0
    for token in tokens:
        if isinstance(token, str):
            if chunks and chunks[-1][0] + len(chunks[-1][1]) == length:
                chunks[-1] = (chunks[-1][0], chunks[-1][1] + token)
            else:
                chunks.append((length, token))
            length += len(token)
        else:
            length += 1
    literal = "" if not length else chunks[0][1] if len(chunks) == 1 and len(chunks[0][1]) == length else None
    keeps = len(chunks) > 1 and length <= _KEPT_LENGTH
    masks = _masks(chunks, length, frozenset("".join(chunk for _, chunk in chunks))) if keeps else None
    return _Piece(length, tuple(chunks), literal, masks)


def _masks(chunks: Sequence[tuple[int, str]], length: int, signs: frozenset[str]) -> Masks:
    """For each of some characters the places that admit it, as bits; and the places that admit any."""
    wild = (1 << length) - 1
    found: dict[str, int] = {}
    for offset, chunk in chunks:
        wild &= ~(((1 << len(chunk)) - 1) << offset)
        for place, sign in enumerate(chunk, offset):
            if sign in signs:
                found[sign] = found.get(sign, 0) | 1 << place
    return {sign: mask | wild for sign, mask in found.items()}, wild


def _whole(piece: _Piece) -> Matcher:
    if piece.literal is not None:
        literal = piece.literal
        return lambda text: text == literal
    length, at = piece.length, piece.at
    return lambda text: len(text) == length and at(text, 0)


def _beginning(literal: str) -> Matcher:
    if not literal:
        return lambda text: True  # noqa: ARG005
    return lambda text: text.startswith(literal)


def _pieces(head: _Piece, between: tuple[_Piece, ...], tail: _Piece) -> Matcher:
    def fits(text: str) -> bool:
        stop = len(text) - tail.length
        place = head.length
        if stop < place or not head.at(text, 0) or not tail.at(text, stop):
            return False
        for piece in between:
            place = piece.find(text, place, stop)
            if place < 0:
                return False
            place += piece.length
        return True

    return fits
