"""kernel/storage/postgres_values: every text survives, also those that TEXT cannot hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.storage.postgres_values import received, sent

TEXTS = st.text(st.sampled_from(["\0", "\ufdd0", "0", "m", "a", "é"]), max_size=12)


@settings(max_examples=50)
@given(st.lists(TEXTS, max_size=4))
def test_texts_come_back_and_travel_without_nul(texts: list[str]) -> None:
    travelling = sent(texts)
    assert not any("\0" in text for text in travelling)
    assert [tuple(texts)] == received([tuple(travelling)])


@settings(max_examples=50)
@given(TEXTS, TEXTS)
def test_different_texts_stay_different(one: str, other: str) -> None:
    assert (one == other) == (sent([one]) == sent([other]))


@pytest.mark.parametrize(
    ("value", "expected"), [(True, 1), (False, 0), (None, None), (7, 7), (b"\0", b"\0"), ("a", "a")]
)
def test_other_values_travel_as_they_are(value: object, expected: object) -> None:
    (only,) = sent([value])
    assert expected == only
    assert type(expected) is type(only)


def test_ordinary_rows_are_not_copied() -> None:
    rows: list[tuple[object, ...]] = [("a", 1), (None, b"b")]
    assert rows is received(rows)
