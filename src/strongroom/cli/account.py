"""``strongroom account create``: one more account, with an administrator of its own."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from strongroom.cli.commands import DOES
from strongroom.cli.local import ask_admin
from strongroom.cli.options import Commands, command, directory_of
from strongroom.server.directory import DataDirectory, credentials_text, write_private


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "account",
        run,
        does=DOES["account"],
        example="strongroom account create\n  strongroom account create --id 210987654321 --format json",
    )
    made.add_argument("action", choices=("create",))
    made.add_argument("--id", metavar="ID", help="12 digits (default: any that is free)")


def run(given: argparse.Namespace) -> int:
    """Make it. Keys go to a 0600 file, or, as JSON, to standard output: never to a terminal unasked."""
    directory = directory_of(given)
    made = ask_admin(directory, {"do": "account create", "account": given.id})
    if given.format == "json":
        print(json.dumps(made, indent=2))
        return 0
    path = _path(directory, made["account"])
    write_private(path, credentials_text(made["access_key_id"], made["secret_access_key"]).encode())
    print(f"account {made['account']} with user {made['user']}; its keys lie in {path}")
    print(f"use them with: export AWS_SHARED_CREDENTIALS_FILE={path}")
    return 0


def _path(directory: DataDirectory, account: str) -> Path:
    return directory.root / f"credentials-{account}"
