"""What the three protocols share about single values: the refusals for misfits, and the readers of texts.

Queries, headers, URIs and forms carry every value as text; only JSON bodies have types of their own.
"""

from __future__ import annotations

import binascii
import math
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Final

from strongroom.base.clock import EPOCH, iso_seconds
from strongroom.base.refusals import Kind, Refusal

ARTICLED: Final = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "boolean": "a Boolean",
    "blob": "a Blob",
}
BOUNDS: Final = {"integer": 1 << 31, "long": 1 << 63}


class AnswerMismatch(Exception):  # noqa: N818  it names what is wrong, and only our own log sees it
    """An answer does not fit its output shape: a bug in a room. The text names shapes, never values."""


def malformed(message: str | None = None) -> Refusal:
    """The refusal of what cannot be read as the operation's parameters."""
    return Refusal(Kind.SERIALIZATION, message)


def misfit(value: Any, type_name: str) -> Refusal:
    """The refusal of a value whose JSON type is not its member's.

    Source: measured on a json 1.1 service. Our choice: Boolean, Long, Float, Double, Blob and map by analogy.
    """
    if isinstance(value, list):
        return malformed("Start of list found where not expected")
    if isinstance(value, dict):
        return malformed("Start of structure or map found where not expected.")
    if type_name == "structure":
        return malformed("Expected null")
    if type_name in ("list", "map"):
        return malformed(f"Expected {type_name} or null")
    if isinstance(value, bool):
        token = "TRUE_VALUE" if value else "FALSE_VALUE"
    else:
        token = "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
    if type_name == "timestamp":
        return malformed(f"{token} can not be converted to milliseconds since epoch")
    return malformed(f"{token} can not be converted to {ARTICLED[type_name]}")


def whole(value: float, type_name: str) -> int:
    """An integer or long from a JSON or text number: decimals are cut off, what does not fit is refused."""
    bound = BOUNDS[type_name]
    if not -bound <= value < bound:  # also true of NaN
        raise misfit(value, type_name)
    return int(value)


def moment(seconds: float) -> datetime:
    """The UTC moment of epoch seconds, to the millisecond."""
    try:
        return EPOCH + timedelta(milliseconds=round(seconds * 1000))
    except (OverflowError, ValueError):  # beyond the years 1 to 9999, infinite, not a number
        raise misfit(seconds, "timestamp") from None


def blob(text: str) -> bytes:
    """The bytes of a base64 text (RFC 4648, section 4: padded, nothing else in between)."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise misfit(text, "blob") from None


def base64_text(value: bytes) -> str:
    """Bytes as base64 text."""
    return b64encode(value).decode("ascii")


def _text_integer(text: str, type_name: str) -> int:
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise misfit(text, type_name)
    return whole(int(text), type_name)


def _text_float(text: str) -> float:
    if len(text) > 64 or not text.isascii() or "_" in text:
        raise misfit(text, "double")
    try:
        value = float(text)
    except ValueError:
        raise misfit(text, "double") from None
    if not math.isfinite(value):
        # A number that compares with nothing would pass every limit.
        raise misfit(text, "double")
    return value


def _text_boolean(text: str) -> bool:
    match text.lower():
        case "true":
            return True
        case "false":
            return False
    raise misfit(text, "boolean")


def _text_moment(text: str) -> datetime:
    """ISO 8601, RFC 822 (headers) or epoch seconds: SDKs differ, and no text is two of them."""
    if len(text) > 64:
        raise misfit(text, "timestamp")
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    try:
        return moment(_text_float(text))
    except Refusal:
        raise misfit(text, "timestamp") from None


TEXT_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "string": str,
    "integer": lambda text: _text_integer(text, "integer"),
    "long": lambda text: _text_integer(text, "long"),
    "float": _text_float,
    "double": _text_float,
    "boolean": _text_boolean,
    "timestamp": _text_moment,
    "blob": blob,
}
"""From the text of a query, header or URI to the value of a scalar type. Raise the SERIALIZATION refusal."""


def written(value: Any, type_name: str, timestamp_format: str = "iso8601") -> str:
    """A scalar as text, as query XML, headers and URIs carry it. Raises AnswerMismatch for another type."""
    match type_name, value:
        case "string", str():
            return value
        case "boolean", bool():
            return "true" if value else "false"
        case (("integer" | "long"), int()) if not isinstance(value, bool):
            return str(value)
        case (("float" | "double"), (int() | float())) if not isinstance(value, bool):
            return repr(float(value))
        case "blob", bytes():
            return base64_text(value)
        case "timestamp", datetime() if value.tzinfo is not None:
            return _moment_text(value.astimezone(UTC), timestamp_format)
    raise AnswerMismatch(f"a {type(value).__name__} was given for a {type_name}")


def _moment_text(value: datetime, timestamp_format: str) -> str:
    match timestamp_format:
        case "rfc822":
            return format_datetime(value, usegmt=True)
        case "unixTimestamp":
            return str(int(value.timestamp()))
    return iso_seconds(value)
