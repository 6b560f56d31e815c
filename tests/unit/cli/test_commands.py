"""What a command imports: no more than it needs, because people wait for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import strongroom

_HEAVY = {"sqlalchemy", "cryptography", "botocore", "uvicorn", "asyncio", "ssl", "http.client", "jinja2", "starlette"}


def imported(*words: str) -> set[str]:
    """The modules that are there when the command line with these words has ended, in a process of its own."""
    program = (
        "import sys\n"
        "from strongroom.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    pass\n"
        "print('modules:', *sys.modules)"
    )
    found = {**os.environ, "PYTHONPATH": str(Path(strongroom.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, env=found, check=True)
    return set(done.stdout.decode().rpartition("modules:")[2].split())


def ours(modules: set[str]) -> set[str]:
    """Those of them that are Strongroom's."""
    return {name for name in modules if name.partition(".")[0] == "strongroom"}


def test_help_imports_no_command_and_nothing_of_the_server() -> None:
    found = imported("--help")
    assert {"strongroom", "strongroom.cli", "strongroom.cli.commands"} == ours(found)
    assert set() == found & _HEAVY


def test_a_command_imports_no_other_and_not_the_product() -> None:
    found = imported("version")
    assert {"strongroom.cli", "strongroom.cli.commands", "strongroom.cli.options", "strongroom.cli.version"} == {
        name for name in found if name.startswith("strongroom.cli")
    }
    assert set() == found & _HEAVY


@pytest.mark.parametrize("command", ["who-can", "seal", "unseal"])
def test_a_client_command_does_without_the_product(command: str) -> None:
    """The store, the rooms and the crypto library belong to the server; a client needs TLS and a signature."""
    found = imported(command, "--help")
    assert set() == found & {"strongroom.app", "strongroom.settings", "sqlalchemy", "cryptography", "botocore"}
