"""What the filters of ListSecrets and BatchGetSecretValue match.

Filters are ANDed, the values of one filter ORed, and a value that begins with ``!`` is negated.
Names, tags, primary Region and owning service match by case-sensitive prefix; descriptions and ``all`` word
by word.

Source: facts aws-observed, "ListSecrets filters"; secretsmanager section 12.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.services.secretsmanager import errors

PREFIX_KEYS = ("name", "tag-key", "tag-value", "primary-region", "owning-service")
WORD_KEYS = ("description", "all")

# A run of capitals ends before the capital that begins a lower-case word: COMPANYthings is COMPAN and
# Ythings. Letters without case count as lower-case ones; whatever is neither letter nor digit parts words
# and is none.
_WORDS = re.compile(r"[A-Z]+(?![^\W\dA-Z_])|[A-Z]?[^\W\dA-Z_]+|\d+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One value of a filter. ``words`` are lower-cased and only set for the word-matching keys."""

    text: str
    negated: bool
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: a key and its alternatives."""

    key: str
    values: tuple[Wanted, ...]


def words(text: str) -> tuple[str, ...]:
    """The words of a text, lower-cased, split where case changes, at digits and at whatever is no letter."""
    return tuple(word.lower() for word in _WORDS.findall(text))


def read_filters(given: Sequence[Mapping[str, Any]]) -> tuple[Filter, ...]:
    """The filters of a request. Raises InvalidParameterException where key or values are missing."""
    return tuple(_read_filter(one) for one in given)


def _read_filter(given: Mapping[str, Any]) -> Filter:
    key = given.get("Key")
    if not key:
        raise errors.InvalidParameterException("Invalid filter key")
    values = given.get("Values")
    if not values:
        raise errors.InvalidParameterException(f"Invalid filter values for key: {key}")
    return Filter(key, tuple(_read_value(key, value) for value in values))


def _read_value(key: str, value: str) -> Wanted:
    negated = value.startswith("!")
    text = value[1:] if negated else value
    return Wanted(text, negated, words(text) if key in WORD_KEYS else ())


def words_match(wanted: Sequence[str], found: Iterable[str]) -> bool:
    """Whether each wanted word begins some found one.

    No words at all match nothing: ``+`` alone finds no secret.
    """
    have = tuple(found)
    return bool(wanted) and all(any(word.startswith(begin) for word in have) for begin in wanted)


def matches(one: Filter, texts: Sequence[str]) -> bool:
    """Whether a word-matching filter accepts a secret with these texts."""
    have = tuple(word for text in texts for word in words(text))
    return any(words_match(value.words, have) is not value.negated for value in one.values)
