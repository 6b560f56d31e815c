"""Closed segments are packed and go by policy, and a verification still tells that from an attack."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.stores import fresh_sqlite

from strongroom.base.entropy import SystemEntropy, uuid4
from strongroom.kernel.call import Record
from strongroom.kernel.crypto import keypairs
from strongroom.kernel.crypto.keypairs import KeyPair
from strongroom.kernel.journal.files import NONE_YET, SettledNote, chains, write_settled
from strongroom.kernel.journal.lookup import lines_of_request
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.storage.port import Store, Transaction
from strongroom.kernel.trail.keeping import Keeper, Policy
from strongroom.kernel.trail.proof import Proof, prove
from strongroom.kernel.trail.signer import Signer

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
KEY = KeyPair(keypairs.generate(keypairs.ED25519))
SEGMENT = 4000


class World:
    """A living chain of several segments, one that has ended and is settled, and one that is not settled."""

    def __init__(self, place: Path, store: Store) -> None:
        self.store, self.now = store, NOW
        self.directory, self.heads = place / "journal", place / "heads"
        self.ids: list[str] = []
        ended = self.journal("old")
        self.work(ended, 30)
        ended.close()
        self.touch(ended)
        write_settled(self.directory, SettledNote(next(iter(chains(self.directory).values()))[0].start, {}))
        self.living = self.journal("w0")
        self.work(self.living, 30)
        self.forgotten: list[tuple[str, int]] = []
        self.signer = self.sign_with()
        self.signer.step()

    def journal(self, process: str) -> Journal:
        self.now += timedelta(seconds=1)
        return Journal(self.directory, node="n1", process=process, clock=lambda: self.now, segment_max_bytes=SEGMENT)

    def sign_with(self) -> Signer:
        def write(change: Callable[[Transaction], None]) -> None:
            with self.store.write() as tx:
                change(tx)

        return Signer(
            self.directory, self.heads, node="n1", key=KEY, store=self.store, write=write, clock=lambda: self.now
        )

    def work(self, journal: Journal, times: int) -> None:
        for _ in range(times):
            self.ids.append(uuid4(SystemEntropy()))
            event = {"eventName": "x" * 200, "requestID": self.ids[-1]}
            journal.append([Record(self.ids[-1], event, writes=False)])
        self.touch(journal)

    def touch(self, journal: Journal) -> None:
        for path in self.directory.glob(f"{journal.chain_id}-*.jsonl"):
            os.utime(path, (self.now.timestamp(), self.now.timestamp()))

    def keeper(self, days: int = 0, most_bytes: int = 0) -> Keeper:
        return Keeper(
            self.directory, self.heads, signer=self.signer, policy=Policy(days, most_bytes), clock=lambda: self.now,
            forget=lambda chain, number: self.forgotten.append((chain, number)),
        )  # fmt: skip

    def keep(self, times: int = 30, **policy: int) -> None:
        keeper = self.keeper(**policy)
        for _ in range(times):
            keeper.step()

    def there(self, process: str) -> list[str]:
        return sorted(path.name.rpartition("-")[2] for path in self.directory.glob(f"*-{process}-*"))

    def prove(self, pinned: bytes | None = None) -> Proof:
        return prove(self.directory, self.heads, KEY.public_der(), pinned)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = fresh_sqlite(tmp_path / "store.db")
    made = World(tmp_path, store)
    yield made
    made.living.close()
    store.close()


def test_closed_segments_are_packed_and_the_newest_of_a_living_chain_is_not(world: World) -> None:
    before = len(world.there("w0"))
    world.keep()

    assert all(name.endswith(".gz") for name in world.there("old"))
    living = world.there("w0")
    assert before == len(living) >= 3
    assert [False] * (before - 1) + [True] == [name.endswith(".jsonl") for name in living]
    assert world.prove().whole
    assert [1] * 4 == [len(lines_of_request(world.directory, one)[0]) for one in world.ids[::17]]


def test_what_nobody_has_settled_or_signed_stays_as_it_is(world: World) -> None:
    world.work(world.living, 30)
    later = world.journal("later")
    world.work(later, 5)
    later.close()
    unsigned = [name for name in world.there("w0") if int(name[:6]) > 3]
    world.keep()

    assert [name.endswith(".jsonl") for name in world.there("later")] == [True]
    assert set(unsigned[1:]) <= set(world.there("w0"))


def test_what_is_older_than_the_policy_goes_and_the_heads_say_so(world: World) -> None:
    world.now += timedelta(days=10)
    world.work(world.living, 1)
    for path in world.directory.glob("*-w0-*"):
        os.utime(path, (world.now.timestamp(), world.now.timestamp()))
    world.keep(days=5)

    assert [] == world.there("old")
    assert len(world.there("w0")) >= 3
    proof = world.prove()
    assert proof.whole, proof.findings.faults
    assert 3 <= len(world.forgotten)


def test_the_oldest_go_where_it_is_too_much_and_the_rest_of_the_chain_still_verifies(world: World) -> None:
    world.keep(days=0, most_bytes=2500)

    assert [] == world.there("old")
    left = world.there("w0")
    assert not any(name.startswith("000001") for name in left)
    proof = world.prove()
    assert proof.whole, proof.findings.faults
    world.work(world.living, 30)
    world.signer.step()
    assert world.prove().whole
    newest = max(world.directory.glob("*-w0-*.jsonl"))
    newest.write_bytes(b"".join(newest.read_bytes().splitlines(keepends=True)[:-1]))
    assert not world.prove().whole


def test_a_segment_removed_by_somebody_else_is_no_matter_of_policy(world: World) -> None:
    world.keep(most_bytes=2500)
    next(iter(sorted(world.directory.glob("*-w0-*")))).unlink()

    assert not world.prove().whole


def test_a_head_from_before_the_policy_removed_something_still_fits(world: World) -> None:
    first = next(iter(sorted(world.heads.glob("heads-*.jsonl")))).read_bytes().splitlines()[0]
    world.keep(most_bytes=2500)

    proof = world.prove(first)

    assert proof.whole, proof.findings.faults


def test_a_restart_after_something_went_signs_on(world: World) -> None:
    world.keep(most_bytes=2500)
    world.signer = world.sign_with()
    world.work(world.living, 3)
    world.signer.step()

    proof = world.prove()
    assert proof.whole, proof.findings.faults


def test_without_a_policy_everything_stays(world: World) -> None:
    world.now += timedelta(days=10_000)
    world.keep()

    assert [] == world.forgotten
    assert NONE_YET < "2"
