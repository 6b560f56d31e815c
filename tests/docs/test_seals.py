"""The commands of docs/howto/seals.md work as written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.deployment import Deployment
from tests.docs.transcript import Shell, Step, steps_of
from tests.softhsm import SoftHSM, empty_in

ROOT = Path(__file__).parents[2]


def test_the_commands_of_the_page_about_seals_work_as_written(tmp_path: Path) -> None:
    steps = list(steps_of(ROOT / "docs" / "howto" / "seals.md"))
    assert len(steps) >= 22
    (tmp_path / "strongroom").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m strongroom.cli "$@"\n')
    (tmp_path / "strongroom").chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STRONGROOM_"))}
    hsm = empty_in(tmp_path / "softhsm")
    with Deployment(tmp_path / "strongroom-data", "--workers", "1") as server:
        server.client("secretsmanager").create_secret(Name="kept", SecretString="through it all")
        shell = Shell(tmp_path, clean | hsm.environment | {"PYTHONPATH": str(ROOT / "src")})
        try:
            wrong = [told for step in steps if (told := _try(shell, step, hsm))]
        finally:
            shell.close()
    assert [] == wrong
    with Deployment(tmp_path / "strongroom-data", "--workers", "1", env=hsm.environment) as server:  # by its PIN file
        assert "through it all" == server.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"]


def _try(shell: Shell, step: Step, hsm: SoftHSM) -> str | None:
    status, printed = shell.run(step.command.replace("/usr/lib/softhsm/libsofthsm2.so", hsm.module))
    if status == 0 and step.printed_as_expected(printed):
        return None
    return f"$ {step.command}\nexit {status}, printed:\n{printed}\nexpected:\n{step.expected}"
