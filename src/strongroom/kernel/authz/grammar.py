"""A policy's JSON text as clauses: bounded, without repeated keys, every element of its right shape.

Says nothing about who may store what: that is ``saving``'s business.
Source: IAM User Guide, "Grammar of the IAM JSON policy language" (facts: iam, section 1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from strongroom.base.values import value_object
from strongroom.kernel.authz.faults import PolicyError

MAX_CHARACTERS = 131_072  # IAM's and KMS's models; each room has its own, smaller limit
MAX_STATEMENTS = 1_000  # our choice: a statement of 131 characters is a short one

SYNTAX = "Syntax errors in policy."
_ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_PRINCIPAL_TYPES = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})


class Number(str):
    """A JSON number, as it was written. Legal in conditions only, where it compares as text."""

    __slots__ = ()


@value_object
class Clause:
    """One statement as written. None: the element is absent. ``conditions``: (operator, key, values)."""

    index: int
    sid: str | None
    effect: str
    actions: tuple[str, ...] | None
    not_actions: tuple[str, ...] | None
    resources: tuple[str, ...] | None
    not_resources: tuple[str, ...] | None
    principals: tuple[tuple[str, str], ...] | None
    not_principals: tuple[tuple[str, str], ...] | None
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]


def fault(code: str = "syntax", message: str = SYNTAX) -> NoReturn:
    """Refuse the document."""
    raise PolicyError(message, code)


def read_json(text: str) -> Mapping[str, Any]:
    """The document as a JSON object. Raises PolicyError: ``size``, ``json``, ``syntax`` for repeated keys."""
    if len(text) > MAX_CHARACTERS:
        fault("size", f"Policy document may not be longer than {MAX_CHARACTERS} characters.")
    try:
        found = json.loads(
            text, object_pairs_hook=_unique, parse_int=Number, parse_float=Number, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        raise PolicyError(SYNTAX, "json") from None
    if not isinstance(found, dict):
        fault("json")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        fault()
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def header(document: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Version and Id. Raises PolicyError ``version`` for a version that never was."""
    if not document.keys() <= {"Version", "Id", "Statement"}:
        fault()
    version, name = document.get("Version"), document.get("Id")
    if "Version" in document and version not in ("2008-10-17", "2012-10-17"):
        fault("version")
    if "Id" in document and not _is_text(name):
        fault()
    return version, name


def statements(document: Mapping[str, Any]) -> Sequence[Any]:
    """The statements, not yet looked into; a single one may stand without its list."""
    found = document.get("Statement")
    listed = [found] if isinstance(found, dict) else found
    if not isinstance(listed, list) or not listed:
        fault()
    if len(listed) > MAX_STATEMENTS:
        fault("size", f"Policy document may not have more than {MAX_STATEMENTS} statements.")
    return listed


def clause(index: int, raw: Any) -> Clause:
    """One statement, every element of its right shape. Raises PolicyError ``syntax``, ``principal``."""
    if not isinstance(raw, dict) or not raw.keys() <= _ELEMENTS:
        fault()
    for one in ("Action", "Resource", "Principal"):
        if one in raw and f"Not{one}" in raw:
            fault()
    sid, effect = raw.get("Sid"), raw.get("Effect")
    if ("Sid" in raw and not _is_text(sid)) or effect not in ("Allow", "Deny"):
        fault()
    return Clause(
        index, sid, effect,
        _texts(raw, "Action"), _texts(raw, "NotAction"), _texts(raw, "Resource"), _texts(raw, "NotResource"),
        _principals(raw, "Principal"), _principals(raw, "NotPrincipal"), _conditions(raw),
    )  # fmt: skip


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number) and _encodes(value)


def _encodes(value: str) -> bool:
    """Whether text can be written out again: a JSON escape may have made half a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(raw: Mapping[str, Any], element: str) -> tuple[str, ...] | None:
    if element not in raw:
        return None
    value = raw[element]
    listed = value if isinstance(value, list) else [value]
    if not all(_is_text(one) for one in listed):
        fault()
    return tuple(listed)


def _principals(raw: Mapping[str, Any], element: str) -> tuple[tuple[str, str], ...] | None:
    if element not in raw:
        return None
    value = raw[element]
    if value == "*":
        return (("*", "*"),)
    if not isinstance(value, dict) or not value or not value.keys() <= _PRINCIPAL_TYPES:
        fault("principal")
    found = [(kind, name) for kind in value for name in _texts(value, kind) or ()]
    if not found:
        fault("principal")
    return tuple(found)


def _conditions(raw: Mapping[str, Any]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    block = raw.get("Condition", {})
    if not isinstance(block, dict) or not all(isinstance(keys, dict) for keys in block.values()):
        fault()
    if not all(_is_text(key) for keys in block.values() for key in keys) or not all(map(_is_text, block)):
        fault()
    return tuple(
        (operator, key, _condition_values(value)) for operator, keys in block.items() for key, value in keys.items()
    )


def _condition_values(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(one, bool | Number) or _is_text(one) for one in listed):
        fault()
    return tuple(("true" if one else "false") if isinstance(one, bool) else str(one) for one in listed)
