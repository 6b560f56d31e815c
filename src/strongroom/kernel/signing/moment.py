"""The two spellings of a request's date, brought to one.

Source: IAM User Guide, "Elements of an AWS API request signature" (ISO 8601 basic format);
RFC 9110, section 5.6.7 (IMF-fixdate), which botocore writes where the caller set a ``Date`` header.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


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
    """``Sun, 06 Nov 1994 08:49:37 GMT`` as ``19941106T084937Z``; None where it is not an IMF-fixdate.

    The weekday must be a weekday's name; whether it is the right one does not matter to a signature.
    """
    words = http_date.split(" ")
    if len(http_date) != 29 or len(words) != 6 or words[0][:-1] not in _DAYS or words[0][-1] != ",":
        return None
    _, day, month, year, clock, zone = words
    digits = year + day + clock[0:2] + clock[3:5] + clock[6:8]
    if month not in _MONTHS or zone != "GMT" or clock[2::3] != "::" or not _all_digits(digits):
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
