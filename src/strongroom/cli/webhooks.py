"""``strongroom webhooks``: how far each webhook is, and what it did not take."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from strongroom.cli.client import client_of
from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, add_endpoint, command, show


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "webhooks",
        run,
        does=DOES["webhooks"],
        example="strongroom webhooks --format json",
    )
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Ask, and print some lines a webhook; 1 where events were lost."""
    answer = client_of(given).ask("GET", "/_strongroom/webhooks")
    show(given, answer, "\n".join(_lines(answer)) or "no webhook has been delivered to yet")
    return 1 if any(one["Dead"] or one["Missed"] for one in answer["Webhooks"]) else 0


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    for one in answer["Webhooks"]:
        yield f"{one['Name']}: {one['Delivered']} delivered, {one['Behind']} events behind"
        if one["Attempt"]:
            yield f"  attempt {one['Attempt']} failed: {one['Error']}"
        if one["Missed"]:
            yield f"  {one['Missed']} events were gone before they could be delivered"
        if one["Dead"]:
            yield f"  {one['Dead']} dead letters, the newest of them:"
        yield from (f"    event {dead['Number']}: {dead['Error']}" for dead in one["DeadLetters"])
