"""The README's tour works as written, line by line, with the stock aws CLI and boto3, over TLS."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.deployment import Deployment
from tests.docs.transcript import Shell, Step, steps_of

ROOT = Path(__file__).parents[2]


def test_the_tour_of_the_readme_works_line_by_line(tmp_path: Path) -> None:
    steps = list(steps_of(ROOT / "README.md"))
    assert len(steps) > 30
    shutil.copytree(ROOT / "docs" / "tutorial", tmp_path / "docs" / "tutorial")
    (tmp_path / "strongroom").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m strongroom.cli "$@"\n')
    (tmp_path / "strongroom").chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = f"{Path(sys.executable).parent}:{clean['PATH']}"
    with Deployment(tmp_path / "strongroom-data"):
        shell = Shell(
            tmp_path,
            clean
            | {
                "PATH": path,
                "PYTHONPATH": str(ROOT / "src"),
                "HOME": str(tmp_path),
                "AWS_PAGER": "",
                "COLUMNS": "200",
            },
        )
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
