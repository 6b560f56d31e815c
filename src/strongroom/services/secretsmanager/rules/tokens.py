"""What a ClientRequestToken means for a secret that may already have a version of that id.

Source: facts secretsmanager section 5; aws-observed, "error shape".
"""

from __future__ import annotations

import hmac
from enum import Enum


class Token(Enum):
    """The four cases of a token."""

    NEW = "no version has this id"
    FILLS = "a rotation reserved this id and no value has come yet"
    REPEATS = "the version has the same value: answer as the first time, store nothing"
    CLASHES = "the version has another value: versions never change"


def token_case(*, exists: bool, has_value: bool, same_value: bool) -> Token:
    """Which case it is; ``same_value`` only counts where there is a value."""
    if not exists:
        return Token.NEW
    if not has_value:
        return Token.FILLS
    return Token.REPEATS if same_value else Token.CLASHES


def same_value(stored: tuple[str, bytes], given: tuple[str, bytes]) -> bool:
    """Whether two values, each (form, bytes), are one; in time that does not depend on where they differ."""
    same_bytes = hmac.compare_digest(stored[1], given[1])
    return stored[0] == given[0] and same_bytes
