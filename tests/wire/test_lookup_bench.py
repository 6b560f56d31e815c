"""The bench of lookups, small: every question finds its page within 100 ms of this process's own time."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from bench.lookup import MOST_MS, Made, measured, questions

from strongroom.kernel.trail.index import current
from strongroom.kernel.trail.indexing import rebuild


@pytest.mark.parametrize("events", [5_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_a_page_takes_less_than_a_tenth_of_a_second(tmp_path: Path, events: int) -> None:
    made = Made(tmp_path, events)
    begun = time.process_time()

    took = measured(made, 5)

    asked = sum(len(times) for times in took.values())
    assert (time.process_time() - begun) * 1000 / asked < MOST_MS
    empty = [told for told, wanted in questions(made, random.Random(3)) if not made.trail.page(wanted, 50)[0]]
    assert not {"everything", "ReadOnly", "Username", "EventSource"}.intersection(empty)


def rows(path: Path) -> set[tuple[object, ...]]:
    """All that an index says, without the numbers that it gave to words."""
    with sqlite3.connect(path) as db:
        found = db.execute(
            "SELECT account, region, attribute, value, moment, place FROM posting JOIN word ON word.id = posting.word"
            " UNION ALL SELECT '', '', 'id', '', hash, place FROM by_id"
        ).fetchall()
    db.close()
    return set(found)


def test_an_index_that_was_filled_is_the_one_that_the_journal_gives(tmp_path: Path) -> None:
    made = Made(tmp_path, 3_000, filled=True)
    filled = current(made.index)
    assert filled is not None
    read = tmp_path / "read.db"

    rebuild(read, made._following, threading.Event())

    assert rows(filled) == rows(read)
    assert len(rows(filled)) > 10_000
    assert made.trail.caught_up()


def test_pages_of_a_filled_index_are_read_from_its_journal(tmp_path: Path) -> None:
    made = Made(tmp_path, 20_000, filled=True)
    took = measured(made, 2)
    asked = list(questions(made, random.Random(3)))
    assert {told for told, _ in asked} == set(took)
    assert 50 == len(made.trail.page(asked[0][1], 50)[0])
    (one,), _ = made.trail.page(next(wanted for told, wanted in asked if told == "EventId"), 50)
    assert one.event["eventID"] in made.ids
