"""Dates of requests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from strongroom.kernel.signing.moment import amz_date_of, moment_of


def test_the_basic_format_is_read_as_utc() -> None:
    assert datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) == moment_of("20260102T030405Z")


@pytest.mark.parametrize(
    "text",
    ["", "20260102", "2026-01-02T03:04:05Z", "20260102t030405Z", "20260102T030405z", "20261302T030405Z",
     "20260230T030405Z", "20260102T250405Z", "20260102T030460Z", "2026010²T030405Z", "2026_102T030405Z",
     "00000102T030405Z", "20260102T030405Z ", " 20260102T03040Z", "9" * 5000],
)  # fmt: skip
def test_anything_else_is_no_date(text: str) -> None:
    assert None is moment_of(text)


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_an_http_date_is_brought_to_the_basic_format(zone: str) -> None:
    assert "19941106T084937Z" == amz_date_of(f"Sun, 06 Nov 1994 08:49:37 {zone}")


@pytest.mark.parametrize(
    "text",
    ["", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun 06 Nov 1994 08:49:37 GMT",
     "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08-49-37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
     "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT GMT", "x" * 5000],
)  # fmt: skip
def test_any_other_date_is_not(text: str) -> None:
    assert None is amz_date_of(text)
