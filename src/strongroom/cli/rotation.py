"""``strongroom rotation``: its actions; how rotations stand, and what can be done about one that is stuck."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from strongroom.cli import rotation_enable, rotation_rehearse
from strongroom.cli.client import Client, client_of
from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, add_endpoint, command, show

PATH = "/_strongroom/rotation"


def add(commands: Commands) -> None:
    """Declare the command and its actions."""
    does = DOES["rotation"]
    whole: argparse.ArgumentParser = commands.add_parser(
        "rotation",
        help=does,
        description=does,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: strongroom rotation enable --help\nEach takes --data DIR.",
    )
    actions = whole.add_subparsers(dest="action", required=True, metavar="ACTION")
    rotation_enable.add(actions)
    rotation_rehearse.add(actions)
    made = command(
        actions,
        "status",
        run,
        does="Tell how rotations stand, of one secret or of all; exits with 1 where one needs a look.",
        example="strongroom rotation status db/app",
    )
    made.add_argument("secret", metavar="SECRET", nargs="?", help="name or ARN; without one, all are told")
    add_endpoint(made)
    made = command(
        actions,
        "retry",
        run,
        does="Try a rotation again now, with the same version and whatever value that has.",
        example="strongroom rotation retry db/app",
    )
    made.add_argument("secret", metavar="SECRET", help="name or ARN")
    made.add_argument("--version-id", metavar="ID", help="of several versions that the target may have, this one")
    add_endpoint(made)
    made = command(
        actions,
        "abandon",
        run,
        does="End a rotation that does not come through; its value is kept.",
        example="strongroom rotation abandon db/app --yes",
    )
    made.add_argument("secret", metavar="SECRET", help="name or ARN")
    made.add_argument(
        "--yes",
        action="store_true",
        help="also a rotation whose value the target may have; the value stays readable by its version id",
    )
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Ask, and print what came of it."""
    client = client_of(given)
    if given.action == "status" and given.secret is None:
        found = list(_all(client))
        show(given, {"Rotations": found}, "\n".join(_row(one) for one in found) or "no secret has rotation configured")
        return int(any(needs_a_look(one) for one in found))
    asked: dict[str, Any] = {"SecretId": given.secret}
    if given.action == "retry" and given.version_id:
        asked["VersionId"] = given.version_id
    if given.action == "abandon":
        asked["Sure"] = given.yes
    one = client.ask("POST", f"{PATH}/{given.action}", asked)["Rotation"]
    show(given, one, "\n".join(_lines(one)))
    return int(given.action == "status" and needs_a_look(one))


def needs_a_look(one: dict[str, Any]) -> bool:
    """Whether somebody should look at a rotation: it fails, it is stuck, or it has left a value behind."""
    failing = bool(one["Attempts"]) and one["State"] != "succeeded"
    return failing or bool(one["Kept"]) or bool(one["BlockedBy"]) or one["State"] in ("failed", "held")


def _all(client: Client) -> Iterator[dict[str, Any]]:
    asked: dict[str, Any] = {}
    while True:
        answer = client.ask("POST", f"{PATH}/list", asked)
        yield from answer["Rotations"]
        if "After" not in answer:
            return
        asked = {"After": answer["After"]}


def _row(one: dict[str, Any]) -> str:
    mark = "!" if needs_a_look(one) else " "
    said = f"{mark} {one['Name']}  {_state(one)}  last {_when(one, 'LastRotated')}  next {_when(one, 'NextRotation')}"
    if one["Failures"] and one["State"] != "succeeded":
        said += f"\n      {_failure(one['Failures'][0])}"
    return said


def _state(one: dict[str, Any]) -> str:
    said = f"{'test ' if one['Test'] else ''}{one['State']}"
    if one["Attempts"] and one["State"] != "succeeded":
        said += f" after {one['Attempts']} failed attempts"
    if "NextAttempt" in one and one["State"] == "waiting":
        said += f", next attempt {_when(one, 'NextAttempt')}"
    return said


def _lines(one: dict[str, Any]) -> Iterator[str]:
    yield f"{one['Name']}: {_state(one)}"
    yield f"  secret    {one['SecretId']}"
    yield f"  function  {one['Function'] or 'none'}"
    yield f"  schedule  {one['Schedule'] or 'none'}{'' if one['Enabled'] else ' (rotation is off)'}"
    yield f"  last      {_when(one, 'LastRotated')}"
    yield f"  next      {_when(one, 'NextRotation')}"
    if one["VersionId"]:
        yield f"  version   {one['VersionId']}"
    for each in one["Failures"]:
        yield f"  attempt of {_moment(each['Began'])}: {_failure(each)}"
        yield from (f"      | {plain(line)}" for line in each["Lines"].splitlines())
    for each in one["Kept"]:
        yield (
            f"  version {each['VersionId']} ({each['State']}, begun {_moment(each['Since'])}):"
            " the target may already have this"
        )
    if one["BlockedBy"]:
        yield f"  AWSPENDING on version {one['BlockedBy']} keeps the next rotation from beginning: retry or abandon"


def _failure(each: dict[str, Any]) -> str:
    return f"{each['Step'] or 'interrupted'}: {plain(each['Message'])}"


def _when(one: dict[str, Any], member: str) -> str:
    return _moment(one[member]) if member in one else "never"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def plain(text: str) -> str:
    """What a function says must not steer the reader's terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
