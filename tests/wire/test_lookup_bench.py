"""The bench of lookups, small: every question finds its page within 100 ms of this process's own time."""

from __future__ import annotations

import random
import sqlite3
import statistics
import threading
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from bench.lookup import MOST_MS, Made, measured, questions

from strongroom.kernel.trail import runs
from strongroom.kernel.trail.find import Wanted
from strongroom.kernel.trail.index import current
from strongroom.kernel.trail.indexing import rebuild
from strongroom.kernel.trail.runs import BLOCK, BLOCK_BITS, NUMBER_BITS, unpacked


@pytest.mark.timeout(1800)  # filling a million takes what the machine makes of it
@pytest.mark.parametrize(("events", "filled"), [(5_000, False), pytest.param(1_000_000, True, marks=pytest.mark.long)])
def test_a_page_takes_less_than_a_tenth_of_a_second(tmp_path: Path, events: int, filled: bool) -> None:
    made = Made(tmp_path, events, filled=filled)

    took = measured(made, 5)

    worst = {told: statistics.median(one.worked for one in times) for told, times in took.items()}
    assert max(worst.values()) < MOST_MS, worst
    empty = [told for told, wanted in questions(made, random.Random(3)) if not made.trail.page(wanted, 50)[0]]
    assert not {"everything", "ReadOnly", "Username", "EventSource"}.intersection(empty)


def told(path: Path) -> set[tuple[object, ...]]:
    """All that an index says: each word's moments and places; not which run has them, or which row."""
    db = sqlite3.connect(path)
    blocks = {number: unpacked(kept) for number, kept in db.execute("SELECT id, entries FROM block")}
    found = set[tuple[object, ...]]()
    for run, word, numbers in db.execute(
        "SELECT run, word, numbers FROM posting UNION ALL SELECT run, word, numbers FROM young"
    ):
        shared = (divmod(one, 1 << NUMBER_BITS) for one in array("q", numbers if word < 0 else b""))
        for of, number in shared if word < 0 else ((word, number) for number in array("H", numbers)):
            moments, places = blocks[run << BLOCK_BITS | number >> BLOCK_BITS]
            found.add((of, moments[number % BLOCK], places[number % BLOCK]))
    db.close()
    return found


@contextmanager
def watched(made: Made) -> Iterator[tuple[list[str], list[int]]]:
    """The statements of lookups, and the steps that SQLite's machine takes for them."""
    db = made.trail._finder._database()
    seen: list[str] = []
    steps = [0]

    def step() -> int:
        steps[0] += 1
        return 0

    db.set_trace_callback(seen.append)
    db.set_progress_handler(step, 1)
    try:
        yield seen, steps
    finally:
        db.set_trace_callback(None)
        db.set_progress_handler(None, 0)


def deep(made: Made, wanted: Wanted, pages: int) -> Wanted:
    """The question for a page deep in."""
    for _ in range(pages):
        _, after = made.trail.page(wanted, 50)
        if after is None:
            break
        wanted = replace(wanted, before=after)
    return wanted


def test_no_question_reads_a_table_from_end_to_end_or_sorts_what_it_found(tmp_path: Path) -> None:
    made = Made(tmp_path, 3_000, filled=True)
    with watched(made) as (seen, _):
        for _, wanted in questions(made, random.Random(5)):
            made.trail.page(deep(made, wanted, 3), 50)
    told = sorted({one for one in seen if one.startswith("SELECT")} - {"SELECT id FROM run"})
    assert {"posting", "block", "run", "source", "undone"} <= {one.split(" FROM ")[1].split()[0] for one in told}
    db = made.trail._finder._database()
    for one in told:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {one}")]
        assert not [step for step in plan if "SCAN" in step or "TEMP" in step], (one, plan)


def test_a_page_takes_one_look_more_for_each_further_run_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of SQLite's machine, which no other program on this machine makes more. Runs are small here."""
    monkeypatch.setattr(runs, "RUN", 2048)
    work, looks = [], []
    for events in (3_000, 30_000):
        made = Made(tmp_path / str(events), events, filled=True)
        worst: dict[str, int] = {}
        for told, wanted in questions(made, random.Random(5)):
            far = deep(made, wanted, 10)
            for one in (wanted, far):
                with watched(made) as (_, steps):
                    made.trail.page(one, 50)
                worst[told] = max(worst.get(told, 0), steps[0])
        work.append(max(worst.values()))
        ((count,),) = made.trail._finder._database().execute("SELECT count(*) FROM run")
        looks.append(count)
    assert [2, 15] == looks
    assert work[1] - work[0] < 60 * (looks[1] - looks[0]), work


def test_an_index_that_was_filled_is_the_one_that_the_journal_gives(tmp_path: Path) -> None:
    made = Made(tmp_path, 3_000, filled=True)
    filled = current(made.index)
    assert filled is not None
    read = tmp_path / "read.db"

    rebuild(read, made._following, threading.Event())

    assert told(filled) == told(read)
    assert len(told(filled)) > 10_000
    assert made.trail.caught_up()


def test_pages_of_a_filled_index_are_read_from_its_journal(tmp_path: Path) -> None:
    made = Made(tmp_path, 20_000, filled=True)
    took = measured(made, 2)
    asked = list(questions(made, random.Random(3)))
    assert {told for told, _ in asked} == set(took)
    assert 50 == len(made.trail.page(asked[0][1], 50)[0])
    (one,), _ = made.trail.page(next(wanted for told, wanted in asked if told == "EventId"), 50)
    assert one.event["eventID"] in made.ids
