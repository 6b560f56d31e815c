"""The feed and its couriers' rows, on both stores: order, bounds, leases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.kernel.feed import delivery, rows
from strongroom.kernel.feed.delivery import LostLease, Progress
from strongroom.kernel.feed.envelope import MOST_BYTES, alert, enveloped
from strongroom.kernel.storage.port import Store


def event(name: str, **more: Any) -> dict[str, Any]:
    return {
        "eventID": f"id-{name}", "eventName": name, "eventSource": "secretsmanager.amazonaws.com",
        "eventType": "AwsApiCall", "eventTime": "2026-01-02T03:04:05Z", "awsRegion": "us-east-1",
        "recipientAccountId": "000000000001", "requestParameters": {}, "responseElements": None, **more,
    }  # fmt: skip


def added(store: Store, *names: str, at_ms: int = 1000) -> None:
    with store.write() as tx:
        rows.add(tx, [rows.New(event(name), f"arn:{name}") for name in names], at_ms)


def kept(store: Store) -> list[str]:
    with store.read() as tx:
        return [one.name for one in rows.after(tx, 0, 100)]


def test_events_have_the_order_and_the_numbers_of_their_commits(store: Store) -> None:
    added(store, "a", "b")
    added(store, "c")
    with store.read() as tx:
        found = rows.after(tx, 0, 100)
        assert [(1, "a"), (2, "b"), (3, "c")] == [(one.number, one.name) for one in found]
        assert ["c"] == [one.name for one in rows.after(tx, 2, 100)]
        assert ["a"] == [one.name for one in rows.after(tx, 0, 1)]
        assert (1, 3) == (rows.first(tx), rows.last(tx))
    assert ("arn:a", "aws.secretsmanager", "id-a") == (
        found[0].resource, found[0].source, json.loads(found[0].body)["id"],
    )  # fmt: skip


def test_what_was_undone_is_not_in_the_feed(store: Store) -> None:
    with pytest.raises(RuntimeError), store.write() as tx:
        rows.add(tx, [rows.New(event("a"), "")], 1)
        raise RuntimeError
    assert [] == kept(store)


def test_old_events_go_and_numbers_never_come_again(store: Store) -> None:
    added(store, "a", "b")
    added(store, "c", at_ms=1000 + rows.KEPT_MS)
    with store.write() as tx:
        rows.forget_old(tx, 1001 + rows.KEPT_MS)
    assert ["c"] == kept(store)
    with store.write() as tx:
        rows.forget_old(tx, 10 * rows.KEPT_MS)
    added(store, "d")
    with store.read() as tx:
        assert 4 == rows.last(tx)


def test_too_many_events_go_as_well(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_KEPT", 2)
    added(store, "a", "b", "c", "d")
    with store.write() as tx:
        rows.forget_old(tx, 1000)
    assert ["c", "d"] == kept(store)


def test_an_event_that_is_too_long_comes_without_its_parameters() -> None:
    raw = enveloped(event("a", requestParameters={"policy": "x" * MOST_BYTES}))
    assert len(raw) < MOST_BYTES
    assert json.loads(raw)["detail"]["omitted"]
    assert "strongroom.alerts" == json.loads(alert("rotation_failed", event("a")))["source"]


def take(store: Store, owner: str, now_ms: int, held: int | None = None) -> delivery.Standing | None:
    with store.write() as tx:
        return delivery.take(tx, "hook", owner=owner, held=held, now_ms=now_ms, lease_ms=100)


def test_a_new_webhook_begins_with_what_happens_from_then(store: Store) -> None:
    added(store, "a")
    found = take(store, "one", 0)
    assert found is not None
    assert 1 == found.number


def test_one_node_at_a_time_delivers(store: Store) -> None:
    first = take(store, "one", 0)
    assert first is not None
    assert None is take(store, "two", 99)
    again = take(store, "one", 50, first.fence)
    assert again is not None
    assert first.fence == again.fence
    assert None is take(store, "two", 149)
    second = take(store, "two", 151)
    assert second is not None
    assert second.fence > first.fence
    with pytest.raises(LostLease), store.write() as tx:
        delivery.store(tx, "hook", first.fence, Progress(7))
    with store.write() as tx:
        delivery.store(tx, "hook", second.fence, Progress(8, delivered=1))
    with store.read() as tx:
        found = delivery.standing(tx, "hook")
    assert found is not None
    assert (8, 1) == (found.number, found.delivered)


def test_a_node_takes_over_from_its_own_dead_process_at_once_and_the_dead_one_is_fenced_off(store: Store) -> None:
    dead = take(store, "one", 0)
    anew = take(store, "one", 1)
    assert dead is not None
    assert anew is not None
    assert anew.fence > dead.fence


def test_dead_letters_are_kept_and_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    added(store, "a", "b")
    with store.write() as tx:
        for one in rows.after(tx, 0, 2):
            delivery.bury(tx, "hook", one, "status 400", 5)
    with store.read() as tx:
        assert [("status 400", 2), ("status 400", 1)] == [
            (one.error, one.number) for one in delivery.dead(tx, "hook", 9)
        ]
        assert 1 == delivery.behind(tx, 1)
