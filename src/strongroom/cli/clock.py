"""``strongroom clock``: the product's clock, and moving it forward on a data directory made for that."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from typing import Any

from strongroom.cli.client import Client, client_of
from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, add_endpoint, command, show
from strongroom.server.parts import StartRefused

_PATH = "/_strongroom/clock"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MOST_SECONDS = 315_576_000
_JOBS_SECONDS = 120.0


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "clock",
        run,
        does=DOES["clock"],
        example="strongroom clock advance 31d\n  strongroom clock status",
    )
    made.add_argument("action", choices=("status", "advance"))
    made.add_argument("by", nargs="?", help="how far: a number with s, m, h, d or w, as in 31d")
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Ask; after an advance, wait until all that is due by the new time has been done."""
    client = client_of(given)
    if given.action == "status":
        answer = client.ask("GET", _PATH)
    else:
        client.ask("POST", _PATH, {"Seconds": seconds_in(given.by)})
        answer = _when_done(client)
    show(given, answer, _text(answer))
    return 0


def _when_done(client: Client) -> dict[str, Any]:
    until = time.monotonic() + _JOBS_SECONDS
    while True:
        answer = client.ask("GET", _PATH)
        if not answer["DueJobs"]:
            return answer
        if time.monotonic() > until:
            raise StartRefused(f"the clock was moved, but {answer['DueJobs']} jobs that are due are not done yet")
        time.sleep(0.05)


def seconds_in(text: str | None) -> int:
    """The seconds in ``31d``. Raises StartRefused."""
    number, unit = (text or "")[:-1], (text or "")[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise StartRefused(f"a time is a number with s, m, h, d or w, as in 31d; not {text!r}")
    seconds = int(number) * _UNITS[unit]
    if not 1 <= seconds <= _MOST_SECONDS:
        raise StartRefused(f"{text} is not between one second and ten years")
    return seconds


def _text(answer: dict[str, Any]) -> str:
    ahead = answer["OffsetSeconds"]
    lines = [f"product {_moment(answer['Now'])}", f"machine {_moment(answer['Machine'])}"]
    if ahead:
        lines.append(f"moved forward by {ahead} s")
    if not answer["Movable"]:
        lines.append("this clock cannot be moved: the data directory was not made with --dev-clock")
    return "\n".join(lines)


def _moment(stamp: float | str) -> str:
    """A timestamp of the wire (seconds since the epoch) for people."""
    if isinstance(stamp, str):
        return stamp
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
