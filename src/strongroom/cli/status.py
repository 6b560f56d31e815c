"""``strongroom status``: the running server's processes and seal."""

from __future__ import annotations

import argparse

from strongroom.cli.commands import DOES
from strongroom.cli.local import ask_admin
from strongroom.cli.options import Commands, command, directory_of, show


def add(commands: Commands) -> None:
    """Declare the command."""
    command(
        commands,
        "status",
        run,
        does=DOES["status"],
        example="strongroom status --format json",
    )


def run(given: argparse.Namespace) -> int:
    """Ask and print."""
    answer = ask_admin(directory_of(given), {"do": "status"})
    lines = [f"{answer['state']} on {answer['endpoint']} for {answer['uptime_seconds']} s"]
    lines += [
        f"  {child['name']}: pid {child['pid']}, {'ready' if child['ready'] else 'starting'},"
        f" restarted {child['restarts']} times"
        for child in answer["children"]
    ]
    lines.append(f"  seal: {answer['seal']['protects']}")
    show(given, answer, "\n".join(lines))
    return 0
