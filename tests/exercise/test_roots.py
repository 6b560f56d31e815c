"""Roots and their rotation in the store, on both engines: links, catching up, batches, and rows that nothing opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from strongroom.app import Facts, Product
from strongroom.base.clock import from_ms
from strongroom.base.entropy import Entropy, SystemEntropy
from strongroom.kernel import rewrap, roots
from strongroom.kernel.jobs import due
from strongroom.kernel.registry import Job, Registry
from strongroom.kernel.sealing.keyring import Keyring, SealBroken
from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.schema import kernel_key
from strongroom.services.functions import sealed as functions
from strongroom.services.functions.store.tables import code, event, function, layer, version
from strongroom.settings import Settings

NOW = from_ms(1_700_000_000_123)
ENTROPY = SystemEntropy()
OLD = bytes(range(32))


@dataclass
class Run:
    """What a job has in hand."""

    keyring: Keyring
    now: datetime = NOW
    entropy: Entropy = ENTROPY
    recorded: list[str] = field(default_factory=list)

    def record(
        self,
        *,
        service: str,
        name: str,
        account: str,
        region: str,
        details: Mapping[str, Any],
        request_id: str | None = None,
        error_message: str | None = None,
    ) -> None:
        self.recorded.append(name)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """All rooms."""
    facts = Facts("123456789012", dev_clock=False)
    return Product(Settings(data=tmp_path)).registry(facts, Keyring(bytes(32)))


@pytest.fixture
def old(store: BatchStore) -> Keyring:
    """A store under its first root key."""
    with store.write() as tx:
        roots.first(tx, OLD, ENTROPY, NOW)
        return roots.opened(tx, OLD).keyring


def begun(store: BatchStore) -> roots.Opened:
    """A rotation is under way."""
    with store.write() as tx:
        return roots.begin(tx, OLD, ENTROPY, NOW)


def batches(store: BatchStore, registry: Registry, run: Run, *, most: int = 100) -> list[timedelta]:
    """Do the job until it is over or waits; how long each time it put itself off."""
    waits: list[timedelta] = []
    for _ in range(most):
        with store.write() as tx:
            due.cancel(tx, rewrap.KIND, "2")
            registry.jobs[rewrap.KIND](Job(rewrap.KIND, "2", 1), run, tx)
            again = due.next_due(tx)
        if again is None:
            break
        waits.append(again - NOW)
        if again > NOW:
            break
    return waits


def progress(tx: Transaction) -> rewrap.Progress:
    """How far it is."""
    found = rewrap.progress_of(roots.stored(tx)[-1].progress)
    assert found is not None
    return found


def test_either_root_opens_both_while_one_is_replaced_and_no_other_does(store: BatchStore, old: Keyring) -> None:
    now = begun(store)
    with store.read() as tx:
        from_old, from_new = roots.opened(tx, OLD), roots.opened(tx, now.newest)
        with pytest.raises(roots.WrongRoot, match="does not open this store"):
            roots.opened(tx, bytes(32))
    assert (1, 2, 2) == (from_old.given, from_new.given, from_old.number)
    assert from_old.newest == from_new.newest != OLD
    assert OLD == from_new.previous
    sealed = old.seal("purpose", b"before", b"")
    assert [b"before"] * 2 == [one.keyring.open("purpose", sealed, b"") for one in (from_old, from_new)]
    token = old.tokens.seal("page-token", b"place", b"")
    assert b"place" == from_new.keyring.tokens.open("page-token", token, b"")


def test_begun_twice_is_one_rotation(store: BatchStore, old: Keyring) -> None:
    assert begun(store).newest == begun(store).newest
    with store.read() as tx:
        assert 2 == len(roots.stored(tx))
    assert old.check_value() != ""


def test_a_process_catches_up_by_looking_and_an_older_snapshot_takes_it_back_nowhere(
    store: BatchStore, old: Keyring
) -> None:
    with store.read() as tx:
        mine = roots.Roots(roots.opened(tx, OLD), roots.stored(tx))
        before = roots.stored(tx)
    now = begun(store)
    with store.read() as tx:
        mine.catch_up(tx)
    assert (2, now.keyring.newest_id) == (mine.number, mine.keyring.newest_id)
    mine._adopt(before)
    assert now.keyring.newest_id == mine.keyring.newest_id
    assert b"x" == mine.keyring.open("p", old.seal("p", b"x", b""), b"")


def test_everything_is_sealed_anew_in_batches_and_then_the_old_root_is_forgotten(
    store: BatchStore, old: Keyring, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrap, "BATCH", 2)
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    with store.write() as tx:
        for name in ("a", "b", "c", "d", "e"):
            tx.run(insert(kernel_key).values(name=name, sealed=old.seal("kernel-key", b"k", name.encode())))
        tx.run(insert(function).values(pk=1, account="123456789012", region="us-east-1", name="f", last_version=0,
                                       tags="{}"))  # fmt: skip
        for pk, sha256 in ((1, "sha-of-function"), (2, "sha-of-layer")):
            tx.run(insert(code).values(pk=pk, sealed=functions.seal_code(old, b"zip", sha256)))
        tx.run(insert(version).values(pk=1, function_pk=1, number=0, revision="r", changed_ms=0, config="{}",
                                      environment=functions.seal_environment(old, {"A": "b"}, arn), code_pk=1,
                                      code_sha256="sha-of-function", code_size=3))  # fmt: skip
        tx.run(insert(layer).values(pk=1, account="123456789012", region="us-east-1", name="l", number=1, created_ms=0,
                                    config="{}", code_pk=2, code_sha256="sha-of-layer", code_size=3))  # fmt: skip
        tx.run(insert(event).values(id="e-1", function_pk=1, version_pk=1, function_arn=arn, created_ms=0, failures=0,
                                    sealed=functions.seal_event(old, {"payload": 1}, "e-1")))  # fmt: skip
        roots.hold(tx, "here", 1, NOW)
        roots.hold(tx, "there", 2, NOW)
    now = begun(store)
    run = Run(now.keyring)
    waits = batches(store, registry, run)
    assert len(waits) > 5
    assert timedelta(seconds=1) == waits[-1]
    with store.read() as tx:
        assert (10, [], True) == (progress(tx).done, progress(tx).broken, progress(tx).finished)
        assert ["here"] == roots.behind(tx)
    assert [] == run.recorded

    with store.write() as tx:
        roots.hold(tx, "here", 2, NOW)
    assert [] == batches(store, registry, run)
    assert ["RetireRootKey"] == run.recorded
    with store.read() as tx:
        assert [(1, True), (2, False)] == [(row.number, row.retired_ms is not None) for row in roots.stored(tx)]
        assert {(None, None)} == {(row.under_next, row.under_previous) for row in roots.stored(tx)}
        with pytest.raises(roots.ReplacedRoot, match="was replaced in this store"):
            roots.opened(tx, OLD)
    with pytest.raises(SealBroken):
        Keyring(OLD).open("kernel-key", _sealed(store, "a"), b"a")
    new = Keyring(now.newest)
    assert b"k" == new.open("kernel-key", _sealed(store, "a"), b"a")
    with store.read() as tx:
        assert {"A": "b"} == functions.open_environment(new, tx.rows(select(version.c.environment))[0][0], arn)
        for (packed,), sha256 in zip(tx.rows(select(code.c.sealed).order_by(code.c.pk)),
                                     ("sha-of-function", "sha-of-layer"), strict=True):  # fmt: skip
            assert b"zip" == functions.open_code(new, bytes(packed), sha256)
        assert {"payload": 1} == functions.open_event(new, bytes(tx.rows(select(event.c.sealed))[0][0]), "e-1")


def test_a_row_that_no_root_opens_is_named_and_keeps_the_old_root(
    store: BatchStore, old: Keyring, registry: Registry
) -> None:
    with store.write() as tx:
        tx.run(insert(kernel_key).values(name="good", sealed=old.seal("kernel-key", b"k", b"good")))
        tx.run(insert(kernel_key).values(name="bad", sealed=old.seal("kernel-key", b"k", b"moved")))
    run = Run(begun(store).keyring)
    assert timedelta(minutes=1) == batches(store, registry, run)[-1]
    with store.read() as tx:
        assert ["sealing_key.sealed bad"] == progress(tx).broken
        assert not progress(tx).finished
        assert roots.under_way(roots.stored(tx))
    # The row is put right from a copy, still under the old root: the next pass takes it along.
    with store.write() as tx:
        mended = old.seal("kernel-key", b"k", b"bad")
        tx.run(update(kernel_key).where(kernel_key.c.name == "bad").values(sealed=mended))
    batches(store, registry, run)
    with store.read() as tx:
        assert not roots.under_way(roots.stored(tx))


def _sealed(store: BatchStore, name: str) -> bytes:
    with store.read() as tx:
        row = tx.row(select(kernel_key.c.sealed).where(kernel_key.c.name == name))
    assert row is not None
    return bytes(row[0])
