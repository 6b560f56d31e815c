"""``strongroom env``: what a client needs, as shell lines, JSON, or a profile for ``~/.aws/config``."""

from __future__ import annotations

import argparse
import json
import shlex

from strongroom.cli.commands import DOES
from strongroom.cli.options import Commands, command, directory_of
from strongroom.server.directory import DataDirectory, read_credentials, read_endpoint
from strongroom.server.parts import StartRefused

_PROFILE_KEYS = {
    "AWS_ENDPOINT_URL": "endpoint_url",
    "AWS_CA_BUNDLE": "ca_bundle",
    "AWS_DEFAULT_REGION": "region",
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
}


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "env",
        run,
        does=DOES["env"],
        example='eval "$(strongroom env)"\n  strongroom env --format profile >>~/.aws/config',
        formats=False,
    )
    made.add_argument("--format", choices=("shell", "json", "profile"), default="shell", help="default shell")
    made.add_argument("--profile", metavar="NAME", default="strongroom", help="the profile's name")


def run(given: argparse.Namespace) -> int:
    """Print it."""
    found = variables(directory_of(given))
    if given.format == "json":
        print(json.dumps(found, indent=2))
    elif given.format == "profile":
        print(profile(given.profile, found))
    else:
        print(shell(found))
    return 0


def variables(directory: DataDirectory) -> dict[str, str]:
    """The environment variables of a client, keys only while ``DIR/credentials`` is there.

    Raises StartRefused where no server ever ran on the directory.
    """
    endpoint = read_endpoint(directory)
    if endpoint is None:
        raise StartRefused(f"no server has ever run on {directory.root}: start one with strongroom serve")
    region = str(endpoint["region"])
    # boto3 and the aws CLI read the second name, the other SDKs the first.
    found = {"AWS_ENDPOINT_URL": str(endpoint["url"]), "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if endpoint.get("ca"):
        found |= {"AWS_CA_BUNDLE": str(endpoint["ca"]), "NODE_EXTRA_CA_CERTS": str(endpoint["ca"])}
    keys = read_credentials(directory)
    if keys is not None:
        found |= {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1]}
    return found


def shell(found: dict[str, str]) -> str:
    """Lines for a shell's ``eval``. A session token left over from elsewhere would spoil the keys."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in found.items()]
    if "AWS_ACCESS_KEY_ID" in found:
        lines.append("unset AWS_SESSION_TOKEN AWS_PROFILE")
    else:
        lines.append("# the first administrator is retired: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    return "\n".join(lines)


def profile(name: str, found: dict[str, str]) -> str:
    """A section for ``~/.aws/config``. Source: AWS CLI User Guide, "Configuration and credential files"."""
    title = "default" if name == "default" else f"profile {name}"
    return "\n".join(
        [
            f"[{title}]",
            *(f"{key} = {found[variable]}" for variable, key in _PROFILE_KEYS.items() if variable in found),
        ]
    )
