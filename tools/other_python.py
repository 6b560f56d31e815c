"""Print an interpreter of another Python version than this one, the newest found; nothing where there is none.

Tests run functions in it beside the server's own (``make test``).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NEWEST, OLDEST = 14, 10
_ASK = "import ensurepip, sys, venv; print(sys.executable)"


def candidates(minor: int) -> list[str]:
    """Where an interpreter of a version may be: on the path, or among those of pyenv."""
    kept = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))
    return [f"python3.{minor}", *map(str, kept)]


def found() -> str:
    """Its path; "" where this machine has one version only, or none that can make a virtual environment."""
    for minor in range(NEWEST, OLDEST - 1, -1):
        for path in candidates(minor) if minor != sys.version_info.minor else ():
            try:
                done = subprocess.run([path, "-c", _ASK], capture_output=True, text=True, timeout=20, check=True)
            except (OSError, subprocess.SubprocessError):
                continue
            return done.stdout.strip()
    return ""


if __name__ == "__main__":
    print(found())
