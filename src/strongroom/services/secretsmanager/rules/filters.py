"""What the filters of ListSecrets and BatchGetSecretValue match.

Filters are ANDed, the values of one filter ORed, and a value that begins with ``!`` is negated.
Names, tags, primary Region and owning service match by case-sensitive prefix; descriptions and ``all`` word
by word.

Source: facts aws-observed, "ListSecrets filters"; secretsmanager section 12.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from strongroom.base.classes import dataclass
from strongroom.services.secretsmanager import errors

WORD_KEYS = ("description", "all")
_TAGS = ("tag-key", "tag-value")

# A run of capitals ends before the capital that begins a lower-case word: COMPANYthings is COMPAN and
# Ythings. Letters without case count as lower-case ones; whatever is neither letter nor digit parts words
# and is none.
_WORDS = re.compile(r"[A-Z]+(?![^\W\dA-Z_])|[A-Z]?[^\W\dA-Z_]+|\d+")


class Searched(Protocol):
    """A secret as filters look at it."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def description(self) -> str | None:
        """Its description."""
        ...

    @property
    def tags(self) -> str | None:
        """Its tags as JSON, for a first look."""
        ...

    @property
    def tag_list(self) -> list[dict[str, str]]:
        """Its tags."""
        ...

    @property
    def primary_region(self) -> str | None:
        """Where its primary is, if it is replicated."""
        ...

    @property
    def owning_service(self) -> str | None:
        """The service that manages it."""
        ...


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

    def accepts(self, one: Searched) -> bool:
        """Whether a secret passes."""
        if self.key in WORD_KEYS:
            return any(_has_words(one, self.key, value.words) is not value.negated for value in self.values)
        return any(_begins(one, self.key, value.text) is not value.negated for value in self.values)


def _tag_texts(one: Searched, part: str) -> list[str]:
    return [tag[part] for tag in one.tag_list]


_TEXTS: Mapping[str, Callable[[Searched], Sequence[str]]] = {
    "name": lambda one: (one.name,),
    "description": lambda one: (one.description or "",),
    "tag-key": lambda one: _tag_texts(one, "Key"),
    "tag-value": lambda one: _tag_texts(one, "Value"),
    # A secret that is not replicated has no primary Region, not an empty one.
    "primary-region": lambda one: () if one.primary_region is None else (one.primary_region,),
    "owning-service": lambda one: () if one.owning_service is None else (one.owning_service,),
    "all": lambda one: (
        one.name,
        one.description or "",
        *_tag_texts(one, "Key"),
        *_tag_texts(one, "Value"),
    ),
}


def words(text: str) -> tuple[str, ...]:
    """The words of a text, lower-cased, split where case changes, at digits and at whatever is no letter."""
    return tuple(word.lower() for word in _WORDS.findall(text))


def read_filters(given: Sequence[Mapping[str, Any]]) -> tuple[Filter, ...]:
    """The filters of a request. Raises InvalidParameterException where key or values are missing."""
    return tuple(_read_filter(one) for one in given)


def words_match(wanted: Sequence[str], found: Iterable[str]) -> bool:
    """Whether each wanted word begins some found one.

    No words at all match nothing: ``+`` finds no secret.
    """
    have = tuple(found)
    return bool(wanted) and all(any(word.startswith(begin) for word in have) for begin in wanted)


def _has_words(one: Searched, key: str, wanted: Sequence[str]) -> bool:
    # Most secrets lack some wanted word even as a part of any text: that is ten times cheaper to find out.
    whole = one.description or ""
    if key == "all":
        whole = f"{one.name}\n{whole}\n{one.tags or ''}"
    whole = whole.lower()
    if not all(word in whole for word in wanted):
        return False
    return words_match(wanted, [word for text in _TEXTS[key](one) for word in words(text)])


def _begins(one: Searched, key: str, prefix: str) -> bool:
    # The model admits no character in a filter that JSON would write in another way.
    if key in _TAGS and f'"{prefix}' not in (one.tags or ""):
        return False
    return any(text.startswith(prefix) for text in _TEXTS[key](one))


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
