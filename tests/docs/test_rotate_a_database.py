"""The commands of docs/howto/rotate-a-database.md work as written, on a real PostgreSQL, over TLS."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from tests.deployment import Deployment
from tests.docs.transcript import Shell, Step, steps_of
from tests.targets import postgresql

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "howto" / "rotate-a-database.md"


def test_the_commands_of_the_page_about_rotation_work_as_written(tmp_path: Path) -> None:
    steps = list(steps_of(PAGE))
    assert len(steps) >= 8
    (tmp_path / "strongroom").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m strongroom.cli "$@"\n')
    (tmp_path / "strongroom").chmod(0o755)
    found = re.search(r"^```json\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    shown = json.loads(found[1])
    with postgresql.target() as target, Deployment(tmp_path / "strongroom-data", "--workers", "1") as server:
        app = target.make_user(shown["username"], shown["password"])
        assert shown.keys() == app.keys() - {"ca"}
        admin = {"username": "strongroom", "password": target.password}
        values = {"app-db": app, "app-turns": target.make_user("turns", "first"), "app-db-admin": admin}
        for name, value in values.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(value))
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STRONGROOM_"))}
        path = f"{tmp_path}:{Path(sys.executable).parent}:{clean['PATH']}"
        own = {"PATH": path, "PYTHONPATH": str(ROOT / "src"), "HOME": str(tmp_path), "AWS_PAGER": ""}
        shell = Shell(tmp_path, clean | own | server.env())
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
