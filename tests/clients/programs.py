"""Programs in other languages, run against a server with nothing but what ``strongroom env`` prints."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.deployment import clean_environment

HERE = Path(__file__).parent


def needs(*programs: str) -> None:
    """Skip where a toolchain is not on this machine, and say which."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not on this machine")


def run(
    words: Sequence[str],
    told: Mapping[str, str],
    *,
    directory: Path,
    timeout: float = 60,
    more: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. What it says is in the assertion that fails."""
    done = subprocess.run(
        words,
        cwd=directory,
        env={**clean_environment(), **told, **(more or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


def javascript(script: str, told: Mapping[str, str]) -> dict[str, Any]:
    """What a script of tests/clients/js printed, as JSON, on its last line."""
    needs("node", "npm")
    place = HERE / "js"
    assert (place / "node_modules").is_dir(), "run `make test`, or `npm ci --ignore-scripts` in tests/clients/js"
    done = run(["node", script], told, directory=place)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
