"""``strongroom rotation``: one file an action."""

from __future__ import annotations

import argparse

from strongroom.cli import rotation_enable, rotation_rehearse
from strongroom.cli.options import Commands

ACTIONS = (rotation_enable, rotation_rehearse)
"""The actions, in the order in which ``--help`` lists them."""


def add(commands: Commands) -> None:
    """Declare the command and its actions."""
    does = "Have secrets rotated, and see what becomes of it."
    whole: argparse.ArgumentParser = commands.add_parser(
        "rotation",
        help=does,
        description=does,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: strongroom rotation enable --help\nEach takes --data DIR.",
    )
    actions = whole.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action in ACTIONS:
        action.add(actions)
