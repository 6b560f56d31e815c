"""What new passwords look like, by the environment settings that AWS's templates have.

Source: facts rotation, section 1, "Environment they read".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_YES = ("true", "1", "y", "yes")
_FLAGS = {
    "EXCLUDE_NUMBERS": "ExcludeNumbers",
    "EXCLUDE_PUNCTUATION": "ExcludePunctuation",
    "EXCLUDE_UPPERCASE": "ExcludeUppercase",
    "EXCLUDE_LOWERCASE": "ExcludeLowercase",
}
DEFAULT_EXCLUDED = ":/@\"'\\"
"""What breaks connection strings. Source: facts rotation, section 1: the templates' default, and PostgreSQL's colon."""


def is_yes(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    """A setting that is true or false."""
    found = environment.get(name)
    return default if not found else found.strip().lower() in _YES


def password_settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of GetRandomPassword. Raises ValueError for a length that is no number."""
    asked: dict[str, Any] = {
        "ExcludeCharacters": environment.get("EXCLUDE_CHARACTERS", DEFAULT_EXCLUDED),
        "PasswordLength": int(environment.get("PASSWORD_LENGTH", "32")),
        "RequireEachIncludedType": is_yes(environment, "REQUIRE_EACH_INCLUDED_TYPE", default=True),
    }
    return asked | {name: is_yes(environment, variable, default=False) for variable, name in _FLAGS.items()}
