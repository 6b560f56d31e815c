"""``strongroom seal``: how the root key is kept, and forgetting it at once."""

from __future__ import annotations

import argparse
import os
from typing import Any

from strongroom.cli.local import ask_admin, is_running
from strongroom.cli.options import Commands, command, directory_of, show
from strongroom.server.directory import DataDirectory
from strongroom.server.parts import StartRefused
from strongroom.settings import load_settings


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "seal",
        run,
        does="Have the running server forget the root key, or (status) say how it is kept.",
        example="strongroom seal status\n  strongroom seal",
    )
    made.add_argument("action", nargs="?", choices=("now", "status"), default="now")


def run(given: argparse.Namespace) -> int:
    """Seal, or tell."""
    directory = directory_of(given)
    if given.action == "now":
        answer: dict[str, Any] = dict(ask_admin(directory, {"do": "seal"}))
        show(given, answer, "sealed: every call is refused until `strongroom unseal`")
        return 0
    answer = _running(directory) if is_running(directory) else _stopped(directory)
    show(given, answer, f"{answer['state']} ({answer['kind']})\n{answer['protects']}")
    return 0


def _running(directory: DataDirectory) -> dict[str, Any]:
    status = ask_admin(directory, {"do": "status"})
    state = "sealed" if status["sealed"] else "unsealed"
    return {"state": state, "kind": status["seal"]["kind"], "protects": status["seal"]["protects"]}


def _stopped(directory: DataDirectory) -> dict[str, Any]:
    from strongroom.kernel.sealing.files import SealFailure  # noqa: PLC0415  as in serve.py
    from strongroom.kernel.sealing.seals import parse_seal  # noqa: PLC0415

    try:
        seal = parse_seal(load_settings({"data": str(directory.root)}, os.environ).seal, directory.root)
    except SealFailure as failure:
        raise StartRefused(str(failure)) from None
    state = "stopped" if seal.exists() else "not made yet"
    return {"state": state, "kind": seal.kind, "protects": seal.describe()}
