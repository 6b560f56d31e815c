"""``strongroom credentials``: the first administrator's key retired; and a role's credentials, for SDKs to renew.

``assume`` is for ``credential_process``, ``serve`` for ``AWS_CONTAINER_CREDENTIALS_FULL_URI``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from strongroom.cli.assuming import add_wish, assume, wish_of
from strongroom.cli.client import client_of
from strongroom.cli.commands import DOES
from strongroom.cli.container import Endpoint, Token
from strongroom.cli.options import Commands, add_endpoint, command, directory_of, show
from strongroom.server.directory import read_credentials
from strongroom.server.parts import StartRefused


def add(commands: Commands) -> None:
    """Declare the command and the three that it stands for."""
    does = DOES["credentials"]
    whole: argparse.ArgumentParser = commands.add_parser(
        "credentials",
        help=does,
        description=does,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: strongroom credentials assume --help\nEach takes --data DIR.",
    )
    actions = whole.add_subparsers(dest="action", required=True, metavar="ACTION")
    command(
        actions,
        "retire",
        retire,
        does="Delete the first administrator's key and DIR/credentials, once somebody else can administer.",
        example="strongroom credentials retire",
    )
    made = command(
        actions,
        "rotate-token-key",
        rotate_token_key,
        does="Seal session tokens under a new key; the key before it goes on to open those that are out.",
        example="strongroom credentials rotate-token-key --end-sessions",
    )
    made.add_argument("--end-sessions", action="store_true", help="forget all older keys: every session ends now")
    add_endpoint(made)
    made = command(
        actions,
        "assume",
        print_assumed,
        does="Print a role's credentials as SDKs take them from a credential_process.",
        example="credential_process = strongroom credentials assume reader --data /srv/strongroom",
        formats=False,
    )
    add_wish(made)
    add_endpoint(made)
    made = command(
        actions,
        "serve",
        serve,
        does="Give a role's credentials to the SDKs of this machine, as the agents of ECS and EKS do.",
        example="strongroom credentials serve reader --token-file /run/app/token --listen 127.0.0.1:8444",
        formats=False,
    )
    add_wish(made)
    add_endpoint(made)
    made.add_argument(
        "--listen", metavar="HOST:PORT", default="127.0.0.1:0", help="a loopback address (default 127.0.0.1:0)"
    )
    made.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        required=True,
        help="what clients must show; made, for its owner only, where it is missing, and read anew for each request",
    )


def retire(given: argparse.Namespace) -> int:
    """Delete the key on the server first: a file without a key is litter, a key without a file is lost."""
    directory = directory_of(given)
    keys = read_credentials(directory)
    if keys is None:
        raise StartRefused(f"{directory.credentials} is gone already")
    answer = client_of(given).ask("POST", "/_strongroom/credentials/retire", {"AccessKeyId": keys[0]})
    directory.credentials.unlink()
    show(given, answer, f"access key {keys[0]} of user {answer.get('UserName')} and its file are deleted")
    return 0


def rotate_token_key(given: argparse.Namespace) -> int:
    """Ask for it; the answer says whether sessions ended."""
    asked = {"EndSessions": bool(given.end_sessions)}
    answer = client_of(given).ask("POST", "/_strongroom/token-key/rotate", asked)
    ended = "every session has ended" if answer["SessionsEnded"] else "sessions go on"
    show(given, answer, f"session tokens are sealed under key {answer['KeyNumber']} now; {ended}")
    return 0


def print_assumed(given: argparse.Namespace) -> int:
    """One session's credentials on standard output, where the SDK that called reads them."""
    client = client_of(given)
    print(json.dumps(assume(client, wish_of(given, client)).for_process()))
    return 0


def serve(given: argparse.Namespace) -> int:
    """Serve until stopped, having shown once that the role can be assumed."""
    client = client_of(given)
    wish = wish_of(given, client)
    assume(client, wish)
    token = Token(given.token_file.absolute())
    token.make()
    with Endpoint(given.listen, token, lambda: assume(client, wish).for_container(wish.role)) as endpoint:
        print(f"export AWS_CONTAINER_CREDENTIALS_FULL_URI={endpoint.url}", flush=True)
        print(f"export AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={token.path}", flush=True)
        endpoint.serve()
    return 0
