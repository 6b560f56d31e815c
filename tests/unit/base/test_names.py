"""ARNs and moments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from strongroom.base.clock import from_ms, iso_seconds, to_ms
from strongroom.base.names import is_account_id, parse_arn


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:a/b-AbCdEf",
        "arn:aws:iam::123456789012:user/path/name",
    ],
)
def test_an_arn_is_split_and_joined_again(text: str) -> None:
    assert text == str(parse_arn(text))


@pytest.mark.parametrize("text", ["", "arn", "arn:aws:iam::1", "urn:aws:iam::1:user/a", "name:with:five:more:co:lons"])
def test_what_has_not_six_parts_is_no_arn(text: str) -> None:
    assert parse_arn(text) is None


def test_an_account_id_is_twelve_ascii_digits() -> None:
    assert [True, False, False, False] == [
        is_account_id(text) for text in ("000000000001", "12345678901", "1234567890123", "١٢٣٤٥٦٧٨٩٠١٢")
    ]


def test_moments_survive_storage_to_the_millisecond() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    assert (moment, "2026-01-02T03:04:05Z") == (from_ms(to_ms(moment)), iso_seconds(moment))
