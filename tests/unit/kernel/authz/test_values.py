"""Condition values: what reads, what does not, and that nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from strongroom.kernel.authz import values
from strongroom.kernel.authz.faults import NotUnderstoodError
from strongroom.kernel.authz.glob import Filled, tokens_of


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", Decimal(5)),
        ("-5.25", Decimal("-5.25")),
        ("+07", Decimal(7)),
        (".5", Decimal("0.5")),
        ("5.", Decimal(5)),
    ],
)
def test_numbers_read(text: str, expected: Decimal) -> None:
    assert expected == values.number(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", at(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04:05.123456789Z", at(2026, 1, 2, 3, 4, 5, 123456)),
        ("2026-01-02T03:04:05+02:00", at(2026, 1, 2, 1, 4, 5)),
        ("2026-01-02T03:04:05-0130", at(2026, 1, 2, 4, 34, 5)),
        ("2026-01-02T03:04", at(2026, 1, 2, 3, 4)),
        ("2026-01-02", at(2026, 1, 2)),
        ("2026-01", at(2026, 1, 1)),
        ("2026", at(2026, 1, 1)),
        ("1767323045", at(2026, 1, 2, 3, 4, 5)),
        ("0", at(1970, 1, 1)),
    ],
)
def test_dates_read(text: str, expected: datetime) -> None:
    assert expected == values.date(text)


def test_booleans_read_in_any_case() -> None:
    assert [True, True, False] == [values.boolean(text) for text in ("true", "TRUE", "False")]


@pytest.mark.parametrize(
    ("sent", "bound", "expected"),
    [
        ("10.1.2.3", "10.0.0.0/8", True), ("11.1.2.3", "10.0.0.0/8", False), ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.4", "10.1.2.3", False), ("10.1.2.3", "10.9.9.9/8", True), ("10.1.2.3", "0.0.0.0/0", True),
        ("2001:db8::1", "2001:db8::/32", True), ("2001:db9::1", "2001:db8::/32", False),
        ("2001:db8::1", "2001:DB8::1", True),
        ("10.1.2.3", "::/0", False), ("2001:db8::1", "0.0.0.0/0", False),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "::ffff:10.0.0.0/104", True), ("10.1.2.3", "::ffff:0:0/96", True),
    ],
)  # fmt: skip
def test_addresses_lie_in_ranges_of_their_own_version(sent: str, bound: str, expected: bool) -> None:
    assert expected is values.within(values.address(sent), values.network(bound))


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (values.number, "ten"), (values.number, ""), (values.number, "1e5"), (values.number, "NaN"),
        (values.number, "Infinity"), (values.number, "1_000"), (values.number, " 5"),
        (values.number, "\u0665"),
        (values.number, "9" * 41), (values.date, "tomorrow"), (values.date, "2026-13-01"), (values.date, ""),
        (values.date, "2026-1-2"), (values.date, "2026-01-02 03:04:05"), (values.date, "2026-W01"),
        (values.date, "1767323045000"), (values.date, "0000"), (values.date, "2026-01-02T25:00:00Z"),
        (values.date, "0001-01-01T00:00:00+23:00"), (values.boolean, "yes"), (values.boolean, ""),
        (values.boolean, "1"),
        (values.octets, "YQ"), (values.octets, "é"), (values.address, "10.0.0.1/8"),
        (values.address, "010.0.0.1"),
        (values.address, "fe80::1%eth0"), (values.address, ""), (values.network, "10.0.0.0/33"),
        (values.network, "10.0.0.0/"), (values.network, "10.0.0/8"),
    ],
)  # fmt: skip
def test_what_does_not_read_is_refused(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        read(text)


@pytest.mark.parametrize(
    ("pattern", "arn", "expected"),
    [
        ("arn:aws:iam::1:role/a", "arn:aws:iam::1:role/a", True),
        ("arn:aws:iam::1:role/a", "arn:aws:iam::1:role/A", False),
        ("arn:aws:iam::*:role/*", "arn:aws:iam::1:role/a/b:c", True),
        ("arn:aws:*:role/a", "arn:aws:iam::1:role/a", False),
        ("arn:*", "arn:aws:iam::1:role/a", False),
        ("*", "arn:aws:iam::1:role/a", True),
        ("*", "no arn", False),
        ("arn:aws:iam::?:role/a", "arn:aws:iam::1:role/a", True),
    ],
)
def test_arns_fit_part_by_part(pattern: str, arn: str, expected: bool) -> None:
    assert expected is values.arn_fits(values.arn_parts(arn), values.arn_pattern(tokens_of(pattern)))


def test_a_variables_value_may_be_a_whole_arn_but_cannot_shift_the_parts_of_one() -> None:
    whole = values.arn_pattern([Filled("arn:aws:iam::1:role/a")])
    shifted = values.arn_pattern(["arn:aws:iam::", Filled("1:role/a"), ":role/b"])

    assert values.arn_fits(values.arn_parts("arn:aws:iam::1:role/a"), whole)
    assert not values.arn_fits(values.arn_parts("arn:aws:iam::1:role/a:role/b"), shifted)
