"""The generated pages of docs/reference are what the program prints today."""

from __future__ import annotations

import pytest
from tools.reference import PAGES, REFERENCE


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_page_is_what_the_program_prints(name: str) -> None:
    assert PAGES[name]() == (REFERENCE / name).read_text(encoding="utf-8")
