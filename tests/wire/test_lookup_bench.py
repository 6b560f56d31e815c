"""The bench of lookups, small: every question finds its page within 100 ms of this process's own time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from bench.lookup import MOST_MS, Made, measured, questions


@pytest.mark.parametrize("events", [5_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_a_page_takes_less_than_a_tenth_of_a_second(tmp_path: Path, events: int) -> None:
    made = Made(tmp_path, events)
    begun = time.process_time()

    took = measured(made, 5)

    asked = sum(len(times) for times in took.values())
    assert (time.process_time() - begun) * 1000 / asked < MOST_MS
    empty = [told for told, wanted in questions(made, random.Random(3)) if not made.trail.page(wanted, 50)[0]]
    assert not {"everything", "ReadOnly", "Username", "EventSource"}.intersection(empty)
