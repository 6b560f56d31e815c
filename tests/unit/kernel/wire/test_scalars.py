"""Single values as texts: queries, headers and URIs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.wire.scalars import TEXT_READERS, AnswerMismatch, written

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("type_name", "text", "expected"),
    [
        ("integer", "+7", 7),
        ("integer", "-2147483648", -(2**31)),
        ("long", "9223372036854775807", 2**63 - 1),
        ("double", "1e-3", 0.001),
        ("boolean", "TRUE", True),
        ("blob", "AAE=", b"\x00\x01"),
        ("timestamp", "2026-01-02T03:04:05Z", MOMENT),
        ("timestamp", "2026-01-02T04:04:05.000+01:00", MOMENT),
        ("timestamp", "20260102T030405Z", MOMENT),
        ("timestamp", "Fri, 02 Jan 2026 03:04:05 GMT", MOMENT),
        ("timestamp", "1767323045", MOMENT),
        ("timestamp", "1767323045.0", MOMENT),
    ],
)
def test_a_text_is_read_as_its_type(type_name: str, text: str, expected: Any) -> None:
    assert expected == TEXT_READERS[type_name](text)


@pytest.mark.parametrize(
    ("type_name", "text"),
    [
        ("integer", "2147483648"),
        ("integer", "1_000"),
        ("integer", " 1"),
        ("integer", "--1"),
        ("long", "9223372036854775808"),
        ("double", "nan"),
        ("double", "Infinity"),
        ("double", "1_0"),
        ("double", "1" * 100),
        ("boolean", "yes"),
        ("boolean", ""),
        ("blob", "AAE"),
        ("blob", "é"),
        ("timestamp", "tomorrow"),
        ("timestamp", ""),
        ("timestamp", "99999999999999"),
        ("timestamp", "2026-13-01"),
        ("timestamp", "0001-01-01T00:00:00+23:00"),
        ("timestamp", "9" * 400),
    ],
)
def test_a_text_that_is_none_of_its_type_is_refused(type_name: str, text: str) -> None:
    with pytest.raises(Refusal) as caught:
        TEXT_READERS[type_name](text)
    assert Kind.SERIALIZATION is caught.value.kind


@pytest.mark.parametrize(
    ("type_name", "value", "form", "expected"),
    [
        ("string", "a", "iso8601", "a"),
        ("integer", 7, "iso8601", "7"),
        ("boolean", False, "iso8601", "false"),
        ("double", 2, "iso8601", "2.0"),
        ("blob", b"\x00\x01", "iso8601", "AAE="),
        ("timestamp", MOMENT, "iso8601", "2026-01-02T03:04:05Z"),
        ("timestamp", MOMENT.astimezone(timezone(timedelta(hours=5))), "iso8601", "2026-01-02T03:04:05Z"),
        ("timestamp", MOMENT, "rfc822", "Fri, 02 Jan 2026 03:04:05 GMT"),
        ("timestamp", MOMENT, "unixTimestamp", "1767323045"),
    ],
)
def test_a_value_is_written_as_its_type(type_name: str, value: Any, form: str, expected: str) -> None:
    assert expected == written(value, type_name, form)


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("string", 1),
        ("integer", True),
        ("integer", "1"),
        ("boolean", 1),
        ("double", "1"),
        ("blob", "a"),
        ("timestamp", MOMENT.replace(tzinfo=None)),
        ("timestamp", 1),
    ],
)
def test_a_value_of_another_type_is_a_bug(type_name: str, value: Any) -> None:
    with pytest.raises(AnswerMismatch):
        written(value, type_name)
