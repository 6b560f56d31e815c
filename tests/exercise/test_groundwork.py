"""What was worked out on what is kept by generations stands until one of them is raised, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
from sqlalchemy import insert, select

from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.groundwork import Ground, Groundwork, stands
from strongroom.kernel.storage.port import NeedsWrite, Statement, Transaction
from strongroom.kernel.storage.schema import setting

ACCOUNT, KIND = "111122223333", "iam"
ALL = Statement(select(setting.c.name))
ADD = Statement(insert(setting))


def worked(store: BatchStore) -> Ground:
    """The ground of something that looked at one kind."""
    view = Groundwork(store.read)
    view.cached(ACCOUNT, KIND, "names", lambda: tuple(view.rows(ALL)))
    view.cached(ACCOUNT, KIND, "names", lambda: tuple(view.rows(ALL)))
    return view.ground


def test_it_stands_where_nothing_was_raised(store: BatchStore) -> None:
    ground = worked(store)
    assert [(ACCOUNT, KIND)] == list(ground)
    with store.write() as tx:
        tx.raise_generation(ACCOUNT, "kms")
        tx.raise_generation("444455556666", KIND)
        assert stands(ground, tx)
    with store.write() as tx:
        assert stands(ground, tx)
    with store.read() as tx:
        assert stands(ground, tx)


def test_it_does_not_stand_where_it_was_raised_since(store: BatchStore) -> None:
    ground = worked(store)
    with store.write() as tx:
        tx.raise_generation(ACCOUNT, KIND)
    for opened in (store.write, store.read):
        with opened() as tx:
            assert not stands(ground, tx)
    with store.write() as tx:
        assert stands(worked_in(tx), tx)


def worked_in(tx: Transaction) -> Ground:
    """The same, inside another transaction."""
    return {(ACCOUNT, KIND): tx.generation(ACCOUNT, KIND)}


def test_nor_where_this_very_transaction_has_raised_it_even_if_that_was_undone(store: BatchStore) -> None:
    ground = worked(store)
    batch = store.begin_write()
    batch.savepoint()
    assert stands(ground, batch)
    batch.raise_generation(ACCOUNT, KIND)
    assert not stands(ground, batch)
    batch.undo()
    assert not stands(ground, batch)
    batch.rollback()
    with store.write() as tx:
        assert stands(ground, tx)


def test_what_was_worked_out_on_nothing_known_never_stands(store: BatchStore) -> None:
    with store.write() as tx:
        tx.raise_generation(ACCOUNT, KIND)
        view = Groundwork(lambda: nullcontext(tx))
        view.cached(ACCOUNT, KIND, "names", lambda: 1)
        assert not stands(view.ground, tx)


REFUSED: dict[str, Callable[[Transaction], object]] = {
    "rows": lambda tx: tx.rows(ALL),
    "a row": lambda tx: tx.row(ALL),
    "a change": lambda tx: tx.run(ADD, name="a", value="b"),
    "changes": lambda tx: tx.many(ADD, [{"name": "a", "value": "b"}]),
    "an attempt": lambda tx: tx.attempt(),
    "a generation": lambda tx: tx.raise_generation(ACCOUNT, KIND),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_nobody_could_tell_later_waits_for_its_turn(store: BatchStore, what: str) -> None:
    with pytest.raises(NeedsWrite):
        REFUSED[what](Groundwork(store.read))


def test_rows_are_read_for_what_is_kept_and_not_after_it(store: BatchStore) -> None:
    view = Groundwork(store.read)
    with pytest.raises(ZeroDivisionError):
        view.cached(ACCOUNT, KIND, "fails", lambda: 1 // 0)
    with pytest.raises(NeedsWrite):
        view.rows(ALL)
    assert view.foresee() is None


def test_what_moves_between_two_looks_waits_for_its_turn(store: BatchStore) -> None:
    view = Groundwork(store.read)
    seen = view.generation(ACCOUNT, KIND)
    with store.write() as tx:  # no snapshot is held meanwhile
        tx.raise_generation(ACCOUNT, "kms")
    assert 1 == view.cached(ACCOUNT, KIND, "one", lambda: 1)
    with store.write() as tx:
        tx.raise_generation(ACCOUNT, KIND)
    for look in (lambda: view.generation(ACCOUNT, KIND), lambda: view.cached(ACCOUNT, KIND, "one", lambda: 1)):
        with pytest.raises(NeedsWrite):
            look()
    assert {(ACCOUNT, KIND): seen} == view.ground


def test_one_look_may_need_another(store: BatchStore) -> None:
    view = Groundwork(store.read)
    assert 2 == view.cached(ACCOUNT, KIND, "two", lambda: view.cached(ACCOUNT, "kms", "one", lambda: 1) + 1)
    assert {(ACCOUNT, KIND), (ACCOUNT, "kms")} == set(view.ground)
