"""Guesses are few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from strongroom.services.iam.mfa import FAILURES_AT_MOST, PAUSE_SECONDS, Attempts

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_after_five_wrong_codes_none_is_judged_for_a_minute() -> None:
    attempts = Attempts()
    for _ in range(FAILURES_AT_MOST):
        assert attempts.may_try("a", NOW)
        attempts.failed("a", NOW)

    assert not attempts.may_try("a", NOW + timedelta(seconds=PAUSE_SECONDS - 1))
    assert attempts.may_try("a", NOW + timedelta(seconds=PAUSE_SECONDS))
    assert attempts.may_try("b", NOW)


def test_a_good_code_forgets_the_wrong_ones() -> None:
    attempts = Attempts()
    for _ in range(FAILURES_AT_MOST - 1):
        attempts.failed("a", NOW)
    attempts.passed("a")
    attempts.failed("a", NOW)

    assert attempts.may_try("a", NOW)


def test_what_is_remembered_is_bounded() -> None:
    attempts = Attempts()
    for at in range(10_050):
        attempts.failed(f"device {at}", NOW)

    assert 10_000 == len(attempts._failed)
