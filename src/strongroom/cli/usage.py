"""``strongroom usage``: what the account used in a month, with AWS's list prices beside it."""

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
        "usage",
        run,
        does=DOES["usage"],
        example="strongroom usage --month 2026-11 --tag team",
    )
    made.add_argument("--month", metavar="YYYY-MM", help="which month (default: this one)")
    made.add_argument("--tag", metavar="KEY", help="also sum calls by the values of this tag of the secrets")
    add_endpoint(made)


def run(given: argparse.Namespace) -> int:
    """Ask, and print a small table."""
    asked = {name: value for name, value in (("Month", given.month), ("TagKey", given.tag)) if value}
    answer = client_of(given).ask("POST", "/_strongroom/usage", asked)
    show(given, answer, "\n".join(_lines(answer, given.tag)))
    return 0


def _lines(answer: dict[str, Any], tag: str | None) -> Iterator[str]:
    yield f"secrets  {answer['SecretMonths']:>14.3f} months   {answer['SecretsUSD']:>12.4f} USD"
    yield f"calls    {answer['Calls']:>14} calls    {answer['CallsUSD']:>12.4f} USD"
    yield f"KMS      {answer['KMSCalls']:>14} calls    {answer['KMSUSD']:>12.4f} USD"
    yield f"at AWS's list prices                     {answer['TotalUSD']:>12.4f} USD"
    yield from (f"  {one['Calls']:>14}  {one['Name']}" for one in answer["ByPrincipal"])
    if tag:
        yield f"by tag {tag}:"
        yield from (f"  {one['Calls']:>14}  {one['Name']}" for one in answer["ByTag"])
