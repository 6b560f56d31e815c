"""Recovery windows, and which versions are removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from strongroom.services.secretsmanager import errors
from strongroom.services.secretsmanager.rules.deletion import (
    VERSIONS_KEPT,
    VERSIONS_MAX,
    check_deletion,
    deletion_moment,
    outdated,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("window", "days"), [(None, 30), (7, 7), (30, 30)])
def test_the_window_counts_from_the_request(window: int | None, days: int) -> None:
    check_deletion(window_days=window, force=False)
    assert timedelta(days=days) == deletion_moment(NOW, window) - NOW


def test_force_and_a_window_do_not_go_together() -> None:
    with pytest.raises(errors.InvalidParameterException, match="in conjunction with RecoveryWindowInDays"):
        check_deletion(window_days=7, force=True)


def versions(count: int, *, age: timedelta, labelled: bool = False) -> list[tuple[int, datetime, bool]]:
    return [(number, NOW - age, labelled) for number in range(count)]


def test_a_hundred_versions_all_stay() -> None:
    assert [] == outdated(versions(VERSIONS_KEPT, age=timedelta(days=9)), NOW)


def test_what_is_above_a_hundred_goes_oldest_first() -> None:
    assert [0, 1, 2] == outdated(versions(VERSIONS_KEPT + 3, age=timedelta(days=9)), NOW)


def test_a_labelled_version_never_goes() -> None:
    known = versions(VERSIONS_KEPT + 1, age=timedelta(days=9))
    known[0] = (0, known[0][1], True)
    assert [1] == outdated(known, NOW)
    assert [] == outdated(versions(VERSIONS_KEPT + 9, age=timedelta(days=9), labelled=True), NOW)


def test_a_version_younger_than_a_day_never_goes() -> None:
    assert [] == outdated(versions(VERSIONS_KEPT + 9, age=timedelta(hours=23, minutes=59)), NOW)
    assert [0] == outdated(versions(VERSIONS_KEPT + 1, age=timedelta(hours=24)), NOW)


def test_versions_that_may_not_go_end_in_the_quota() -> None:
    assert [] == outdated(versions(VERSIONS_MAX, age=timedelta(hours=1)), NOW)
    with pytest.raises(errors.LimitExceededException):
        outdated(versions(VERSIONS_MAX + 1, age=timedelta(hours=1)), NOW)
