"""Signed heads: each attack on a copy of the journal is found, with nothing but the public key."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import delete
from tests.stores import fresh_sqlite

from strongroom.base.entropy import SystemEntropy, uuid4
from strongroom.kernel.call import Record
from strongroom.kernel.crypto import keypairs
from strongroom.kernel.crypto.keypairs import KeyPair
from strongroom.kernel.journal.chain import first_link
from strongroom.kernel.journal.packed import pack
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Store, Transaction
from strongroom.kernel.storage.schema import trail_head
from strongroom.kernel.trail import signer
from strongroom.kernel.trail.heads import BadHead, files, key_of_pem, key_pem, lines_of, opened, signed
from strongroom.kernel.trail.proof import Proof, prove
from strongroom.kernel.trail.signer import Signer, newest_heads

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
KEY = KeyPair(keypairs.generate(keypairs.ED25519))


class World:
    """Two chains, signed."""

    def __init__(self, place: Path, store: Store) -> None:
        self.place, self.store, self.now = place, store, NOW
        self.directory, self.heads = place / "journal", place / "heads"
        self.sunk: list[bytes] = []
        self.chains = [self.journal("w0"), self.journal("w1", segment_max_bytes=4000)]
        self.signer = self.sign_with()

    def journal(self, process: str, **more: int) -> Journal:
        self.now += timedelta(seconds=1)
        return Journal(self.directory, node="n1", process=process, clock=lambda: self.now, **more)

    def sign_with(self, key: KeyPair = KEY) -> Signer:
        def write(change: Callable[[Transaction], None]) -> None:
            with self.store.write() as tx:
                change(tx)

        return Signer(
            self.directory, self.heads, node="n1", key=key, store=self.store, write=write,
            clock=lambda: self.now, sinks=[self.sunk.append],
        )  # fmt: skip

    def work(self, times: int = 5) -> None:
        for _ in range(times):
            for journal in self.chains:
                journal.append([Record(uuid4(SystemEntropy()), {"eventName": "x" * 200}, writes=False)])
            self.now += timedelta(seconds=1)

    def prove(self, pinned: bytes | None = None, key: KeyPair = KEY) -> Proof:
        return prove(self.directory, self.heads, key.public_der(), pinned)

    def file(self, process: str, number: int = 1) -> Path:
        (found,) = self.directory.glob(f"*-{process}-{number:06d}.jsonl")
        return found

    def restart(self) -> None:
        self.signer = self.sign_with()

    def faults(self, pinned: bytes | None = None) -> list[str]:
        return [fault.kind for fault in self.prove(pinned).findings.faults]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = fresh_sqlite(tmp_path / "store.db")
    made = World(tmp_path, store)
    made.work()
    made.signer.step()
    made.work()
    made.signer.step()
    yield made
    for journal in made.chains:
        journal.close()
    store.close()


def cut(path: Path, lines: int) -> None:
    """Take lines off the end of a file."""
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-lines]))


def rewrite_chain(path: Path) -> None:
    """What an attacker does who knows the format: change a record and make every later link fit."""
    lines = path.read_bytes().splitlines()
    prev, made = first_link(path.name.rsplit("-", 1)[0]), []
    for line in lines:
        told = json.loads(line)
        told["prev"] = prev
        if told["seq"] == 3:
            told["event"]["eventName"] = "Nothing"
        raw = json.dumps(told, separators=(",", ":")).encode()
        prev = sha256(raw).hexdigest()
        made.append(raw + b"\n")
    path.write_bytes(b"".join(made))


def test_what_nobody_touched_is_proven_through_the_newest_head(world: World) -> None:
    world.work(2)

    proof = world.prove()

    assert proof.whole, proof.findings.faults
    assert (2, int(world.now.timestamp() * 1000) - 2000) == (proof.heads, proof.through_ms)
    assert proof.beyond >= 4


def test_a_rewritten_chain_whose_links_all_fit_is_found(world: World) -> None:
    rewrite_chain(world.file("w0"))

    assert ["changed"] == world.faults()


def test_lines_cut_off_the_end_are_found(world: World) -> None:
    cut(world.file("w0"), 1)

    assert ["removed"] == world.faults()


def test_a_missing_chain_is_found(world: World) -> None:
    world.file("w0").unlink()

    assert ["removed"] == world.faults()


def test_a_missing_last_segment_is_found(world: World) -> None:
    max(world.directory.glob("*-w1-*.jsonl")).unlink()

    assert ["removed"] == world.faults()


def test_records_changed_removed_or_moved_are_found(world: World) -> None:
    path = world.file("w0")
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for wrong in (
        whole.replace(b'"eventName":"xx', b'"eventName":"yy', 1),
        b"".join(lines[:3] + lines[4:]),
        b"".join([*lines[:3], lines[4], lines[3], *lines[5:]]),
    ):
        path.write_bytes(wrong)
        assert world.faults()
    path.write_bytes(whole)
    assert [] == world.faults()


def test_a_chain_that_no_head_names_is_found(world: World) -> None:
    forged = world.directory / world.file("w0").name.replace("w0", "zz")
    lines = world.file("w0").read_bytes().splitlines()
    prev, made = first_link(forged.name.rsplit("-", 1)[0]), []
    for line in lines:
        raw = json.dumps({**json.loads(line), "prev": prev}, separators=(",", ":")).encode()
        prev = sha256(raw).hexdigest()
        made.append(raw + b"\n")
    forged.write_bytes(b"".join(made))
    world.now += timedelta(minutes=5)
    world.work(1)
    forged.rename(world.place / "aside")
    world.signer.step()
    (world.place / "aside").rename(forged)

    assert ["added"] == world.faults()


def test_heads_cut_off_with_their_records_are_found_by_a_head_that_was_kept_elsewhere(world: World) -> None:
    (head_file,) = files(world.heads)
    kept = world.sunk[-1]
    cut(head_file, 1)
    cut(world.file("w0"), 5)
    for path in sorted(world.directory.glob("*-w1-*.jsonl"), reverse=True)[:1]:
        path.unlink()

    assert "removed" in world.faults(kept)
    shutil.rmtree(world.heads)
    assert "removed" in world.faults(kept)


def test_a_journal_rewritten_with_its_heads_under_another_key_is_found(world: World) -> None:
    rewrite_chain(world.file("w0"))
    shutil.rmtree(world.heads)
    forged = KeyPair(keypairs.generate(keypairs.ED25519))
    with world.store.write() as tx:
        tx.run(delete(trail_head))
    world.sign_with(forged).step()

    assert "changed" in world.faults()


def test_a_changed_removed_or_moved_head_is_found(world: World) -> None:
    world.work()
    world.signer.step()
    (path,) = files(world.heads)
    first, second, third = path.read_bytes().splitlines(keepends=True)
    for wrong in (first + third, first + third + second, first + second.replace(b"full", b"fuII") + third, second):
        path.write_bytes(wrong)
        assert "changed" in world.faults()
    path.write_bytes(first + second + third)
    assert [] == world.faults()


def test_a_head_kept_elsewhere_that_is_one_of_ours_changes_nothing(world: World) -> None:
    assert [[], []] == [world.faults(head) for head in world.sunk]


def test_a_head_of_another_key_is_no_head(world: World) -> None:
    head, _ = opened(world.sunk[0].strip(), KEY.public_der())
    with pytest.raises(BadHead):
        world.prove(signed(head, KeyPair(keypairs.generate(keypairs.ED25519))))


def test_a_restart_goes_on_with_a_head_that_names_everything(world: World) -> None:
    world.restart()
    world.work(1)
    head = world.signer.step()

    assert head is not None
    assert 3 == head.number
    assert 2 == len(files(world.heads))
    (line,) = lines_of(files(world.heads)[1])
    whole, _ = opened(line, KEY.public_der())
    assert whole.full
    assert {journal.chain_id for journal in world.chains} == set(whole.chains)
    assert [] == world.faults()


def test_nothing_is_signed_where_nothing_changed(world: World) -> None:
    assert world.signer.step() is None


def test_the_signer_never_signs_over_what_became_shorter(world: World) -> None:
    world.chains[0].close()
    cut(world.file("w0"), 3)
    world.restart()
    world.signer.step()

    assert {"removed", "changed"} == set(world.faults())


def test_the_signer_never_signs_over_a_changed_line(world: World) -> None:
    rewrite_chain(world.file("w0"))
    world.work(1)
    world.restart()
    world.signer.step()

    assert "changed" in world.faults()


def test_heads_lost_from_the_disk_are_known_to_the_store(world: World) -> None:
    (path,) = files(world.heads)
    cut(path, 1)
    world.restart()
    world.work(1)
    world.signer.step()

    assert "changed" in world.faults()


def test_the_store_holds_the_newest_head_of_each_node(world: World) -> None:
    with world.store.read() as tx:
        found = newest_heads(tx)

    assert {"n1": 2} == {node: number for node, (number, _, _) in found.items()}
    assert world.sunk[-1].strip() == found["n1"][2].encode()


def test_a_packed_segment_proves_as_well_and_a_damaged_one_does_not(world: World) -> None:
    packed = pack(world.file("w1"))
    assert [] == world.faults()
    content = bytearray(packed.read_bytes())
    content[-3] ^= 1
    packed.write_bytes(content)
    assert "unreadable" in world.faults()


def test_the_key_is_one_for_all_nodes_and_lies_sealed(world: World) -> None:
    ring = Keyring(bytes(range(32)))
    with world.store.read() as tx:
        assert signer.signing_key(tx, ring) is None
    with world.store.write() as tx:
        made = signer.signing_key(tx, ring)
    with world.store.read() as tx:
        again = signer.signing_key(tx, ring)

    assert made is not None
    assert again is not None
    assert made.public_der() == again.public_der() == key_of_pem(key_pem(made.public_der()))
    assert "Private" not in repr(made)
