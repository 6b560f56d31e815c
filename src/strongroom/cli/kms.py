"""``strongroom kms users``: what nobody could read any more without a key."""

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
        "kms",
        run,
        does=DOES["kms"],
        example="strongroom kms users alias/app",
    )
    made.add_argument("action", choices=("users",))
    made.add_argument("key", help="id, ARN or alias")
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Ask, and print one line a user."""
    answer = client_of(given).ask("POST", "/_strongroom/key-users", {"KeyId": given.key})
    show(given, answer, "\n".join(_lines(answer)))
    return 0


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    yield f"{answer['Key']}:"
    yield from (f"  {name}" for name in answer["Users"])
    more = answer["Count"] - len(answer["Users"])
    if more > 0:
        yield f"  and {more} more"
    if answer["InOtherAccounts"]:
        yield f"  and {answer['InOtherAccounts']} in other accounts"
    if not answer["Count"] and not answer["InOtherAccounts"]:
        yield "  nothing: whatever was encrypted elsewhere is not known here"
