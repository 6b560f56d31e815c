"""The room offers or refuses every modelled operation; counts of several nodes are one sum; periods add up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stores import fresh_sqlite

from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.registry import Counted
from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services.metrics import series, store
from strongroom.services.metrics.operations import ROOM
from strongroom.services.metrics.points import gathered

HOUR_MS = 3_600_000
NOW = 500_000 * HOUR_MS + 61_000
READS = store.Counter("000000000001", "us-east-1", "secretsmanager", "GetSecretValue")


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[SQLiteStore]:
    made = fresh_sqlite(tmp_path / "store.db")
    yield made
    made.close()


def test_every_modelled_operation_is_offered_or_refused_and_none_is_both() -> None:
    modelled = set(CATALOGUE.service("cloudwatch").operations)
    assert modelled == set(ROOM.operations) | set(ROOM.refused)
    assert set() == set(ROOM.operations) & set(ROOM.refused)


def test_every_operation_asks_for_a_permission_of_cloudwatch() -> None:
    assert all((one.action or "").startswith("cloudwatch:") for one in ROOM.operations.values())


def test_what_several_processes_counted_is_one_sum(rows: SQLiteStore) -> None:
    for number in (3, 4):
        with rows.write() as tx:
            store.add(tx, {READS: number}, NOW)
    with rows.write() as tx:
        store.add(tx, {READS: 5}, NOW + 60_000)
    with rows.read() as tx:
        minutes = store.calls_between(tx, READS, store.MINUTE, NOW - HOUR_MS, NOW + HOUR_MS)
        hours = store.calls_between(tx, READS, store.HOUR, NOW - HOUR_MS, NOW + HOUR_MS)
        assert [7, 5] == [number for _, number in minutes]
        assert [(NOW // HOUR_MS * HOUR_MS, 12)] == hours
        other = READS._replace(account="000000000002")
        assert [] == store.calls_between(tx, other, store.HOUR, 0, 2 * NOW)


def test_secrets_counted_twice_in_an_hour_are_counted_once(rows: SQLiteStore) -> None:
    for number in (3, 4):
        with rows.write() as tx:
            store.count_secrets(tx, [Counted("000000000001", "us-east-1", number, 1)], NOW)
    with rows.read() as tx:
        assert [(NOW // HOUR_MS * HOUR_MS, 4)] == store.secrets_between(tx, "000000000001", "us-east-1", 0, 2 * NOW)


def test_minutes_are_forgotten_after_fifteen_days_and_hours_after_455(rows: SQLiteStore) -> None:
    day = 24 * HOUR_MS

    def left(period: int, after_days: int) -> int:
        with rows.write() as tx:
            store.forget_old(tx, NOW + after_days * day)
            return len(store.calls_between(tx, READS, period, 0, 2 * NOW))

    with rows.write() as tx:
        store.add(tx, {READS: 1}, NOW)
    assert (1, 0) == (left(store.MINUTE, 14), left(store.MINUTE, 16))
    assert (1, 0) == (left(store.HOUR, 454), left(store.HOUR, 456))


def test_a_period_has_the_samples_of_all_that_lies_in_it() -> None:
    counts = [(0, 2), (60_000, 3), (300_000, 1)]
    first, second = gathered(counts, 300, calls=True)
    assert (0, 5.0, 5.0, 1.0, 1.0, 1.0) == (first.start_ms, *map(first.value, ("Sum", "SampleCount", "Average")),
                                             first.value("Minimum"), first.value("Maximum"))  # fmt: skip
    assert (300_000, 1.0) == (second.start_ms, second.value("Sum"))


def test_the_number_of_secrets_is_one_sample_an_hour() -> None:
    (day,) = gathered([(0, 10), (HOUR_MS, 20)], 86400, calls=False)
    told = {name: day.value(name) for name in ("SampleCount", "Average", "Sum", "Minimum", "Maximum")}
    assert {"SampleCount": 2.0, "Average": 15.0, "Sum": 30.0, "Minimum": 10.0, "Maximum": 20.0} == told


def test_only_exactly_the_dimensions_of_a_series_mean_it() -> None:
    one = series.Series("kms", "Encrypt")
    told = one.metric()["Dimensions"]
    assert one == series.meant("AWS/Usage", "CallCount", told)
    assert None is series.meant("AWS/Usage", "CallCount", told[1:])
    assert None is series.meant("AWS/Usage", "CallCount", [*told, told[0]])
    assert None is series.meant("AWS/Usage", "Other", told)
    assert None is series.meant("AWS/SecretsManager", "ResourceCount", told)
