"""Policy variables: ``${aws:username}``, with defaults, and the escapes ``${*}`` ``${?}`` ``${$}``.

Only documents of Version 2012-10-17 have them; elsewhere ``${`` is plain text.
Source: IAM User Guide, "IAM policy elements: Variables and tags" (facts: iam, section 2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from strongroom.base.classes import dataclass
from strongroom.kernel.authz.faults import NotUnderstoodError
from strongroom.kernel.authz.glob import Filled, Token, tokens_of
from strongroom.kernel.authz.model import ContextValue

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_ESCAPES = frozenset("*?$")


@dataclass(frozen=True, slots=True)
class Variable:
    """A place to be filled with the value of a context key (lower-case name)."""

    key: str
    default: str | None


Template = tuple[Token | Variable, ...]


def parse_template(text: str, *, variables: bool, wild: bool) -> Template:
    """The parts of a policy value. ``wild``: whether ``*`` and ``?`` are wildcards in it.

    Raises NotUnderstoodError for a ``${`` that begins no variable.
    """
    if not variables or "${" not in text:
        return tuple(_plain(text, wild))
    parts: list[Token | Variable] = []
    place = 0
    for found in _VARIABLE.finditer(text):
        _append_plain(parts, text[place : found.start()], wild)
        parts.append(_variable(found.group(1)))
        place = found.end()
    _append_plain(parts, text[place:], wild)
    return tuple(parts)


def is_fixed(template: Template) -> bool:
    """Whether nothing in it depends on the request."""
    return not any(isinstance(part, Variable) for part in template)


def fill(template: Template, context: Mapping[str, ContextValue]) -> list[Token] | None:
    """The template with its variables replaced; None where one has neither value nor default.

    A value is literal text: wildcards within it are not active (our choice; AWS does not say).
    Raises NotUnderstoodError for a multivalued key, which AWS does not allow here.
    """
    tokens: list[Token] = []
    for part in template:
        if not isinstance(part, Variable):
            tokens.append(part)
            continue
        value = context.get(part.key, part.default)
        if value is None:
            return None
        if not isinstance(value, str):
            raise NotUnderstoodError(f"variable ${{{part.key}}} names a multivalued key")
        tokens.append(Filled(value))
    return tokens


def _plain(text: str, wild: bool) -> list[Token]:
    if wild:
        return tokens_of(text)
    return [text] if text else []


def _append_plain(parts: list[Token | Variable], text: str, wild: bool) -> None:
    if "${" in text:
        raise NotUnderstoodError("a `${` that begins no variable")
    parts.extend(_plain(text, wild))


def _variable(inside: str) -> Token | Variable:
    if inside in _ESCAPES:
        return inside
    key, comma, rest = inside.partition(",")
    key, quoted = key.strip(), rest.strip()
    default = quoted[1:-1] if len(quoted) >= 2 and quoted[0] == quoted[-1] == "'" else None
    if not key or "'" in key or (comma and (default is None or "'" in default)):
        raise NotUnderstoodError(f"variable ${{{inside[:64]}}}")
    return Variable(key.lower(), default)
