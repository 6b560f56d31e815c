"""Pages name files that exist, and link to pages that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for pattern in ("*.md", "docs/**/*.md", "src/**/*.md") for page in ROOT.glob(pattern))
_PATH = re.compile(r"`((?:src|tests|docs|tools|bench|requirements)/[A-Za-z0-9_./-]+)`")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")
_SHORT = re.compile(r"`((?:kernel|services|server|cli|base)/[A-Za-z0-9_./-]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_what_is_there(page: Path) -> None:
    text = page.read_text()
    missing = [name for name in _PATH.findall(text) if not (ROOT / name).exists()]
    missing += [name for name in _SHORT.findall(text) if not (ROOT / "src" / "strongroom" / name).exists()]
    missing += [link for link in _LINK.findall(text) if not (page.parent / link).exists()]
    assert [] == missing


def test_no_page_names_a_place_of_one_machine() -> None:
    assert [] == [str(page) for page in PAGES if re.search(r"(?<![\w.])/(?:work|root|opt)/", page.read_text())]
