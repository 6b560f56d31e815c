"""The bench of sizes, small: every table has its rows, each of calls that were answered."""

from __future__ import annotations

import pytest
from bench.cliffs import FIRST_US, TABLES, Row, cliffs, printed, table


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("policies", (1, 3)),
        ("secret-policy", (500, 900)),
        ("grants", (1, 3)),
        ("accounts", (1, 2)),
        ("secrets", (5, 9)),
    ],
)
def test_a_table_has_a_row_for_each_size(name: str, sizes: tuple[int, int]) -> None:
    rows = table(name, sizes, calls=20, firsts=2, profile=None)
    assert list(sizes) == [one.size for one in rows]
    assert all(0 < one.cheapest <= one.median for one in rows)
    assert all(min(one.commit, one.change, one.start) > 0 for one in rows)
    assert 2 + len(sizes) == len(list(printed(name, rows)))


def test_the_largest_rows_are_those_that_were_asked_for() -> None:
    """Issue 9, point 6."""
    largest = {name: sizes[-1] for name, (_, _, sizes) in TABLES.items()}
    assert (1_000, 20_000, 1_000, 200) == tuple(
        largest[one] for one in ("policies", "secret-policy", "grants", "accounts")
    )


def test_what_grows_too_much_is_called_a_cliff() -> None:
    small = Row(1, 50.0, 60.0, 1_000.0, 2_000.0, 9_000.0)
    assert [] == cliffs([small, Row(1_000, 55.0, 90.0, 4_000.0, 40_000.0, 900_000.0)])
    assert 3 == len(cliffs([small, Row(1_000, 90.0, 90.0, 2 * FIRST_US, 3 * FIRST_US, 9_000.0)]))
