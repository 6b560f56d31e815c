"""``strongroom seal change``: keep the root key another way, with the server running or not.

Shares are printed before the change is made: whoever is interrupted before has the old seal, and worthless
shares; whoever has been changed has seen them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import Any

from strongroom.cli import passphrases
from strongroom.cli.local import ask_admin, is_running
from strongroom.cli.options import show
from strongroom.server.directory import DataDirectory, open_directory, take_lock
from strongroom.server.parts import StartRefused

_ASKS = {"passphrase": "passphrase", "pkcs11": "PIN"}


def run(given: argparse.Namespace, directory: DataDirectory) -> None:
    """Change the seal of the running server, or of the stopped one's directory."""
    if is_running(directory):
        _running(given, directory)
    else:
        _stopped(given, directory)


def _running(given: argparse.Namespace, directory: DataDirectory) -> None:
    seal = ask_admin(directory, {"do": "status"})["seal"]
    secret = passphrases.secret_for(seal["asks"], given.passphrase_fd, needed=seal.get("needed", 0))
    new = _new_secret(given)
    message: dict[str, Any] = {"do": "seal prepare", "to": given.what}
    message |= {"shares": given.shares, "threshold": given.threshold}
    message |= {name: text.hex() for name, text in (("secret", secret), ("new_secret", new)) if text is not None}
    made = ask_admin(directory, message)
    _show(given, made)
    told = ask_admin(directory, {"do": "seal commit", "seal": made["seal"], "name": made["name"]})
    _say(given, told["protects"])


def _stopped(given: argparse.Namespace, directory: DataDirectory) -> None:
    """The same without a server, under its lock. The root key is tried on the store before anything is written."""
    # Imported here, as in serve.py: other commands must not wait for the whole product.
    from strongroom.app import Product  # noqa: PLC0415
    from strongroom.kernel.sealing.by_shares import ShamirSeal  # noqa: PLC0415
    from strongroom.kernel.sealing.files import SealFailure  # noqa: PLC0415
    from strongroom.kernel.sealing.seals import parse_seal  # noqa: PLC0415
    from strongroom.server import changing  # noqa: PLC0415
    from strongroom.settings import load_settings  # noqa: PLC0415

    if not directory.root.exists():
        raise StartRefused(f"there is no data directory {directory.root}")
    lock = take_lock(open_directory(directory.root))
    try:
        settings = load_settings({"data": str(directory.root)}, os.environ)
        parts, data, program = Product(settings), directory.root, settings.seal_command
        now = parse_seal(settings.seal, data, program)
        needed = now.threshold if isinstance(now, ShamirSeal) else 0
        root_key = now.open(passphrases.secret_for(now.asks, given.passphrase_fd, needed=needed))
        wanted = changing.Wanted(given.what, _new_secret(given), given.threshold, given.shares)
        made = changing.prepare(parts, data, program, now, root_key, wanted)
        _show(given, {"seal": made.seal, "shares": list(made.shares)})
        changing.commit(parts, data, program, now, made, root_key)
        _say(given, parts.seal.describe())
    except SealFailure as failure:
        raise StartRefused(str(failure)) from None
    finally:
        os.close(lock)


def _new_secret(given: argparse.Namespace) -> bytes | None:
    """What the new seal is to be opened with. A PIN may be in a file that the seal names."""
    asks = _ASKS.get(given.what.partition(":")[0], "")
    if asks == "PIN" and "pin-source=" in given.what:
        return None
    return passphrases.secret_for(asks, given.new_passphrase_fd, new=asks == "passphrase")


def _show(given: argparse.Namespace, made: Mapping[str, Any]) -> None:
    lines = []
    if made["shares"]:
        lines = [
            f"{len(made['shares'])} shares; any {given.threshold} of them open the seal. They are shown this once.",
            *made["shares"],
        ]
    if given.format == "json" or lines:
        show(given, {"seal": made["seal"], "shares": made["shares"]}, "\n".join(lines))
    sys.stdout.flush()


def _say(given: argparse.Namespace, protects: str) -> None:
    if given.format == "text":
        print(f"changed: {protects}")
