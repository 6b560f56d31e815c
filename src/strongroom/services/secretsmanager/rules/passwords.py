"""How a random password is made: which characters it may have, and that each required kind occurs.

Source: facts secretsmanager section 13.
"""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.base.classes import dataclass
from strongroom.base.entropy import Entropy, pick
from strongroom.services.secretsmanager import errors

UPPERCASE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWERCASE = "abcdefghijklmnopqrstuvwxyz"
NUMBERS = "0123456789"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
LENGTH_DEFAULT = 32


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to draw from: ``pool`` for any place, and one character at least of each of ``required``."""

    length: int
    pool: str
    required: tuple[str, ...]


def recipe(*, length: int, kinds: Sequence[str], excluded: str, space: bool, require_each: bool) -> Recipe:
    """The recipe for GetRandomPassword's parameters; ``kinds`` are the alphabets that were not excluded.

    A space is admitted, never required. Raises InvalidParameterException where no password fits.
    """
    without = set(excluded)
    left = ["".join(sign for sign in kind if sign not in without) for kind in kinds]
    if require_each:
        if not all(left):
            raise errors.InvalidParameterException("All characters of the desired type have been excluded")
        if length < len(left):
            raise errors.InvalidParameterException("Password length is too short based on the required types")
    pool = "".join(left) + (" " if space and " " not in without else "")
    if not pool:
        raise errors.InvalidParameterException("All characters have been excluded from selection")
    return Recipe(length, pool, tuple(left) if require_each else ())


def random_password(entropy: Entropy, wanted: Recipe) -> str:
    """A password by the recipe: drawn evenly, then one place for each required kind drawn from that kind.

    Our choice: places are redrawn rather than whole passwords, so that the work is bounded.
    """
    signs = list(pick(entropy, wanted.pool, wanted.length))
    for place, kind in zip(_places(entropy, wanted.length, len(wanted.required)), wanted.required, strict=True):
        signs[place] = pick(entropy, kind, 1)
    return "".join(signs)


def _places(entropy: Entropy, length: int, count: int) -> list[int]:
    """``count`` different places below ``length`` (at most 4,096), drawn evenly by rejection."""
    limit = 65_536 - 65_536 % length
    places: list[int] = []
    while len(places) < count:
        number = int.from_bytes(entropy.take(2), "big")
        if number < limit and number % length not in places:
            places.append(number % length)
    return places
