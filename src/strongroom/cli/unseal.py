"""``strongroom unseal``: give the running server the root key again."""

from __future__ import annotations

import argparse

from strongroom.cli import passphrases
from strongroom.cli.local import ask_admin
from strongroom.cli.options import Commands, command, directory_of, show


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "unseal",
        run,
        does="Open a sealed server; a passphrase seal asks for its passphrase.",
        example="strongroom unseal\n  strongroom unseal --passphrase-fd 3 3</run/keys/passphrase",
    )
    made.add_argument(
        "--passphrase-fd",
        type=int,
        metavar="N",
        help="read the passphrase from this descriptor, not the terminal",
    )


def run(given: argparse.Namespace) -> int:
    """Ask for the passphrase where the seal needs one, and send it over the admin socket."""
    directory = directory_of(given)
    status = ask_admin(directory, {"do": "status"})
    message = {"do": "unseal"}
    if status["sealed"] and status["seal"]["needs_passphrase"]:
        if given.passphrase_fd is not None:
            passphrase: bytes | None = passphrases.from_descriptor(given.passphrase_fd)
        else:
            passphrase = passphrases.from_terminal(new=False)
        if passphrase is not None:
            message["passphrase"] = passphrase.hex()
    answer = ask_admin(directory, message)
    show(given, answer, "unsealed")
    return 0
