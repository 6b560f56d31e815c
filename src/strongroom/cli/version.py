"""``strongroom version``."""

from __future__ import annotations

import argparse

from strongroom import __version__
from strongroom.cli.options import Commands, command, show


def add(commands: Commands) -> None:
    """Declare the command."""
    command(commands, "version", run, does="Print the version.", example="strongroom version")


def run(given: argparse.Namespace) -> int:
    """Print it."""
    show(given, {"version": __version__}, f"strongroom {__version__}")
    return 0
