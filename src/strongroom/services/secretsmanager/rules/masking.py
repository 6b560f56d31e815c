"""Texts of functions and drivers without the values that they quote: pure.

A driver may quote what it was given: whole, in part, escaped, encoded. Whatever shares six characters in a row with
a value, in any of the forms that texts usually have, is covered; of a shorter value, the whole of it.
Our choice: covering too much is a nuisance, covering too little is a leak.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

import orjson

COVER = "***"
SHARED = 6
TEXT_MOST = 8192
"""Characters of a text that are looked at; what comes after them is dropped."""

SHOWN = frozenset(
    {
        "engine", "host", "port", "dbname", "username", "masterarn", "ssl", "dbInstanceIdentifier",
        "dbClusterIdentifier", "dbIdentifier", "org", "type", "adminSecretArn",
    }
)  # fmt: skip
"""Members of AWS's secret JSON that say where and who, and that a text about a failure must be able to name.

Source: facts secretsmanager, section 9.6.
"""


def parts_of(value: bytes) -> set[str]:
    """What of a value must not be told: all of it, and each text and number in it if it is JSON."""
    text = value.decode("utf-8", "replace")
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        found = None
    parts = set(_leaves(found)) if isinstance(found, dict | list) else {text, text.strip()}
    return {part for part in parts if part}


def masked(text: str, parts: Iterable[str]) -> str:
    """The text with everything covered that it shares with the parts.

    One pass over the parts and a few over the text, however many parts there are.
    """
    text = text[:TEXT_MOST]
    known: dict[int, set[str]] = {}
    for part in parts:
        for form in _forms(part):
            length = min(len(form), SHARED)
            known.setdefault(length, set()).update(form[at : at + length] for at in range(len(form) - length + 1))
    covered = [False] * len(text)
    for length, shared in known.items():
        for at in range(len(text) - length + 1):
            if text[at : at + length] in shared:
                covered[at : at + length] = [True] * length
    return "".join(_runs(text, covered))


def _runs(text: str, covered: list[bool]) -> Iterator[str]:
    before = False
    for letter, hidden in zip(text, covered, strict=True):
        if not hidden:
            yield letter
        elif not before:
            yield COVER
        before = hidden


def _leaves(found: object, name: str = "") -> Iterator[str]:
    if isinstance(found, dict):
        for key, inner in found.items():
            yield from _leaves(inner, str(key))
    elif isinstance(found, list):
        for inner in found:
            yield from _leaves(inner, name)
    elif isinstance(found, str | int | float) and not isinstance(found, bool) and name not in SHOWN:
        yield str(found)


def _forms(part: str) -> set[str]:
    raw = part.encode("utf-8", "surrogatepass")
    encoded = base64.b64encode(raw).decode("ascii")
    return {
        part,
        repr(part)[1:-1],
        orjson.dumps(part.encode("utf-8", "replace").decode()).decode()[1:-1],
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        part.replace("'", "''"),
        part.replace("\\", "\\\\").replace("'", "\\'"),
        encoded.rstrip("="),
        raw.hex(),
    }
