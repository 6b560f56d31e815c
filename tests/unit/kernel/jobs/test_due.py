"""kernel/jobs/due: moments to the millisecond, one row a name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.stores import fresh_sqlite

from strongroom.kernel.jobs import due

NOW = datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC)


def test_a_moment_comes_back_to_the_millisecond_and_the_first_wins(tmp_path: Path) -> None:
    store = fresh_sqlite(tmp_path / "s.db")
    with store.write() as tx:
        due.schedule(tx, kind="purge", key="late", due=NOW + timedelta(days=1))
        due.schedule(tx, kind="rotate", key="soon", due=NOW)
        assert NOW == due.next_due(tx)
        assert 1 == due.count_due(tx, NOW)
        assert 0 == due.count_due(tx, NOW - timedelta(milliseconds=1))
    store.close()


def test_a_kind_and_a_key_name_one_job(tmp_path: Path) -> None:
    store = fresh_sqlite(tmp_path / "s.db")
    with store.write() as tx:
        for kind, key in (("purge", "a"), ("purge", "a"), ("rotate", "a"), ("purge", "b")):
            due.schedule(tx, kind=kind, key=key, due=NOW)
        assert 3 == due.count_due(tx, NOW)
    store.close()
