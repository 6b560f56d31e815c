"""Simulated requests: what they bring, which keys a policy asks for, and where in its text a statement stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json import JSONDecodeError, JSONDecoder
from typing import Any

import orjson

from strongroom.kernel.authz.model import ContextValue
from strongroom.services.iam.errors import InvalidInputException

_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9]+")
_VARIABLE = re.compile(r"\$\{\s*([A-Za-z0-9-]+:[^,}]+?)\s*(?:,[^}]*)?\}")
_SPACE = " \t\r\n"
_DECODER = JSONDecoder()


def refuse_action(action: str) -> None:
    """Refuse what is no single action. Source: API reference, ActionNames: no wildcards. Our choice of words."""
    if not _ACTION.fullmatch(action):
        raise InvalidInputException(f"Invalid Entity Format: {action} is not a valid action name.")


def entered(entries: Sequence[Mapping[str, Any]] | None) -> dict[str, ContextValue]:
    """ContextEntries as condition keys. A list type is multivalued however many values it has."""
    found: dict[str, ContextValue] = {}
    for entry in entries or ():
        name, values = entry.get("ContextKeyName"), entry.get("ContextKeyValues", [])
        if not name:
            raise InvalidInputException("A context entry must have a ContextKeyName.")
        kind = entry.get("ContextKeyType", "stringList" if len(values) > 1 else "string")
        if not kind.endswith("List") and len(values) != 1:
            raise InvalidInputException(f"The context key {name} of type {kind} must have one value.")
        found[name.lower()] = tuple(values) if kind.endswith("List") else values[0]
    return found


def keys_in(text: str) -> list[str]:
    """The condition keys that a document uses, in conditions and as variables, as it writes them.

    None of one that can no longer be read.
    """
    try:
        policy = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    statements = policy["Statement"]
    found = dict.fromkeys(_VARIABLE.findall(text))
    for statement in statements if isinstance(statements, list) else [statements]:
        for conditions in statement.get("Condition", {}).values():
            found.update(dict.fromkeys(conditions))
    return list(found)


def missing_from(context: Mapping[str, ContextValue], keys: Iterable[str]) -> list[str]:
    """The keys without a value, each once in whatever case."""
    named = {key.lower(): key for key in keys}
    return [key for lowered, key in sorted(named.items()) if lowered not in context]


def positions(text: str, index: int) -> tuple[dict[str, int], dict[str, int]]:
    """Where a statement of a (checked) document begins and ends: lines and columns from 1."""
    spans = list(_statements(text))
    start, end = spans[index] if index < len(spans) else (0, len(text))
    return _position(text, start), _position(text, end)


def _position(text: str, at: int) -> dict[str, int]:
    before = text[:at]
    return {"Line": before.count("\n") + 1, "Column": at - (before.rfind("\n") + 1) + 1}


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """The spans of the statements: of the elements of ``Statement``, or of the one object that it is."""
    at = _skip(text, 0, "{")
    try:
        while at < len(text) and text[at] != "}":
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, at, ":")
            if key == "Statement":
                yield from _elements(text, at)
                return
            _, at = _DECODER.raw_decode(text, at)
            at = _skip(text, at, ",")
    except (JSONDecodeError, IndexError):
        return


def _elements(text: str, at: int) -> Iterator[tuple[int, int]]:
    if text[at] != "[":
        yield at, _DECODER.raw_decode(text, at)[1]
        return
    at = _skip(text, at, "[")
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        yield at, end
        at = _skip(text, end, ",")


def _skip(text: str, at: int, sign: str) -> int:
    """Past white space, past the sign where it stands, past white space."""
    for passed in (_SPACE, sign, _SPACE):
        while at < len(text) and text[at] in passed:
            at += 1
            if passed == sign:
                break
    return at
