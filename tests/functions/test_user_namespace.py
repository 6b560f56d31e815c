"""Isolation for those who are not root: the same walls, by a user namespace.

Started by root the tests drop to another uid for this; started by anybody else they are that already.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from strongroom.server.functions.pythons import find_pythons
from tests.deployment import ROOT

SOMEBODY = 65_533
SYSTEM_PYTHON = Path("/usr/bin/python3")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the hostile function got."""
    assert SYSTEM_PYTHON.exists(), "no Python in /usr/bin: this test needs one that every user may run"
    home = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    try:
        # What root may read, another user may not: the packages and sources lie in a directory of theirs.
        shutil.copytree(ROOT / "src" / "strongroom" / "server" / "functions", home / "strongroom/server/functions")
        shutil.copytree(ROOT / "src" / "strongroom" / "base", home / "strongroom/base")
        for name in ("", "server"):
            (home / "strongroom" / name / "__init__.py").touch()
        shutil.copy(ROOT / "tests" / "functions" / "in_user_namespace.py", home)
        packages = []
        for package in next(iter(find_pythons().values())).packages:
            copy = home / "packages" / package.name
            shutil.copytree(package, copy) if package.is_dir() else shutil.copy(package, copy.parent)
            packages.append(str(copy))
        data = home / "data"
        data.mkdir()
        (data / "root.key").write_text("secret")
        subprocess.run(["chmod", "-R", "a+rX", str(home)], check=True)
        code = (ROOT / "tests" / "processes" / "hostile.py").read_text()
        as_somebody: dict[str, Any] = {"user": SOMEBODY, "group": SOMEBODY, "extra_groups": ()}
        done = subprocess.run(
            [SYSTEM_PYTHON, home / "in_user_namespace.py", json.dumps([packages, code, str(data)])],
            env={"PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **(as_somebody if os.geteuid() == 0 else {}),
        )
        assert 0 == done.returncode, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told
    finally:
        shutil.rmtree(home)


def test_a_user_namespace_works_here(found: dict[str, Any]) -> None:
    assert found.get("problem") is None


def test_the_function_has_no_rights_and_sees_only_itself(found: dict[str, Any]) -> None:
    processes = found["processes"]
    assert 3 >= processes["seen"]
    assert ["CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n"] == processes["status"]
    rights = found["rights"]
    assert 0 != rights.pop("mount")
    assert {"PermissionError", "OSError"} >= set(rights.values()), rights


def test_files_of_others_are_not_there(found: dict[str, Any]) -> None:
    assert {"[False, 'FileNotFoundError']"} == {str(one) for one in found["files"].values() if one[0] is False}
    assert [True] == [one[0] for path, one in found["files"].items() if path == "/tmp/mine"]  # its own, by ``where``


def test_another_functions_port_does_not_answer_though_the_uid_is_the_same(found: dict[str, Any]) -> None:
    assert {"RemoteDisconnected", "ConnectionResetError", "BrokenPipeError"} >= set(found["ports"])
    assert found["same"]


def test_memory_and_disk_are_bounded(found: dict[str, Any]) -> None:
    kind, megabytes = found["disk"]
    assert ("MemoryError", "OSError", True) == (found["memory"], kind, 60 < megabytes <= 64)


def test_processes_are_bounded(found: dict[str, Any]) -> None:
    kind, count = found["forks"]
    assert ("BlockingIOError", True) == (kind, count < 128)
