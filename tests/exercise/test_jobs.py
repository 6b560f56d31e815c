"""Jobs on both engines: done once, by whoever holds the lease, in the transaction that records it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strongroom.kernel.jobs import due, lease
from strongroom.kernel.jobs.lease import Leased, LostLease
from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.port import Transaction
from tests.exercise.things import ADD, make_things, number

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MACHINE = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def put(store: BatchStore, key: str = "s", at: datetime = NOW) -> None:
    """Schedule one purge."""
    with store.write() as tx:
        due.schedule(tx, kind="purge", key=key, due=at)


def take(store: BatchStore, owner: str = "one", at: datetime = NOW, machine: datetime = MACHINE) -> list[Leased]:
    """Take what is due."""
    with store.write() as tx:
        return lease.take(tx, owner=owner, product_now=at, machine_now=machine, lease_for=MINUTE, limit=10)


def do(store: BatchStore, held: Leased) -> None:
    """The work: add one to ``x``, once."""
    with store.write() as tx:
        lease.finish(tx, held)
        tx.run(ADD, named="x", more=1)


def test_a_job_is_taken_when_it_is_due_and_not_before(store: BatchStore) -> None:
    put(store)
    assert [] == take(store, at=NOW - timedelta(milliseconds=1))
    assert [("purge", "s", 1)] == [(one.kind, one.key, one.attempt) for one in take(store)]


def test_a_held_job_is_nobody_elses_until_its_lease_ends(store: BatchStore) -> None:
    put(store)
    (first,) = take(store)
    assert [] == take(store, "two", machine=MACHINE + MINUTE - timedelta(milliseconds=1))
    (second,) = take(store, "two", machine=MACHINE + MINUTE)
    assert second.fence > first.fence
    assert 2 == second.attempt


def test_a_moved_product_clock_ends_no_lease(store: BatchStore) -> None:
    put(store)
    take(store)
    assert [] == take(store, "two", at=NOW + timedelta(days=365))


def test_the_one_who_lost_the_lease_records_nothing(store: BatchStore) -> None:
    make_things(store, x=0)
    put(store)
    (first,) = take(store)
    (second,) = take(store, "two", machine=MACHINE + MINUTE)
    with pytest.raises(LostLease):
        do(store, first)
    do(store, second)
    with pytest.raises(LostLease):
        do(store, second)
    with store.read() as tx:
        assert 1 == number(tx)


def test_a_lease_that_ran_out_but_was_not_taken_still_counts(store: BatchStore) -> None:
    make_things(store, x=0)
    put(store)
    (held,) = take(store)
    do(store, held)
    with store.read() as tx:
        assert 1 == number(tx)
        assert due.next_due(tx) is None


def test_owners_that_race_do_each_job_once(store: BatchStore, opened: Callable[[], BatchStore]) -> None:
    make_things(store, x=0)
    for at in range(40):
        put(store, f"s{at:02}")
    errors: list[BaseException] = []

    def work(owner: str) -> None:
        own = opened()
        try:
            while True:
                with own.write() as tx:
                    held = lease.take(tx, owner=owner, product_now=NOW, machine_now=MACHINE, lease_for=MINUTE, limit=3)
                if not held:
                    return
                for one in held:
                    do(own, one)
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(f"owner{at}",)) for at in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [] == errors
    with store.read() as tx:
        assert 40 == number(tx)
        assert due.next_due(tx) is None


def cancel(tx: Transaction) -> None:
    """The job is not needed any more."""
    due.cancel(tx, "purge", "s")


def schedule(tx: Transaction) -> None:
    """The job begins anew."""
    due.schedule(tx, kind="purge", key="s", due=NOW)


def reschedule(tx: Transaction) -> None:
    """The job is moved."""
    due.reschedule(tx, kind="purge", key="s", due=NOW + MINUTE)


@pytest.mark.parametrize("changes", [(cancel,), (schedule,), (reschedule,), (cancel, schedule)])
def test_whoever_cancels_or_moves_a_job_ends_the_lease_on_it(
    store: BatchStore, changes: tuple[Callable[[Transaction], None], ...]
) -> None:
    put(store)
    (held,) = take(store)
    with store.write() as tx:
        for change in changes:
            change(tx)
    with pytest.raises(LostLease), store.write() as tx:
        lease.finish(tx, held)
    with pytest.raises(LostLease), store.write() as tx:
        lease.postpone(tx, held, NOW)
    with pytest.raises(LostLease), store.write() as tx:
        lease.renew(tx, held, lease_for=MINUTE)


def test_a_new_job_of_the_same_name_never_has_an_old_fence(store: BatchStore) -> None:
    """The row is deleted and made again, and the old holder comes back."""
    put(store)
    (old,) = take(store)
    with store.write() as tx:
        due.cancel(tx, "purge", "s")
    put(store)
    (new,) = take(store)
    assert new.fence > old.fence
    with pytest.raises(LostLease):
        do(store, old)


def test_a_postponed_job_comes_back_as_its_next_attempt(store: BatchStore) -> None:
    put(store)
    (held,) = take(store)
    with store.write() as tx:
        lease.postpone(tx, held, NOW + MINUTE)
    assert [] == take(store)
    (again,) = take(store, at=NOW + MINUTE)
    assert 2 == again.attempt


def test_scheduling_anew_begins_with_the_first_attempt(store: BatchStore) -> None:
    put(store)
    take(store)
    put(store)
    assert [1] == [one.attempt for one in take(store)]


def test_a_job_may_schedule_itself_again_in_its_own_transaction(store: BatchStore) -> None:
    put(store)
    (held,) = take(store)
    with store.write() as tx:
        lease.finish(tx, held)
        due.schedule(tx, kind="purge", key="s", due=NOW + MINUTE)
    with store.read() as tx:
        assert NOW + MINUTE == due.next_due(tx, MACHINE)


def test_a_renewed_lease_lasts_longer(store: BatchStore) -> None:
    put(store)
    (held,) = take(store)
    with store.write() as tx:
        lease.renew(tx, held, lease_for=MINUTE, machine_now=MACHINE + MINUTE)
    assert [] == take(store, "two", machine=MACHINE + MINUTE)
    assert [held.key] == [one.key for one in take(store, "two", machine=MACHINE + 2 * MINUTE)]


def test_the_longest_due_come_first_and_no_more_than_asked(store: BatchStore) -> None:
    for key, minutes in (("c", 3), ("a", 1), ("b", 2)):
        put(store, key, NOW - minutes * MINUTE)
    with store.write() as tx:
        held = lease.take(tx, owner="one", product_now=NOW, machine_now=MACHINE, lease_for=MINUTE, limit=2)
    assert ["c", "b"] == [one.key for one in held]
    with store.read() as tx:
        assert NOW - MINUTE == due.next_due(tx, MACHINE)
        assert 3 == due.count_due(tx, NOW)


def test_cancelling_and_moving_say_whether_there_was_a_job(store: BatchStore) -> None:
    with store.write() as tx:
        assert not due.cancel(tx, "purge", "s")
        assert not due.reschedule(tx, kind="purge", key="s", due=NOW)
        due.schedule(tx, kind="purge", key="s", due=NOW)
        assert due.reschedule(tx, kind="purge", key="s", due=NOW + MINUTE)
        assert NOW + MINUTE == due.next_due(tx)
        assert due.cancel(tx, "purge", "s")
        assert due.next_due(tx) is None


def test_of_a_full_lane_nothing_more_is_taken_and_others_pass_it(store: BatchStore) -> None:
    with store.write() as tx:
        for number in range(4):
            due.schedule(tx, kind="run", key=f"slow{number}", due=NOW, lane="slow")
        due.schedule(tx, kind="run", key="quick", due=NOW, lane="quick")
        due.schedule(tx, kind="purge", key="s", due=NOW)
    room = {"slow": 2}

    def admits(kind: str, lane: str | None) -> bool:
        if lane not in room:
            return True
        room[lane] -= 1
        return room[lane] >= 0

    def more(**bounds: Any) -> list[str]:
        with store.write() as tx:
            found = lease.take(
                tx, owner="one", product_now=NOW, machine_now=MACHINE, lease_for=MINUTE, limit=10, **bounds
            )
            return [one.key for one in found]

    assert ["s", "quick", "slow0", "slow1"] == more(admits=admits)
    assert [] == more(full=["slow"])
    assert [] == more(but_not=["run"])
    assert ["slow2", "slow3"] == more(full=["quick"])


def test_a_lease_of_a_dead_owner_is_ended_and_its_late_result_is_not_recorded(store: BatchStore) -> None:
    make_things(store, x=0)
    put(store)
    (dead,) = take(store, "node:a")
    with store.write() as tx:
        assert due.is_held(tx, "purge", "s", MACHINE)
        assert 0 == lease.release(tx, "node:b")
        assert 1 == lease.release(tx, "node:a")
        assert not due.is_held(tx, "purge", "s", MACHINE)
    (again,) = take(store, "node:a")
    assert 2 == again.attempt
    with pytest.raises(LostLease):
        do(store, dead)
    do(store, again)
    with store.read() as tx:
        assert 1 == number(tx)


def test_what_has_died_with_its_owner_again_and_again_is_left_to_its_lease(store: BatchStore) -> None:
    put(store)
    for _ in range(lease.RELEASED_ATTEMPTS + 1):
        take(store, "node:a")
        with store.write() as tx:
            lease.release(tx, "node:a")
    assert [] == take(store, "node:a")
    assert 1 == len(take(store, "node:a", machine=MACHINE + MINUTE))
