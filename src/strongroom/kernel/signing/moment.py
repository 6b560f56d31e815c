"""The two spellings of a request's date, brought to one.

Source: IAM User Guide, "Elements of an AWS API request signature" (ISO 8601 basic format);
RFC 9110, section 5.6.7 (IMF-fixdate), and RFC 5322, section 3.3, which botocore writes (``-0000`` for GMT)
where the caller set a ``Date`` header.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,")
_ZERO = ("GMT", "-0000", "+0000")


def moment_of(amz_date: str) -> datetime | None:
    """The UTC moment of ``YYYYMMDDTHHMMSSZ``, or None where the text is not exactly that."""
    return _moment_of(amz_date) if len(amz_date) == 16 else None


@lru_cache(maxsize=512)
def _moment_of(amz_date: str) -> datetime | None:
    """Cached, because all requests of one second carry the same text."""
    digits = amz_date[:8] + amz_date[9:15]
    if amz_date[8] != "T" or amz_date[15] != "Z" or not _all_digits(digits):
        return None
    return _moment([int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 14, 2))])


def amz_date_of(http_date: str) -> str | None:
    """``Sun, 06 Nov 1994 08:49:37 GMT`` as ``19941106T084937Z``; None where it is no such date.

    The weekday must be a weekday's name; whether it is the right one does not matter to a signature.
    """
    words = http_date.split(" ") if len(http_date) <= 31 else ()
    if len(words) != 6:
        return None
    weekday, day, month, year, clock, zone = words
    digits = f"{day}{year}{clock.replace(':', '')}"
    shaped = (len(day), len(year), len(clock), clock[2::3]) == (2, 4, 8, "::") and _all_digits(digits)
    if not shaped or weekday not in _DAYS or month not in _MONTHS or zone not in _ZERO:
        return None
    amz_date = f"{year}{_MONTHS.index(month) + 1:02}{day}T{clock.replace(':', '')}Z"
    return amz_date if moment_of(amz_date) else None


def _all_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _moment(parts: list[int]) -> datetime | None:
    try:
        return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        return None
