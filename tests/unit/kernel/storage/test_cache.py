"""kernel/storage/cache: bounds, stamps, and what a writing transaction may keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.storage.cache import Cache, Reading, Writing


def key(name: str) -> tuple[str, str, str]:
    """A key."""
    return ("1", "iam", name)


class Generations:
    """Stands for the table: answers from a dictionary, and counts how often it is asked."""

    def __init__(self, **kinds: int) -> None:
        self.kinds: dict[str, int] = kinds
        self.asked = 0

    def __call__(self, account: str) -> Mapping[str, int]:
        self.asked += 1
        return dict(self.kinds)


def test_what_is_in_use_survives_a_flood_of_invented_keys() -> None:
    cache = Cache(max_entries=100)
    cache.put(key("real"), (1, "kept"))
    for at in range(10_000):
        cache.put(key(f"invented{at}"), (0, None))
        assert (1, "kept") == cache.get(key("real"))
    assert len(cache) <= 101


def test_the_number_of_entries_is_bounded() -> None:
    cache = Cache(max_entries=100)
    for at in range(1000):
        cache.put(key(str(at)), (1, at))
    assert len(cache) <= 100
    assert cache.get(key("0")) is None
    assert (1, 999) == cache.get(key("999"))


def test_the_weight_of_entries_is_bounded() -> None:
    cache = Cache(max_bytes=1_000_000)
    for at in range(1000):
        cache.put(key(str(at)), (1, bytes(10_000)))
    assert len(cache) * 10_000 <= 1_000_000


def test_a_giant_is_not_kept() -> None:
    cache = Cache(max_bytes=1_000_000)
    cache.put(key("giant"), (1, bytes(200_000)))
    assert cache.get(key("giant")) is None


def test_weight_is_counted_inside_values() -> None:
    @dataclass(frozen=True)
    class Held:
        sealed: bytes

    for value in ((bytes(200_000),), {"a": bytes(200_000)}, Held(bytes(200_000)), [[bytes(200_000)]]):
        cache = Cache(max_bytes=1_000_000)
        cache.put(key("giant"), (1, value))
        assert 0 == len(cache)


def test_generations_are_read_again_only_when_the_stamp_changed() -> None:
    table = Generations(iam=1)
    view = Reading(Cache(), table)
    for stamp in (1, 1, 1, 2, 2):
        view.begin(stamp)
        view.cached("1", "iam", "a", lambda: 0)
    assert 2 == table.asked


def test_an_answer_of_another_generation_is_not_given_out() -> None:
    cache, table = Cache(), Generations(iam=1)
    view = Reading(cache, table)
    view.begin(1)
    assert "old" == view.cached("1", "iam", "a", lambda: "old")
    table.kinds["iam"] = 2
    view.begin(2)
    assert "new" == view.cached("1", "iam", "a", lambda: "new")
    table.kinds["iam"] = 1
    view.begin(3)
    assert "old again" == view.cached("1", "iam", "a", lambda: "old again")


def test_absence_is_an_answer_too() -> None:
    view = Reading(Cache(), Generations())
    view.begin(1)
    asked: list[int] = []
    for _ in range(3):
        assert view.cached("1", "iam", "nobody", lambda: asked.append(1)) is None
    assert [1] == asked


def test_invented_accounts_do_not_fill_the_memory_of_a_connection() -> None:
    table = Generations()
    view = Reading(Cache(), table)
    view.begin(1)
    for at in range(5000):
        view.cached(f"{at:012}", "iam", "a", lambda: 0)
    assert len(view._known) <= 1024


def test_a_load_that_fails_keeps_nothing() -> None:
    cache = Cache()
    view = Reading(cache, Generations())
    view.begin(1)
    try:
        view.cached("1", "iam", "a", lambda: 1 // 0)
    except ZeroDivisionError:
        assert 0 == len(cache)
    assert 5 == view.cached("1", "iam", "a", lambda: 5)


def test_a_batch_asks_once_for_what_none_of_its_calls_changes() -> None:
    cache, loads = Cache(), list[str]()

    def load(told: str) -> str:
        loads.append(told)
        return told

    writing = Writing(cache, Generations(iam=1))
    for _ in range(3):
        assert "first" == writing.cached("1", "iam", "name", lambda: load("first"))
        writing.keep()
    assert ["first"] == loads
    writing.must_raise("1", "iam")
    assert "second" == writing.cached("1", "iam", "name", lambda: load("second"))
    assert "third" == writing.cached("1", "iam", "name", lambda: load("third"))


def test_what_an_undone_call_learnt_is_asked_for_again() -> None:
    writing = Writing(Cache(), Generations(iam=1))
    assert "of a row that goes" == writing.cached("1", "iam", "name", lambda: "of a row that goes")
    writing.undo()
    assert "as it is" == writing.cached("1", "iam", "name", lambda: "as it is")


def test_a_writer_keeps_what_it_learnt_only_when_it_is_committed() -> None:
    cache = Cache()
    writing = Writing(cache, Generations(iam=1))
    writing.cached("1", "iam", "a", lambda: "value")
    writing.keep()
    assert cache.get(("1", "iam", "a")) is None
    writing.committed()
    assert (1, "value") == cache.get(("1", "iam", "a"))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(1, 9), st.booleans()),
        st.tuples(st.just("look"), st.just(0), st.booleans()),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STEPS, st.booleans(), st.booleans()), max_size=5), st.booleans())
def test_no_sequence_of_calls_leaves_a_wrong_answer_behind(
    calls: list[tuple[list[tuple[str, int, bool]], bool, bool]], commits: bool
) -> None:
    """A batch changes a number, looks at it in the cache, raises before or after, keeps or undoes each call.

    Whatever it does: a change that is kept is raised in its call, as handlers promise.
    """
    cache, row, generation, drawn = Cache(), 0, 0, 0
    writing = Writing(cache, lambda account: {"iam": 0})
    for steps, keep, early in calls:
        before, changed = row, any(what == "change" for what, _, _ in steps)
        if changed and early:
            writing.must_raise("1", "iam")
        for what, number, _ in steps:
            if what == "change":
                row = number
            else:
                seen = writing.cached("1", "iam", "row", lambda now=row: now)  # type: ignore[misc]
                assert not early or not changed or seen == row
        if changed and not early:
            writing.must_raise("1", "iam")
        if keep:
            writing.keep()
            if changed:
                drawn += 1
                generation = drawn
        else:
            writing.undo()
            row = before
    if commits:
        writing.committed()
    else:
        row, generation = 0, 0
    reading = Reading(cache, lambda account: {"iam": generation})
    reading.begin(1)
    assert row == reading.cached("1", "iam", "row", lambda: row)
