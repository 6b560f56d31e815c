"""``strongroom credentials retire``: delete the first administrator's key, and the file that holds it."""

from __future__ import annotations

import argparse

from strongroom.cli.client import client_of
from strongroom.cli.options import Commands, command, directory_of, show
from strongroom.server.directory import read_credentials
from strongroom.server.parts import StartRefused


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "credentials",
        run,
        does="Delete the first administrator's key and DIR/credentials, once somebody else can administer.",
        example="strongroom credentials retire",
    )
    made.add_argument("action", choices=("retire",))


def run(given: argparse.Namespace) -> int:
    """Delete the key on the server first: a file without a key is litter, a key without a file is lost."""
    directory = directory_of(given)
    keys = read_credentials(directory)
    if keys is None:
        raise StartRefused(f"{directory.credentials} is gone already")
    answer = client_of(given).ask("POST", "/_strongroom/credentials/retire", {"AccessKeyId": keys[0]})
    directory.credentials.unlink()
    show(given, answer, f"access key {keys[0]} of user {answer.get('UserName')} and its file are deleted")
    return 0
