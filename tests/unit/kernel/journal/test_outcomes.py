"""What waits for a COMMIT, and what may be forgotten."""

from __future__ import annotations

from strongroom.kernel.journal.outcomes import FORGET_FROM, MAX_TOLD, MAX_WAITING, Outcomes


def test_what_was_written_is_open_until_somebody_tells() -> None:
    outcomes = Outcomes()
    outcomes.wait(["a", "b", "c"])
    outcomes.committed(["a"])
    outcomes.undone(["b"])

    assert ["c"] == outcomes.open()


def test_committed_ids_are_given_out_once_there_are_enough() -> None:
    outcomes, ids = Outcomes(), [str(number) for number in range(FORGET_FROM)]
    outcomes.wait(ids)
    outcomes.committed(ids[:-1])
    assert [] == outcomes.due()
    outcomes.committed(ids[-1:])

    assert ids == outcomes.due()
    assert [] == outcomes.due()


def test_ids_of_earlier_chains_are_given_out_at_once() -> None:
    outcomes = Outcomes()
    outcomes.forget(["a"])

    assert ["a"] == outcomes.due()


def test_an_id_that_never_waited_is_not_given_out() -> None:
    outcomes = Outcomes()
    outcomes.committed(["stranger"])
    outcomes.forget(["a"])

    assert ["a"] == outcomes.due()


def test_too_many_to_name_are_not_named() -> None:
    outcomes = Outcomes()
    outcomes.wait(str(number) for number in range(MAX_TOLD + 1))

    assert outcomes.open() is None


def test_where_nobody_tells_outcomes_memory_stays_bounded_and_nothing_is_called_settled() -> None:
    outcomes = Outcomes()
    outcomes.wait(str(number) for number in range(MAX_WAITING + 1))
    outcomes.forget(["a"])

    assert outcomes.open() is None
    assert [] == outcomes.due()
