"""What the dashboard asks of all rotations at once: counted and found by indexes, on both engines."""

from __future__ import annotations

from typing import Any

from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import store as rows
from strongroom.services.secretsmanager.store.secrets import DAY_MS

ACCOUNT, REGION = "123456789012", "us-east-1"
HERE = ACCOUNT, REGION
NOW_MS = 100 * DAY_MS + DAY_MS // 2


def secret(tx: Transaction, name: str, **values: Any) -> int:
    """A secret with a schedule; its row."""
    told = {"account": ACCOUNT, "region": REGION, "name": name, "suffix": "aaaaaa", "created_ms": 7, "changed_ms": 7}
    return rows.secrets.add_secret(tx, {**told, "rotation_enabled": 1, **values}).pk


def test_the_next_rotations_are_counted_by_day_without_copies_and_other_places(store: BatchStore) -> None:
    with store.write() as tx:
        for number, at_ms in enumerate((NOW_MS + 1, NOW_MS + DAY_MS, NOW_MS + DAY_MS + 1, NOW_MS + 40 * DAY_MS, None)):
            secret(tx, f"app/{number}", next_rotation_ms=at_ms)
        secret(tx, "late", next_rotation_ms=NOW_MS - 1)
        secret(tx, "copy", next_rotation_ms=NOW_MS + 1, primary_pk=1)
        secret(tx, "away", next_rotation_ms=NOW_MS + 1, region="eu-west-1")
        secret(tx, "other", next_rotation_ms=NOW_MS + 1, account="111111111111")
    with store.read() as tx:
        assert 5 == rows.secrets.scheduled(tx, *HERE)
        by_day = rows.secrets.scheduled_by_day(tx, *HERE, NOW_MS, 130 * DAY_MS)
    assert {100: 1, 101: 2} == by_day


def test_overdue_is_what_is_enabled_and_there_longest_first(store: BatchStore) -> None:
    with store.write() as tx:
        for name, late_ms in (("day", DAY_MS), ("week", 7 * DAY_MS), ("hour", DAY_MS // 24)):
            secret(tx, name, next_rotation_ms=NOW_MS - late_ms)
        secret(tx, "off", next_rotation_ms=NOW_MS - 1, rotation_enabled=0)
        secret(tx, "gone", next_rotation_ms=NOW_MS - 1, deleted_ms=NOW_MS)
        secret(tx, "due", next_rotation_ms=NOW_MS)
    with store.read() as tx:
        assert ["week", "day", "hour"] == [str(row[0]) for row in rows.secrets.overdue(tx, *HERE, NOW_MS, 9)]
        assert 2 == len(rows.secrets.overdue(tx, *HERE, NOW_MS, 2))


def test_failing_is_the_newest_rotation_of_a_secret_alone(store: BatchStore) -> None:
    states = {
        "fine": [("pending", 0)],
        "tried": [("pending", 2)],
        "failed": [("succeeded", 0), ("failed", 0)],
        "mended": [("failed", 3), ("succeeded", 0)],
        "given-up": [("abandoned", 4)],
        "gone": [("pending", 2)],
    }
    with store.write() as tx:
        for name, all_of_it in states.items():
            pk = secret(tx, name, deleted_ms=7 if name == "gone" else None)
            for number, (state, attempts) in enumerate(all_of_it):
                began = rows.rotations.add(
                    tx, secret_pk=pk, version_id=f"{number:036}", test=False, began_ms=7, token=b"t"
                )
                for _ in range(attempts):
                    rows.rotations.note_failure(tx, began.pk, next_ms=9)
                if state != "pending":
                    rows.rotations.end(tx, began.pk, state, 8)
    with store.read() as tx:
        failing = rows.rotations.failing(tx, *HERE, 9)
    assert [("failed", 0), ("tried", 2)] == [(one.name, one.attempts) for one in failing]
