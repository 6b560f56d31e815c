"""``strongroom version``."""

from __future__ import annotations

import argparse

from strongroom import __version__
from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, command, show


def add(commands: Commands) -> None:
    """Declare the command."""
    command(commands, "version", run, does=DOES["version"], example="strongroom version")


def run(given: argparse.Namespace) -> int:
    """Print it."""
    show(given, {"version": __version__}, f"strongroom {__version__}")
    return 0
