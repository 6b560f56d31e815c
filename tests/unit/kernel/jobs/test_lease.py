"""kernel/jobs/lease: pauses, and the clock of the machine where none is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.stores import fresh_sqlite

from strongroom.kernel.jobs import due, lease

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [
        (0, 2),
        (1, 2),
        (2, 4),
        (3, 8),
        (10, 1024),
        (11, 2048),
        (12, 3600),
        (1000, 3600),
    ],
)
def test_pauses_double_and_end_at_an_hour(attempt: int, seconds: int) -> None:
    assert timedelta(seconds=seconds) == lease.pause_after(attempt)


def test_a_lease_counts_by_the_machines_own_clock_unless_told(tmp_path: Path) -> None:
    store = fresh_sqlite(tmp_path / "s.db")
    with store.write() as tx:
        due.schedule(tx, kind="purge", key="s", due=NOW)
        kept = lease.take(tx, owner="a", product_now=NOW, lease_for=timedelta(hours=1), limit=5)
        assert 1 == len(kept)
        assert [] == lease.take(tx, owner="b", product_now=NOW, lease_for=timedelta(hours=1), limit=5)
        lease.renew(tx, kept[0], lease_for=timedelta(0))
        assert 1 == len(lease.take(tx, owner="b", product_now=NOW, lease_for=timedelta(hours=1), limit=5))
    store.close()


def test_nothing_due_draws_no_number(tmp_path: Path) -> None:
    store = fresh_sqlite(tmp_path / "s.db")
    with store.write() as tx:
        for _ in range(3):
            assert [] == lease.take(tx, owner="a", product_now=NOW, lease_for=timedelta(hours=1), limit=5)
        due.schedule(tx, kind="purge", key="s", due=NOW)
        (held,) = lease.take(tx, owner="a", product_now=NOW, lease_for=timedelta(hours=1), limit=5)
    assert 1 == held.fence
    store.close()
