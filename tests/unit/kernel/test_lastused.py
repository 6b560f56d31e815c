"""Last-used dates are noted once an hour by each process, and what it keeps of keys is bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

from strongroom.kernel.lastused import KEYS_REMEMBERED, LastUsed
from strongroom.kernel.registry import PrincipalSource

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LATE = NOON + timedelta(minutes=59)
NOBODYS = cast("PrincipalSource", None)


def test_a_key_is_met_for_the_first_time_once_in_each_hour_of_the_clock() -> None:
    uses = LastUsed(NOBODYS)
    met = [uses.is_first_use("AKIA1", when) for when in (LATE, LATE, NOON + timedelta(hours=1), LATE)]
    assert [True, False, True, True] == met


def test_each_key_is_met_by_itself() -> None:
    uses = LastUsed(NOBODYS)
    assert [True, True, False] == [uses.is_first_use(key, NOON) for key in ("AKIA1", "AKIA2", "AKIA1")]


def test_no_more_keys_are_remembered_than_the_bound() -> None:
    uses = LastUsed(NOBODYS)
    for number in range(KEYS_REMEMBERED + 1):
        uses.is_first_use(f"AKIA{number}", NOON)
    assert uses.is_first_use("AKIA0", NOON)
    assert not uses.is_first_use(f"AKIA{KEYS_REMEMBERED}", NOON)
