"""kernel/storage/memory: what is forgotten when an owner's rows change, and that nothing grows without bound."""

from __future__ import annotations

from strongroom.kernel.storage.memory import ANY, MAX_NOTES, MAX_OWNERS, MAX_ROW_BYTES, MAX_ROWS, MET, Memory


def noted(memory: Memory, *questions: str) -> list[str]:
    """Which of these questions are remembered."""
    return [one for one in questions if memory.get(one) is not None]


def read_and_note(memory: Memory, question: str, *owners: int) -> None:
    for owner in owners:
        memory.reads(owner)
    memory.put(question, "note")
    memory.end()


def test_a_note_is_forgotten_with_what_was_read_for_it_and_with_nothing_else() -> None:
    memory = Memory()
    read_and_note(memory, "one", 1)
    read_and_note(memory, "both", 1, 2)
    read_and_note(memory, "none")
    memory.changed([3])
    assert ["one", "both", "none"] == noted(memory, "one", "both", "none")
    memory.changed([2])
    assert ["one", "none"] == noted(memory, "one", "both", "none")
    memory.changed([1])
    assert ["none"] == noted(memory, "one", "both", "none")
    memory.clear()
    assert [] == noted(memory, "none")


def test_what_is_read_after_the_note_counts_as_well() -> None:
    memory = Memory()
    memory.put("question", "note")
    memory.reads(1)
    memory.end()
    memory.changed([1])
    assert [] == noted(memory, "question")


def test_a_note_that_is_added_to_hangs_on_what_is_read_then() -> None:
    memory = Memory()
    read_and_note(memory, "question", 1)
    memory.reads(2)
    memory.again("question")
    memory.end()
    memory.changed([2])
    assert [] == noted(memory, "question")


def test_what_another_transaction_read_is_not_held_against_a_note() -> None:
    memory = Memory()
    memory.reads(1)
    memory.end()
    read_and_note(memory, "question", 2)
    memory.reads(3)
    memory.end()
    memory.changed([1, 3])
    assert ["question"] == noted(memory, "question")


def test_what_nobody_knows_is_forgotten_with_any_change() -> None:
    memory = Memory()
    read_and_note(memory, "any", ANY)
    read_and_note(memory, "many", *range(1, MAX_OWNERS + 2))
    memory.keep("loose", None, ANY)
    memory.changed([MAX_OWNERS * 2])
    assert [] == noted(memory, "any", "many")
    assert memory.row("loose") is None


def test_rows_are_forgotten_with_their_owner_and_count_as_read_when_they_are_given_out() -> None:
    memory = Memory()
    memory.keep("one", (1, "a"), 1)
    memory.keep("nobody's", None, None)
    assert ((1, "a"), 1) == memory.row("one")
    memory.put("question", "note")
    memory.end()
    memory.changed([2])
    assert memory.row("one") is not None
    memory.changed([1])
    assert memory.row("one") is None
    assert (None, None) == memory.row("nobody's")
    assert [] == noted(memory, "question")


def test_nothing_grows_without_bound() -> None:
    memory = Memory()
    for number in range(3 * MAX_NOTES):
        read_and_note(memory, f"q{number}", number)
        memory.keep(f"r{number}", (number,), number)
    memory.keep("long", (b"x" * (MAX_ROW_BYTES + 1),), 1)
    assert memory.row("long") is None
    assert len(memory) <= MAX_NOTES
    assert len(memory._rows) <= MAX_ROWS
    assert len(memory._hang_on) <= MAX_NOTES
    assert len(memory._notes_of) <= MAX_NOTES
    assert sum(map(len, memory._rows_of.values())) <= MAX_ROWS
    memory.changed(range(3 * MAX_NOTES))
    assert not (memory._notes_of or memory._hang_on or memory._rows_of or memory._rows or len(memory))


def test_a_question_is_met_the_second_time_and_what_is_known_of_it_is_bounded() -> None:
    memory = Memory()
    assert not memory.met("question")
    assert memory.met("question")
    for number in range(10 * MET):
        memory.met(f"other {number}")
    assert not memory.met("question")
    assert MET >= len(memory._met) + len(memory._met_before)


def test_questions_that_are_asked_in_turns_are_all_met() -> None:
    memory = Memory()
    asked = [f"question {number}" for number in range(MET // 2)]
    assert not any(memory.met(one) for one in asked)
    assert all(memory.met(one) for one in asked)


def test_where_asking_costs_much_a_question_is_worth_a_note_at_once() -> None:
    assert Memory(at_once=True).met("question")
