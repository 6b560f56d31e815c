"""``strongroom audit verify``: whether any line of the journal was changed, removed or moved."""

from __future__ import annotations

import argparse

from strongroom.cli.options import Commands, command, directory_of


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "audit",
        run,
        does="Check the hash chains of the journal, also while the server runs.",
        example="strongroom audit verify",
    )
    made.add_argument("action", choices=("verify",))


def run(given: argparse.Namespace) -> int:
    """Check, print the findings; 1 where there are any."""
    directory = directory_of(given)
    return 1
