"""The page ``docs/reference/settings.md``, printed from the settings."""

from __future__ import annotations

import dataclasses
from typing import Any

from strongroom.settings.declared import Settings


def reference() -> str:
    """The page ``docs/reference/settings.md``."""
    rows = [
        f"| `{one.name}` | {_shown(one.default)} | {one.metadata['unit']} | {_bounds(one)}{one.metadata['help']} |"
        for one in dataclasses.fields(Settings)
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Printed from `src/strongroom/settings/declared.py` by `tools/reference.py`; a test keeps the two equal.",
            "",
            "A value is taken from the command line of `strongroom serve`,",
            "else from the environment variable `STRONGROOM_<NAME>` in capitals,",
            "else from `settings.toml` in the data directory, else it is the default.",
            "Lists are written with commas, in the file as TOML lists.",
            "An unknown name refuses to start.",
            "No setting holds a secret.",
            "",
            "| name | default | unit | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return "`no`" if not default else "`yes`"
    return "(none)" if default in ((), "") else f"`{default}`"


def _bounds(one: dataclasses.Field[Any]) -> str:
    least, most = one.metadata["least"], one.metadata["most"]
    return "" if least is None else f"{least} to {most}. "
