"""base/clock: milliseconds and moments, there and back."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.clock import EPOCH, from_ms, to_ms


@given(st.integers(-(10**12), 250 * 10**12))
def test_every_millisecond_comes_back_exactly(milliseconds: int) -> None:
    moment = from_ms(milliseconds)
    assert EPOCH + timedelta(milliseconds=milliseconds) == moment
    assert milliseconds == to_ms(moment)
