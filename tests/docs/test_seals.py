"""The commands of docs/howto/seals.md work as written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.deployment import Deployment
from tests.docs.transcript import Shell, Step, steps_of

ROOT = Path(__file__).parents[2]


def test_the_commands_of_the_page_about_seals_work_as_written(tmp_path: Path) -> None:
    steps = list(steps_of(ROOT / "docs" / "howto" / "seals.md"))
    assert len(steps) >= 12
    (tmp_path / "strongroom").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m strongroom.cli "$@"\n')
    (tmp_path / "strongroom").chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STRONGROOM_"))}
    with Deployment(tmp_path / "strongroom-data", "--workers", "1"):
        shell = Shell(tmp_path, clean | {"PYTHONPATH": str(ROOT / "src")})
        try:
            wrong = [told for step in steps if (told := _try(shell, step))]
        finally:
            shell.close()
    assert [] == wrong


def _try(shell: Shell, step: Step) -> str | None:
    status, printed = shell.run(step.command)
    if status == 0 and step.printed_as_expected(printed):
        return None
    return f"$ {step.command}\nexit {status}, printed:\n{printed}\nexpected:\n{step.expected}"
