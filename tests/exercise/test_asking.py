"""What one node asks the others: heard, bounded, sealed, and gone afterwards; an embedded store asks nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from strongroom.base.clock import from_ms
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel import roots
from strongroom.kernel.asking import OPEN_AT_MOST, STALE, Heard, Nodes, TooManyQuestions
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.schema import node_answer, node_question

KEYRING = Keyring(bytes(range(32)))
NOW = from_ms(1_700_000_000_000)
Open = Callable[[], BatchStore]


def node(opened: Open, name: str, now: datetime = NOW, keyring: Keyring = KEYRING) -> Nodes:
    """One node, that says in the store that it is there."""
    store = opened()
    with store.write() as tx:
        roots.hold(tx, name, 1, NOW)
    return Nodes(store, keyring, SystemEntropy(), lambda: now, name)


@contextmanager
def answering(one: Nodes, answerer: Callable[[Mapping[str, Any]], Any]) -> Iterator[None]:
    """A node that answers meanwhile."""
    stop = threading.Event()
    thread = threading.Thread(target=one.run, args=(stop, answerer))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def left(store: BatchStore) -> tuple[int, int]:
    """How many questions and answers are in the store."""
    counted = []
    with store.read() as tx:
        for table in (node_question, node_answer):
            (number,) = tx.row(select(func.count()).select_from(table)) or (0,)
            counted.append(number)
    return counted[0], counted[1]


def enough(told: Any) -> bool:
    return bool(told)


@pytest.fixture
def two(opened: Open, engine: str) -> tuple[Nodes, Nodes]:
    """Two nodes. Of an embedded store there are never two: nobody is asked, which is the first test's."""
    first, second = node(opened, "a"), node(opened, "b")
    if engine == "sqlite":
        assert Heard({}) == first.ask({"what": "x"}, enough)
    return first, second


on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


def test_a_node_hears_what_the_other_says_and_nothing_stays_or_an_embedded_store_asks_nobody(
    two: tuple[Nodes, Nodes], engine: str, opened: Open
) -> None:
    asker, other = two
    with answering(other, lambda subject: [subject["what"]] * 2):
        heard = asker.ask({"what": "x"}, enough, patience_seconds=60)
    assert Heard({} if engine == "sqlite" else {"b": ["x", "x"]}) == heard
    assert (0, 0) == left(opened())


@on_postgresql
def test_a_node_that_does_not_answer_is_named_after_a_bounded_wait(two: tuple[Nodes, Nodes], opened: Open) -> None:
    asker, _ = two
    third = node(opened, "c")
    with answering(third, lambda _: []):
        heard = asker.ask({}, enough, patience_seconds=2)
    assert Heard({"c": []}, silent=("b",)) == heard
    assert (0, 0) == left(opened())


@on_postgresql
def test_one_answer_that_is_enough_ends_the_waiting_for_a_dead_node(two: tuple[Nodes, Nodes], opened: Open) -> None:
    asker, _ = two
    with answering(node(opened, "c"), lambda _: "found"):
        heard = asker.ask({}, enough, patience_seconds=3600)
    assert Heard({"c": "found"}, silent=("b",)) == heard


@on_postgresql
def test_an_answer_that_fails_or_is_too_long_is_no_answer_and_the_node_goes_on(two: tuple[Nodes, Nodes]) -> None:
    asker, other = two

    def answerer(subject: Mapping[str, Any]) -> Any:
        if subject["how"] == "fails":
            raise ValueError
        return "x" * 2_000_000 if subject["how"] == "long" else "well"

    with answering(other, answerer):
        for how, expected in (("fails", {}), ("long", {}), ("well", {"b": "well"})):
            heard = asker.ask({"how": how}, enough, patience_seconds=60)
            assert expected == heard.answers, how
            assert (() if expected else ("b",)) == heard.silent


@on_postgresql
def test_questions_are_bounded_and_those_of_the_dead_make_room(two: tuple[Nodes, Nodes], opened: Open) -> None:
    asker, _ = two
    store = opened()
    with store.write() as tx:
        for number in range(OPEN_AT_MOST):
            tx.run(insert(node_question).values(id=f"q{number}", asked_ms=1_700_000_000_000, sealed=b"x"))
        tx.run(insert(node_answer).values(question="q1", node="b", sealed=b"x"))
    with pytest.raises(TooManyQuestions):
        asker.ask({}, enough, patience_seconds=1)
    later = node(opened, "d", NOW + STALE + timedelta(seconds=1))
    assert {"a", "b"} == set(later.ask({}, enough, patience_seconds=0.1).silent)
    assert (0, 0) == left(store)


@on_postgresql
def test_the_store_sees_neither_question_nor_answer_and_can_put_in_none_of_its_own(
    two: tuple[Nodes, Nodes], opened: Open
) -> None:
    """An attack: whoever writes to the database, without the root key, asks and answers."""
    asker, other = two
    store = opened()
    met: list[Any] = []
    with store.write() as tx:
        tx.run(insert(node_question).values(id="forged", asked_ms=1_700_000_000_000, sealed=b'{"what": "secret"}'))
    other.answer(lambda subject: met.append(subject) or "told")
    assert [] == met

    def forging(subject: Mapping[str, Any]) -> Any:
        with store.read() as tx:
            ((question, sealed),) = tx.rows(
                select(node_question.c.id, node_question.c.sealed).where(node_question.c.id != "forged")
            )
        assert b"plainly" not in bytes(sealed)
        with store.write() as tx:
            tx.run(insert(node_answer).values(question=question, node="c", sealed=b'"forged"'))
        return subject["what"]

    third = node(opened, "c", keyring=Keyring(bytes(32)))
    assert third is not None
    with answering(other, forging):
        heard = asker.ask({"what": "plainly"}, lambda told: told == "forged", patience_seconds=60)
    assert Heard({"b": "plainly"}, silent=("c",)) == heard
