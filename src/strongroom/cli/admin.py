"""``strongroom admin reset``: a way in again for whoever owns the machine and has lost every key."""

from __future__ import annotations

import argparse

from strongroom.cli.commands import DOES
from strongroom.cli.local import ask_admin
from strongroom.cli.options import Commands, command, directory_of, show


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "admin",
        run,
        does=DOES["admin"],
        example="strongroom admin reset",
    )
    made.add_argument("action", choices=("reset",))


def run(given: argparse.Namespace) -> int:
    """Ask for it over the admin socket; the keys lie in DIR/credentials afterwards."""
    directory = directory_of(given)
    made = ask_admin(directory, {"do": "admin reset"})
    show(given, made, f"user {made['user']} of account {made['account']}: new keys in {directory.credentials}")
    return 0
