"""``strongroom audit who``: who read a secret, as a table or as JSON."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from strongroom.cli.client import client_of
from strongroom.cli.clock import seconds_in
from strongroom.cli.options import show
from strongroom.server.parts import StartRefused

MOST = 10_000
"""Lines of one answer: more are said to be there."""
_COLUMNS = ("Time", "Principal", "Operation", "Outcome", "SourceIp", "Resource")


def run(given: argparse.Namespace) -> None:
    """Ask page after page, and print."""
    now = datetime.now(UTC)
    asked: dict[str, Any] = {"Resource": given.what, "All": given.all}
    if given.principal:
        asked["Principal"] = given.principal
    if given.since:
        asked["SinceMs"] = moment_ms(given.since, now, end=False)
    if given.until:
        asked["UntilMs"] = moment_ms(given.until, now, end=True)
    client, found = client_of(given), list[dict[str, Any]]()
    while True:
        answer = client.ask("POST", "/_strongroom/audit/who", asked)
        found.extend(answer["Accesses"])
        if "After" not in answer or len(found) >= MOST:
            break
        asked["After"] = answer["After"]
    told = {"Accesses": found[:MOST], "Complete": "After" not in answer and len(found) <= MOST}
    show(given, told, "\n".join(_lines(given.what, told)))


def moment_ms(text: str, now: datetime, *, end: bool) -> int:
    """A moment in milliseconds: a day (its end where ``end``), a second, or ``31d`` ago. Raises StartRefused."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return int((now - timedelta(seconds=seconds_in(text))).timestamp() * 1000)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if end and len(text) == len("2026-03-01"):
        moment += timedelta(days=1) - timedelta(seconds=1)
    if moment.year < 1970:
        raise StartRefused(f"{text} is before every record")
    return int(moment.timestamp()) * 1000 + (999 if end else 0)


def _lines(what: str, told: Mapping[str, Any]) -> Iterator[str]:
    rows: Sequence[Mapping[str, str]] = told["Accesses"]
    if not rows:
        yield f"nobody, as far as the records of this Region tell: {what}"
        return
    widths = {name: max(len(name), *(len(str(row.get(name, ""))) for row in rows)) for name in _COLUMNS}
    yield "  ".join(name.upper().ljust(widths[name]) for name in _COLUMNS).rstrip()
    for row in rows:
        yield "  ".join(plain(row.get(name, "")).ljust(widths[name]) for name in _COLUMNS).rstrip()
    who = {row["Principal"] for row in rows}
    yield f"{len(rows)} calls by {len(who)} principals"
    if not told["Complete"]:
        yield "there are more: ask for a shorter time"


def plain(text: object) -> str:
    """Without what a terminal would take for orders: callers choose their sessions' names."""
    return "".join(sign if sign.isprintable() else "?" for sign in str(text))
