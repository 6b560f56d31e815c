"""``strongroom seal``: how the root key is kept; forgetting, replacing and moving it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from strongroom.cli import passphrases, sealchange
from strongroom.cli.commands import DOES
from strongroom.cli.local import ask_admin, is_running
from strongroom.cli.options import Commands, command, directory_of, show
from strongroom.server.directory import DataDirectory
from strongroom.server.parts import StartRefused

_POLL_SECONDS = 0.2
_EXAMPLES = """\
strongroom seal status
  strongroom seal
  strongroom seal rotate
  strongroom seal change passphrase
  strongroom seal change shamir --shares 5 --threshold 3
  strongroom seal forget 1a2b3c4d"""


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "seal",
        run,
        does=DOES["seal"],
        example=_EXAMPLES,
    )
    made.add_argument("action", nargs="?", choices=("now", "status", "rotate", "change", "forget"), default="now")
    made.add_argument("what", nargs="?", metavar="SEAL|NODE", help="change: the new seal; forget: the node")
    made.add_argument("--shares", type=int, default=0, metavar="N", help="change shamir: how many shares")
    made.add_argument("--threshold", type=int, default=0, metavar="K", help="change shamir: how many open it")
    made.add_argument("--no-wait", action="store_true", help="rotate: return as soon as it has begun")
    made.add_argument(
        "--passphrase-fd",
        type=int,
        metavar="N",
        help="read what opens the present seal from this descriptor, not the terminal (shares one a line)",
    )
    made.add_argument(
        "--new-passphrase-fd", type=int, metavar="N", help="read the new seal's passphrase or PIN from this descriptor"
    )


def run(given: argparse.Namespace) -> int:
    """Seal, tell, rotate, change or forget."""
    directory = directory_of(given)
    if (given.what is None) == (given.action in ("change", "forget")):
        raise StartRefused(f"`strongroom seal {given.action}` takes {'one word' if given.what is None else 'no word'}"
                           " after it: see --help")  # fmt: skip
    match given.action:
        case "now":
            answer = ask_admin(directory, {"do": "seal"})
            show(given, answer, "sealed: every call is refused until `strongroom unseal`")
        case "status":
            told = _running(directory) if is_running(directory) else _stopped(directory)
            show(given, told, _status_text(told))
        case "rotate":
            _rotate(given, directory)
        case "forget":
            ask_admin(directory, {"do": "seal forget", "node": given.what})
            show(given, {"node": given.what}, f"node {given.what} is no longer waited for")
        case _:
            sealchange.run(given, directory)
    return 0


def _rotate(given: argparse.Namespace, directory: DataDirectory) -> None:
    """Begin, or join what is under way, and show how far it is until it is done. Interrupting this stops nothing."""
    status = ask_admin(directory, {"do": "status"})
    secret = passphrases.secret_for(status["seal"]["asks"], given.passphrase_fd, needed=status["seal"].get("needed", 0))
    message = {"do": "seal rotate"} | ({} if secret is None else {"secret": secret.hex()})
    ask_admin(directory, message)
    shown = ""
    while True:
        standing = ask_admin(directory, {"do": "seal standing"})
        if given.no_wait or not standing["rotating"]:
            break
        if (text := _progress_text(standing)) != shown:
            print(text, file=sys.stderr)
            shown = text
        time.sleep(_POLL_SECONDS)
    done = "the root key was replaced" if not standing["rotating"] else _progress_text(standing)
    show(given, standing, done)


def _progress_text(standing: Mapping[str, Any]) -> str:
    progress = standing.get("progress", {})
    if progress.get("broken"):
        return (
            "the root key is being replaced, and stands still: no root key opens "
            + ", ".join(progress["broken"])
            + "; the older root key is kept until that is put right"
        )
    if not progress.get("finished"):
        done = f"{progress.get('rewrapped', 0)} of {progress.get('total', 0)}"
        return f"the root key is being replaced: {done} sealed things are re-wrapped"
    waiting = ", ".join(standing["behind"])
    return "the root key is being replaced: all is re-wrapped" + (f"; waiting for node {waiting}" if waiting else "")


def _status_text(told: Mapping[str, Any]) -> str:
    lines = [f"{told['state']} ({told['kind']})", told["protects"]]
    if "given" in told and told["state"] == "sealed":
        lines.append(f"{told['given']} of {told['needed']} shares were given")
    if told.get("rotating"):
        lines.append(_progress_text(told))
    elif "root" in told:
        lines.append(f"root key {told['root']}, since {told['since']}")
    return "\n".join(lines)


def _running(directory: DataDirectory) -> dict[str, Any]:
    status = ask_admin(directory, {"do": "status"})
    state = "sealed" if status["sealed"] else "unsealed"
    return {"state": state, **status["seal"], **ask_admin(directory, {"do": "seal standing"})}


def _stopped(directory: DataDirectory) -> dict[str, Any]:
    from strongroom.kernel.sealing.files import SealFailure  # noqa: PLC0415  as in serve.py
    from strongroom.kernel.sealing.seals import parse_seal  # noqa: PLC0415
    from strongroom.settings import load_settings  # noqa: PLC0415

    settings = load_settings({"data": str(directory.root)}, os.environ)
    try:
        seal = parse_seal(settings.seal, directory.root, settings.seal_command)
        protects = seal.describe()
    except SealFailure as failure:
        raise StartRefused(str(failure)) from None
    state = "stopped" if seal.exists() else "not made yet"
    return {"state": state, "kind": seal.kind, "protects": protects, "asks": seal.asks}
