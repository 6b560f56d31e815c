"""How far to move the clock."""

from __future__ import annotations

import pytest

from strongroom.cli.clock import seconds_in
from strongroom.server.parts import StartRefused


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("90m", 5400), ("2h", 7200), ("31d", 2678400), ("2w", 1209600)]
)
def test_a_number_and_a_unit_are_seconds(text: str, seconds: int) -> None:
    assert seconds == seconds_in(text)


@pytest.mark.parametrize("text", [None, "", "d", "31", "-1d", "1.5d", "0s", "4000d", "\u0663d", "9999999999s", "1y"])
def test_anything_else_is_refused(text: str | None) -> None:
    with pytest.raises(StartRefused):
        seconds_in(text)
