"""``strongroom stop``: end the server of a data directory when its running requests are done."""

from __future__ import annotations

import argparse
import time

from strongroom.cli.commands import DOES
from strongroom.cli.local import ask_admin, is_running
from strongroom.cli.options import Commands, command, directory_of, show
from strongroom.server.parts import StartRefused

_PATIENCE = 630.0
"""Seconds; the longest drain that a setting allows, and a little."""


def add(commands: Commands) -> None:
    """Declare the command."""
    command(
        commands,
        "stop",
        run,
        does=DOES["stop"],
        example="strongroom stop --data /srv/strongroom",
    )


def run(given: argparse.Namespace) -> int:
    """Ask it to stop, and wait until it has."""
    directory = directory_of(given)
    ask_admin(directory, {"do": "stop"})
    until = time.monotonic() + _PATIENCE
    while is_running(directory):
        if time.monotonic() > until:
            raise StartRefused("the server is still running")
        time.sleep(0.05)
    show(given, {"state": "stopped"}, "stopped")
    return 0
