"""``strongroom report access``: what nobody uses and what is about to go wrong, as text, JSON or a page."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strongroom.cli import reportpage, reporttext
from strongroom.cli.client import Client, client_of
from strongroom.cli.clock import seconds_in
from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, add_endpoint, command
from strongroom.server.parts import StartRefused

PARTS = ("secrets", "principals", "rotations", "keys")
MOST = 100_000
"""Findings of one report: more are said to be there."""
_FORMS = ("text", "json", "html")


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "report",
        run,
        does=DOES["report"],
        example="strongroom report access --unused-for 90d --format html --output access.html",
        formats=False,
    )
    made.add_argument("about", choices=("access",), help="which report")
    made.add_argument("--unused-for", metavar="TIME", default="90d", help="how long counts as unused (default 90d)")
    given = os.environ.get("STRONGROOM_FORMAT", "text")
    made.add_argument("--format", choices=_FORMS, default=given, help="how to write the report (default text)")
    made.add_argument("--output", metavar="FILE", help="where to write it, replacing FILE (default: print it)")
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Ask page after page, and write it."""
    seconds = seconds_in(given.unused_for)
    client = client_of(given)
    report = gathered(client, seconds, sys.stderr if sys.stderr.isatty() else None)
    report = {"Region": client.region, "UnusedFor": given.unused_for, **report}
    match given.format:
        case "json":
            text = json.dumps(report, indent=2) + "\n"
        case "html":
            text = reportpage.page(report)
        case _:
            text = "\n".join(reporttext.lines(report)) + "\n"
    if given.output is None:
        sys.stdout.write(text)
    else:
        _write(Path(given.output), text)
    return 0


def gathered(client: Client, seconds: int, progress: Any = None) -> dict[str, Any]:
    """The whole report: findings of every part, and what can be said about how far they hold.

    ``progress``: where to say how far it is; None for nowhere. Raises StartRefused with the server's words.
    """
    findings: list[dict[str, Any]] = []
    looked_at, told = dict.fromkeys(PARTS, 0), dict[str, Any]()
    complete, behind = True, False
    for part in PARTS:
        for answer in _pages(client, part, seconds):
            findings.extend(map(_dated, answer["Findings"]))
            looked_at[part] += answer["LookedAt"]
            told = _dated({name: answer[name] for name in _KEPT if name in answer}) | told
            behind = behind or answer.get("RecordsBehind", False)
            if progress is not None:
                progress.write(f"\r{part}: {looked_at[part]} looked at, {len(findings)} findings \x1b[K")
                progress.flush()
            if len(findings) >= MOST:
                complete = complete and "After" not in answer
                break
    if progress is not None:
        progress.write("\r\x1b[K")
    return {**told, "RecordsBehind": behind, "LookedAt": looked_at, "Complete": complete, "Findings": findings[:MOST]}


_KEPT = ("Account", "Now", "RecordsSince")
_MOMENTS = ("Now", "RecordsSince", "Created", "LastUsed", "Due")


def _pages(client: Client, part: str, seconds: int) -> Iterator[dict[str, Any]]:
    asked: dict[str, Any] = {"Part": part, "UnusedForSeconds": seconds}
    while True:
        answer = client.ask("POST", "/_strongroom/report/access", asked)
        yield answer
        if "After" not in answer:
            return
        asked["After"] = answer["After"]


def _dated(told: dict[str, Any]) -> dict[str, Any]:
    """With its moments as people and other programs read them."""
    return {name: _moment(value) if name in _MOMENTS else value for name, value in told.items()}


def _moment(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(path: Path, text: str) -> None:
    """Write it so that nobody else can read it; a reader of the old one never sees half of the new."""
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
            file.write(text)
        draft.replace(path)
    except OSError as error:
        raise StartRefused(f"{path} cannot be written: {error.strerror}") from None
