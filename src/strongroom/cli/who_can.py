"""``strongroom who-can``: every principal that can do an action on a resource, and why."""

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
        "who-can",
        run,
        does=DOES["who-can"],
        example="strongroom who-can secretsmanager:GetSecretValue db/password",
    )
    made.add_argument("action", help="as in policies: secretsmanager:GetSecretValue")
    made.add_argument("resource", nargs="?", help="name or ARN (default: any)")
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Ask, and print one line a principal with its reasons under it."""
    asked = {"Action": given.action} | ({"Resource": given.resource} if given.resource else {})
    answer = client_of(given).ask("POST", "/_strongroom/who-can", asked)
    show(given, answer, "\n".join(_lines(answer)))
    return 0


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    yield f"{answer['Action']} on {answer['Resource']}:"
    for one in answer["Principals"]:
        through = f" by assuming {' then '.join(one['Through'])}" if one["Through"] else ""
        yield f"  {one['Principal']}{through}"
        yield from (f"    {text}" for text in one["Because"])
        yield from (f"    if {text}" for text in one["If"])
    yield from (f"  {text}" for text in answer["Others"])
    if not answer["Principals"] and not answer["Others"]:
        yield "  nobody"
