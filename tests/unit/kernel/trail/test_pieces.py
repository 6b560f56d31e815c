"""One node's journal, copied to the store: another node reads every byte of it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.stores import fresh_sqlite

from strongroom.base.entropy import SystemEntropy, uuid4
from strongroom.kernel.call import Record
from strongroom.kernel.journal.packed import pack
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.storage.port import Store, Transaction
from strongroom.kernel.trail.pieces import Copier, elsewhere, piece_at

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store that both nodes share."""
    made = fresh_sqlite(tmp_path / "store.db")
    yield made
    made.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A chain of several segments, more than one piece long."""
    made = Journal(tmp_path / "journal", node="n1", process="w", clock=lambda: NOW, segment_max_bytes=900_000)
    for _ in range(40):
        made.append([Record(uuid4(SystemEntropy()), {"eventName": "x" * 60_000}, writes=False)])
    yield made
    made.close()


def copier(place: Path, store: Store) -> Copier:
    def write(change: Callable[[Transaction], None]) -> None:
        with store.write() as tx:
            change(tx)

    return Copier(place / "journal", "n1", store, write)


def read(store: Store) -> dict[tuple[str, int], bytes]:
    """What the other node reads."""
    return {(one.chain, one.number): one.read(0, one.size) or b"" for one in elsewhere(store, "n2")}


def test_where_nobody_else_writes_there_is_nothing_to_read(store: Store, tmp_path: Path, journal: Journal) -> None:
    assert [] == list(elsewhere(store, "n2"))
    copier(tmp_path, store).step()
    assert [] == list(elsewhere(store, "n1"))


def test_another_node_reads_what_was_written_byte_for_byte(store: Store, tmp_path: Path, journal: Journal) -> None:
    made = copier(tmp_path, store)
    for _ in range(4):
        made.step()

    files = sorted((tmp_path / "journal").glob("*.jsonl"))
    assert len(files) >= 2
    assert {(journal.chain_id, at): path.read_bytes() for at, path in enumerate(files, 1)} == read(store)
    assert [False] * (len(files) - 1) + [True] == [one.last for one in elsewhere(store, "n2")]


def test_copying_goes_on_after_a_restart_and_after_packing(store: Store, tmp_path: Path, journal: Journal) -> None:
    copier(tmp_path, store).step()
    first, *_ = sorted((tmp_path / "journal").glob("*.jsonl"))
    whole = first.read_bytes()
    pack(first)
    again = copier(tmp_path, store)
    for _ in range(4):
        again.step()

    assert whole == read(store)[journal.chain_id, 1]


def test_a_line_is_found_in_the_piece_that_holds_it(store: Store, tmp_path: Path, journal: Journal) -> None:
    made = copier(tmp_path, store)
    for _ in range(4):
        made.step()
    content = min((tmp_path / "journal").glob("*.jsonl")).read_bytes()
    offset = content.rfind(b"\n", 0, -1) + 1

    with store.read() as tx:
        found = piece_at(tx, journal.chain_id, 1, offset)
        assert piece_at(tx, "nobody", 1, 0) is None

    assert found is not None
    begin, data = found
    assert content[offset:] == data[offset - begin :]


def test_what_is_forgotten_is_gone_from_the_store(store: Store, tmp_path: Path, journal: Journal) -> None:
    made = copier(tmp_path, store)
    made.step()
    made.forget(journal.chain_id, 1)

    assert (journal.chain_id, 1) not in read(store)
