"""``strongroom logs``: what a function printed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from strongroom.cli.client import Client, client_of
from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, add_endpoint, command, show

_PREFIX = "Logs_20140328"
_POLL_SECONDS = 1.0
_REMEMBERED = 10_000


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "logs",
        run,
        does=DOES["logs"],
        example="strongroom logs rotate-db --since 30 --filter ERROR",
    )
    made.add_argument("function", metavar="FUNCTION", help="name or ARN")
    made.add_argument("--since", metavar="MINUTES", type=float, help="no older than that (default: all)")
    made.add_argument("--filter", metavar="PATTERN", default="", help="a CloudWatch Logs filter pattern of plain terms")
    made.add_argument("--group", metavar="NAME", help="another log group than /aws/lambda/FUNCTION")
    made.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Ask page by page, and print one line an event."""
    client = client_of(given)
    name = given.function.partition(":function:")[2].partition(":")[0] or given.function.partition(":")[0]
    asked: dict[str, Any] = {"logGroupName": given.group or f"/aws/lambda/{name}"}
    if given.filter:
        asked["filterPattern"] = given.filter
    if given.since is not None:
        asked["startTime"] = int((time.time() - given.since * 60) * 1000)
    if given.format == "json":
        show(given, {"events": list(_events(client, asked))}, "")
        return 0
    seen: set[str] = set()
    while True:
        for event in _events(client, asked):
            if event["eventId"] not in seen:
                seen.add(event["eventId"])
                print(line(event))
                # Events of one moment may come in two answers: ask for that moment again, and know them.
                asked["startTime"] = max(asked.get("startTime", 0), event["timestamp"])
        if not given.follow:
            return 0
        sys.stdout.flush()
        if len(seen) > _REMEMBERED:
            seen.clear()
            asked["startTime"] += 1
        time.sleep(_POLL_SECONDS)


def _events(client: Client, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        answer = client.call("logs", f"{_PREFIX}.FilterLogEvents", asked | token)
        yield from answer["events"]
        if "nextToken" not in answer:
            return
        token = {"nextToken": answer["nextToken"]}


def line(event: dict[str, Any]) -> str:
    """One event for people: its moment, then its text, whose own lines stand below it."""
    when = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    text = event["message"].replace("\r", "\n    ")
    # What a function prints must not steer the reader's terminal.
    plain = "".join(one if one.isprintable() or one in "\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z  {plain}"
