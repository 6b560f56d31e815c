"""Values on their way to PostgreSQL and back, so that it stores what SQLite stores.

Yes/no goes as 0/1. TEXT there cannot hold the character NUL, which a client's text may contain: NUL, and the
noncharacter that marks it, are written as two characters each.
Our choice: escaping rather than refusing, for what one engine stores the other must.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strongroom.kernel.storage.port import Row

_MARK = "\ufdd0"


def sent(parameters: Sequence[Any]) -> list[Any]:
    """The values of a statement as PostgreSQL takes them."""
    return [_sent(value) for value in parameters]


def received(rows: list[Row]) -> list[Row]:
    """Rows as they were sent."""
    for row in rows:
        for value in row:
            if type(value) is str and _MARK in value:
                return [tuple(_received(one) for one in each) for each in rows]
    return rows


def _sent(value: Any) -> Any:
    if type(value) is str:
        if "\0" in value or _MARK in value:
            return value.replace(_MARK, _MARK + "m").replace("\0", _MARK + "0")
    elif type(value) is bool:
        return int(value)
    return value


def _received(value: Any) -> Any:
    if type(value) is str and _MARK in value:
        return value.replace(_MARK + "0", "\0").replace(_MARK + "m", _MARK)
    return value
