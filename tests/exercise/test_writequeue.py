"""The write queue on both engines: savepoints, the ledger's order, failures, answers only after COMMIT."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from sqlalchemy import text

from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.errors import Conflict
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.writequeue import Answers, Done, Outcome, QueueFull, WriteQueue
from tests.exercise.ledgers import Answer, Notes, adds, one_batch
from tests.exercise.things import PUT, make_things, number


@pytest.fixture
def ledger(store: BatchStore) -> Notes:
    """A ledger over a store with ``x`` = 0."""
    make_things(store, x=0)
    return Notes(store)


@pytest.fixture
def queue(store: BatchStore, ledger: Notes) -> Iterator[WriteQueue]:
    """A queue."""
    made = WriteQueue(store, ledger)
    yield made
    made.close()


def total(store: BatchStore) -> int | None:
    """What has been added."""
    with store.read() as tx:
        return number(tx)


def test_a_call_is_answered_after_it_is_durable(store: BatchStore, ledger: Notes, queue: WriteQueue) -> None:
    answer = Answer()
    queue.submit(adds(5, "e1"), answer)
    assert Outcome(True, ("e1",), 5) == answer.wait()
    assert 5 == total(store)
    assert ["e1"] == ledger.kept(["e1"])


def test_a_batch_has_one_ledger_call_with_its_outcomes_in_order(
    store: BatchStore, ledger: Notes, queue: WriteQueue
) -> None:
    answers = one_batch(queue, [adds(1, "a"), adds(10, "b", keep=False), adds(100, "c")])
    assert [1, 10, 100] == [answer.wait().value for answer in answers]  # type: ignore[union-attr]
    assert [("before", ["a", "b", "c"])] == ledger.told
    assert ["a", "c"] == ledger.kept(["a", "b", "c"])
    assert 101 == total(store)


def test_a_call_that_raises_is_undone_and_told_alone(store: BatchStore, ledger: Notes, queue: WriteQueue) -> None:
    def breaks(tx: Transaction) -> Outcome:
        adds(10, "b")(tx)
        raise ZeroDivisionError

    def conflicts(tx: Transaction) -> Outcome:
        tx.run(PUT, name="x", n=1)
        return Outcome(True, ("never",), None)

    answers = one_batch(queue, [adds(1, "a"), breaks, conflicts, adds(100, "c")])
    assert [Outcome, ZeroDivisionError, Conflict, Outcome] == [type(answer.wait()) for answer in answers]
    assert [("before", ["a", "c"])] == ledger.told
    assert 101 == total(store)


def test_a_call_that_is_undone_may_have_something_kept(store: BatchStore, ledger: Notes, queue: WriteQueue) -> None:
    def refused(*despite: Callable[[Transaction], object]) -> Callable[[Transaction], Outcome]:
        def run(tx: Transaction) -> Outcome:
            adds(10, "b")(tx)
            return Outcome(False, ("b",), None, tuple(despite))  # type: ignore[arg-type]

        return run

    def fails(tx: Transaction) -> None:
        adds(5000, "d")(tx)
        raise ZeroDivisionError

    answers = one_batch(queue, [refused(adds(1, "c")), refused(fails), adds(100, "e")])
    assert [False, False, True] == [answer.wait().keep for answer in answers]  # type: ignore[union-attr]
    assert ["e"] == ledger.kept(["b", "c", "d", "e"])
    assert 101 == total(store)


def test_a_later_call_sees_what_an_earlier_one_of_the_batch_kept(queue: WriteQueue) -> None:
    def looks(tx: Transaction) -> Outcome:
        return Outcome(True, (), number(tx))

    answers = one_batch(queue, [adds(1, "a"), looks, adds(10, "b", keep=False), looks])
    assert [1, 1, 10, 1] == [answer.wait().value for answer in answers]  # type: ignore[union-attr]


def test_a_refusing_ledger_undoes_the_whole_batch(store: BatchStore, ledger: Notes, queue: WriteQueue) -> None:
    def refuse(tx: Transaction) -> None:
        raise OSError("the journal is full")

    ledger.before = refuse
    answers = one_batch(queue, [adds(1, "a"), adds(10, "b")])
    assert [OSError, OSError] == [type(answer.wait()) for answer in answers]
    assert [("before", ["a", "b"]), ("not committed: OSError", ["a", "b"])] == ledger.told
    assert 0 == total(store)
    ledger.before = lambda tx: None
    again = Answer()
    queue.submit(adds(1, "d"), again)
    assert isinstance(again.wait(), Outcome)
    assert 1 == total(store)


def test_a_commit_that_fails_is_told_to_everybody(
    store: BatchStore, ledger: Notes, queue: WriteQueue, engine: str
) -> None:
    """A constraint that is checked at COMMIT only, on either engine."""
    with store.write() as tx:
        tx.run(text("CREATE TABLE exercise_parent (pk INTEGER PRIMARY KEY)"))
        tx.run(
            text(
                "CREATE TABLE exercise_child (pk INTEGER REFERENCES exercise_parent (pk) DEFERRABLE INITIALLY DEFERRED)"
            )
        )

    def orphan(tx: Transaction) -> None:
        tx.run(text("INSERT INTO exercise_child VALUES (1)"))

    ledger.before = orphan
    answers = one_batch(queue, [adds(1, "a"), adds(10, "b")])
    assert [Conflict, Conflict] == [type(answer.wait()) for answer in answers]
    assert ["before", "not committed: Conflict"] == [what for what, _ in ledger.told]
    ledger.before = lambda tx: None
    again = Answer()
    queue.submit(adds(100, "c"), again)
    assert isinstance(again.wait(), Outcome)
    assert 100 == total(store)
    assert engine == store.engine


def test_no_answer_leaves_before_commit(store: BatchStore, ledger: Notes, queue: WriteQueue) -> None:
    answer = Answer()
    seen: list[object] = []
    ledger.before = lambda tx: seen.append(list(answer.got))
    queue.submit(adds(1, "a"), answer)
    answer.wait()
    assert [[]] == seen


def test_batches_are_bounded(store: BatchStore, ledger: Notes) -> None:
    queue = WriteQueue(store, ledger, batch=2)
    for answer in one_batch(queue, [adds(1, f"e{at}") for at in range(5)]):
        answer.wait()
    queue.close()
    assert [2, 2, 1] == [len(ids) for _, ids in ledger.told]


def test_a_full_queue_refuses_and_keeps_what_it_has(store: BatchStore, ledger: Notes) -> None:
    queue = WriteQueue(store, ledger, capacity=3)
    running, go = threading.Event(), threading.Event()

    def holds(tx: Transaction) -> Outcome:
        running.set()
        assert go.wait(10)
        return adds(1, "first")(tx)

    answers = [Answer() for _ in range(5)]
    queue.submit(holds, answers[0])
    assert running.wait(10)
    for at in (1, 2, 3):
        queue.submit(adds(1, f"e{at}"), answers[at])
    with pytest.raises(QueueFull):
        queue.submit(adds(1000, "refused"), answers[4])
    go.set()
    assert all(isinstance(answer.wait(), Outcome) for answer in answers[:4])
    queue.close()
    assert 4 == total(store)
    assert [] == answers[4].got


@pytest.mark.parametrize("drain", [True, False])
def test_closing_finishes_or_refuses_what_waits(store: BatchStore, ledger: Notes, drain: bool) -> None:
    queue = WriteQueue(store, ledger, batch=1)
    running, go = threading.Event(), threading.Event()

    def holds(tx: Transaction) -> Outcome:
        running.set()
        assert go.wait(10)
        return adds(1, "first")(tx)

    first, second = Answer(), Answer()
    queue.submit(holds, first)
    assert running.wait(10)
    queue.submit(adds(10, "second"), second)
    closing = threading.Thread(target=queue.close, kwargs={"drain": drain})
    closing.start()
    if not drain:
        assert not isinstance(second.wait(), Outcome)
    go.set()
    closing.join(10)
    assert isinstance(first.wait(), Outcome)
    assert drain == isinstance(second.wait(), Outcome)
    assert (11 if drain else 1) == total(store)
    with pytest.raises(QueueFull):
        queue.submit(adds(1, "late"), Answer())


def test_the_answers_of_a_batch_can_be_taken_in_one_go(store: BatchStore, ledger: Notes) -> None:
    handed: list[Answers] = []
    came = threading.Event()

    def take(answers: Answers) -> None:
        handed.append(answers)
        came.set()

    queue = WriteQueue(store, ledger, on_batch_done=take)
    answers: Sequence[Done] = one_batch(queue, [adds(1, "a"), adds(2, "b")])
    assert came.wait(10)
    queue.close()
    assert [list(answers)] == [[done for done, _ in batch] for batch in handed]
    assert [1, 2] == [outcome.value for _, outcome in handed[0]]  # type: ignore[union-attr]


def test_a_callback_that_raises_hurts_nobody_else(store: BatchStore, queue: WriteQueue) -> None:
    def breaks(answer: Outcome | BaseException) -> None:
        raise ZeroDivisionError

    other = Answer()
    queue.submit(adds(1, "a"), breaks)
    queue.submit(adds(1, "b"), other)
    assert isinstance(other.wait(), Outcome)
    assert 2 == total(store)


def test_two_queues_on_one_store_share_the_writers_place(
    store: BatchStore, opened: Callable[[], BatchStore], ledger: Notes, queue: WriteQueue
) -> None:
    other_store = opened()
    other = WriteQueue(other_store, Notes(other_store))
    answers = [Answer() for _ in range(200)]
    for at, answer in enumerate(answers):
        (queue if at % 2 else other).submit(adds(1, f"e{at}"), answer)
    assert all(isinstance(answer.wait(), Outcome) for answer in answers)
    other.close()
    assert 200 == total(store)
    assert 200 == len(ledger.kept([f"e{at}" for at in range(200)]))
