"""Filter patterns of plain terms: which messages match.

Source: CloudWatch Logs User Guide, "Filter pattern syntax": terms must all be there, ``-`` excludes, ``?`` asks for any
of several, quotes keep blanks together, ``%`` encloses a regular expression (not offered), case counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from strongroom.services.logs import errors

_TERM = re.compile(r'(?P<sign>[-?]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"]+))')


def compiled(pattern: str) -> Callable[[str], bool]:
    """Whether a message matches. Raises InvalidParameterException for forms that are not offered."""
    text = pattern.strip()
    if text[:1] in ("{", "[", "%"):
        raise errors.InvalidParameterException(
            "Invalid filter pattern: patterns for JSON, for columns and with regular expressions are not offered."
        )
    wanted: list[str] = []
    unwanted: list[str] = []
    optional: list[str] = []
    for found in _TERM.finditer(text):
        term = found["bare"] if found["quoted"] is None else re.sub(r"\\(.)", r"\1", found["quoted"])
        {"": wanted, "-": unwanted, "?": optional}[found["sign"]].append(term)

    def matches(message: str) -> bool:
        return (
            all(term in message for term in wanted)
            and not any(term in message for term in unwanted)
            and (not optional or any(term in message for term in optional))
        )

    return matches
