"""``strongroom explain``: why a call was allowed or refused."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

from strongroom.cli.client import client_of
from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, add_endpoint, command, show
from strongroom.server.parts import StartRefused

_REQUEST_ID = re.compile(r"[0-9a-f-]{36}")


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "explain",
        run,
        does=DOES["explain"],
        example="strongroom explain 5f0c2f8e-3b1d-4c55-9d62-0b6f8e1a7c3d",
    )
    made.add_argument("request_id", help="the request id that the answer carried (x-amzn-requestid)")
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Ask, and print one paragraph a call."""
    if not _REQUEST_ID.fullmatch(given.request_id):
        raise StartRefused(f"{given.request_id!r} is no request id")
    answer = client_of(given).ask("GET", f"/_strongroom/explain/{given.request_id}")
    show(given, answer, "\n\n".join("\n".join(_lines(one)) for one in answer["Calls"]))
    return 0


def _lines(one: dict[str, Any]) -> Iterator[str]:
    yield f"{one['Outcome']}: {one['Action']} on {one.get('Resource', '*')}"
    yield f"  by {one['Caller']} at {one['Time']}, answered {one['Answer']}"
    yield f"  because {one['Cause']}"
    for member, word in (("Statements", "applied"), ("LookedAt", "looked at"), ("Notes", "note")):
        yield from (f"  {word}: {text}" for text in one.get(member, ()))
    for change in one.get("Changes", ()):
        yield f"  would need, in {change['Where']}: {change['Statement']}"
