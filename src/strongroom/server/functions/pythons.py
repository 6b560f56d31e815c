"""Which runtimes can be run here: the interpreters found, and the packages that their functions see.

A Python runtime is offered where an interpreter of its version can import AWS's runtime client. Our own can,
because it is one of our requirements; further ones are named by the setting ``function_pythons``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from strongroom.base.classes import dataclass

CLIENT = "awslambdaric"
SDK = "boto3"
_ASK_SECONDS = 20.0

# Asked of each interpreter: its version, where it really lies, and the files of the two packages with all that they
# require. A distribution's files are named by the first part of their path.
_QUESTION = f"""
import importlib.metadata as m, json, os, re, sys
want, seen, tops = [{CLIENT!r}, {SDK!r}], set(), set()
while want:
    name = want.pop()
    if name in seen:
        continue
    seen.add(name)
    one = m.distribution(name)
    for file in one.files or ():
        first = file.parts[0]
        if first not in ("..", "__pycache__"):
            tops.add(os.path.realpath(str(one.locate_file(first))))
    for need in one.requires or ():
        if ";" not in need or "extra" not in need:
            want.append(re.match(r"[A-Za-z0-9_.-]+", need)[0])
print(json.dumps([list(sys.version_info[:2]), os.path.realpath(sys._base_executable), sys.base_prefix, sorted(tops)]))
"""


@dataclass(frozen=True, slots=True)
class Python:
    """One interpreter. ``prefix`` is its installation, ``packages`` the files and directories that functions see."""

    runtime: str
    executable: Path
    prefix: Path
    packages: tuple[Path, ...]


def find_pythons(further: Sequence[str] = ()) -> dict[str, Python]:
    """The interpreters that can run functions, by runtime (``python3.11``); the first of a version wins.

    Raises ValueError for a named one that cannot.
    """
    found: dict[str, Python] = {}
    for path in (sys.executable, *further):
        one = _asked(path)
        found.setdefault(one.runtime, one)
    return found


def _asked(path: str) -> Python:
    try:
        done = subprocess.run(  # noqa: S603  the operator names the interpreters
            [path, "-I", "-c", _QUESTION],
            capture_output=True,
            timeout=_ASK_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        raise ValueError(f"{path} is no Python that can import {CLIENT} and {SDK}") from None
    (major, minor), executable, prefix, packages = json.loads(done.stdout)
    return Python(
        f"python{major}.{minor}", Path(executable), Path(prefix), tuple(Path(package) for package in packages)
    )
