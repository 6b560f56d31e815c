"""``strongroom unseal``: give the running server the root key again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from strongroom.cli import passphrases
from strongroom.cli.commands import DOES
from strongroom.cli.local import ask_admin
from strongroom.cli.options import Commands, command, directory_of, show
from strongroom.server.directory import DataDirectory
from strongroom.server.parts import StartRefused


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "unseal",
        run,
        does=DOES["unseal"],
        example="strongroom unseal\n  strongroom unseal --passphrase-fd 3 3</run/keys/passphrase",
    )
    made.add_argument(
        "--passphrase-fd",
        type=int,
        metavar="N",
        help="read the passphrase, the PIN or the shares (one a line) from this descriptor, not the terminal",
    )


def run(given: argparse.Namespace) -> int:
    """Ask for what the seal needs, and send it over the admin socket."""
    directory = directory_of(given)
    status = ask_admin(directory, {"do": "status"})
    asks = status["seal"]["asks"] if status["sealed"] else ""
    if asks == "shares":
        answer = _with_shares(given, directory)
    else:
        answer = _give(directory, passphrases.secret_for(asks, given.passphrase_fd))
    show(given, answer, _told(answer))
    return 0


def _with_shares(given: argparse.Namespace, directory: DataDirectory) -> Mapping[str, Any]:
    """Give one share after the other, until they are enough or nobody gives another."""
    if given.passphrase_fd is not None:
        answer: Mapping[str, Any] = {}
        for line in passphrases.lines_from_descriptor(given.passphrase_fd):
            answer = _give(directory, line)
            if answer["state"] != "sealed":
                break
        return answer
    answer = {}
    while (share := passphrases.from_terminal(new=False, asks="shares")) is not None:
        try:
            answer = _give(directory, share)
        except StartRefused as refusal:
            print(refusal, file=sys.stderr)  # a wrong share is one to ask again for; those given are kept
            continue
        if answer["state"] != "sealed":
            return answer
        print(_told(answer), file=sys.stderr)
    if not answer:
        raise StartRefused("no share was given: they are typed at a terminal, or come from --passphrase-fd N")
    return answer


def _give(directory: DataDirectory, secret: bytes | None) -> Mapping[str, Any]:
    message = {"do": "unseal"} if secret is None else {"do": "unseal", "secret": secret.hex()}
    return ask_admin(directory, message)


def _told(answer: Mapping[str, Any]) -> str:
    return f"{answer['given']} of {answer['needed']} shares" if "given" in answer else "unsealed"
