"""Print the generated pages of docs/reference: ``python tools/reference.py`` writes them all."""

from __future__ import annotations

from pathlib import Path

from strongroom.settings.printed import reference

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"

PAGES = {"settings.md": reference}
"""Each generated page and what prints it. tests/docs/test_reference.py keeps page and program equal."""


def main() -> None:
    """Write every page."""
    for name, printed in PAGES.items():
        (REFERENCE / name).write_text(printed(), encoding="utf-8")


if __name__ == "__main__":
    main()
