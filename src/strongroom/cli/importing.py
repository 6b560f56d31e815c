"""``strongroom import``: secrets from a file, one CreateSecret request a line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from strongroom.cli.batches import Batch, Found, batches, hashed, opened
from strongroom.cli.client import Client, client_of
from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, add_endpoint, command, show
from strongroom.cli.progress import Progress
from strongroom.cli.sending import Sending

SHOWN_ERRORS = 20
"""How many lines that were refused are told as text; ``--format json`` tells all."""
KEPT_ERRORS = 10_000


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "import",
        run,
        does=DOES["import"],
        example="strongroom import secrets.jsonl --dry-run && strongroom import secrets.jsonl",
    )
    made.add_argument("file", metavar="FILE", help="the file, or - for standard input, which is kept in memory")
    made.add_argument("--dry-run", action="store_true", help="decide and check every line, and store nothing")
    made.add_argument(
        "--continue-on-error", action="store_true", help="go on behind a line that is refused (default: stop there)"
    )
    made.add_argument("--again", action="store_true", help="begin a file anew that was imported to its end before")
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Import, and print what became of it; 1 where a line was refused."""
    client = client_of(given)
    with opened(given.file) as file, Sending(client) as sending:
        found = hashed(file)
        progress = Progress(found.size, quiet=given.format == "json")
        result = _imported(given, client, sending, found, progress)
    show(given, result, "\n".join(_told(result)))
    return 1 if result["Errors"] or result["Stopped"] else 0


def _imported(
    given: argparse.Namespace, client: Client, sending: Sending, found: Found, progress: Progress
) -> dict[str, Any]:
    start: dict[str, Any] = {"NextLine": 1, "Created": 0, "Present": 0, "Failed": 0, "Ended": False}
    if not given.dry_run:
        start = client.ask("POST", "/_strongroom/import", {"Sha256": found.sha256, "Again": given.again})
    state = {**start, "Errors": [], "Stopped": False, "Sha256": found.sha256, "DryRun": given.dry_run}
    state["AlreadyEnded"] = start["Ended"]
    if start["Ended"]:
        return state
    path = f"/_strongroom/import/{found.sha256}"
    for sent, answer in sending.answers(path, _requests(given, found, start["NextLine"])):
        state["Errors"] += answer["Errors"][: KEPT_ERRORS - len(state["Errors"])]
        told = _summed(state, answer, sent) if given.dry_run else answer
        state |= {name: told[name] for name in ("NextLine", "Created", "Present", "Failed", "Ended")}
        progress.reach(sent.end, sent.first + sent.count - 1)
        if answer["NextLine"] < sent.first + sent.count:
            state["Stopped"] = True
            break
    progress.end()
    return state


def _summed(state: dict[str, Any], answer: dict[str, Any], sent: Batch) -> dict[str, Any]:
    """The state of a dry run, of which the server keeps nothing."""
    refused = len(answer["Errors"])
    return {
        **state,
        "NextLine": answer["NextLine"],
        "Created": state["Created"] + sent.filled - refused,
        "Failed": state["Failed"] + refused,
    }


def _requests(given: argparse.Namespace, found: Found, next_line: int) -> Iterator[tuple[Batch, dict[str, str]]]:
    for one in batches(found, next_line):
        headers = {"x-strongroom-first-line": str(one.first)}
        for name, is_so in (
            ("last", one.last),
            ("dry-run", given.dry_run),
            ("continue-on-error", given.continue_on_error),
        ):
            if is_so:
                headers[f"x-strongroom-{name}"] = "true"
        yield one, headers


def _told(result: dict[str, Any]) -> Iterator[str]:
    if result["AlreadyEnded"]:
        yield f"This file was imported before, to its end: {result['NextLine'] - 1} lines."
        yield "Nothing was done; --again begins anew."
        return
    for one in result["Errors"][:SHOWN_ERRORS]:
        yield f"line {one['Line']}: {one['Code']}: {one['Message']}"
    if len(result["Errors"]) > SHOWN_ERRORS:
        yield f"... and {len(result['Errors']) - SHOWN_ERRORS} more"
    if result["DryRun"]:
        yield f"{result['Created']} would be made, {result['Failed']} refused; nothing was stored"
        return
    yield f"{result['Created']} made, {result['Present']} there already, {result['Failed']} refused"
    if result["Stopped"]:
        yield f"Stopped at line {result['NextLine']}, where the next run goes on; --continue-on-error passes it."
