"""The command ``strongroom``: one file a subcommand, each with an example in its ``--help``.

Exit status: 0 done, 1 refused or a finding, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from strongroom.cli import (
    account,
    admin,
    audit,
    clock,
    credentials,
    env,
    explain,
    function,
    importing,
    kms,
    logs,
    policy,
    rotation,
    seal,
    serve,
    status,
    stop,
    unseal,
    usage,
    version,
    webhooks,
    who_can,
)
from strongroom.server.parts import StartRefused

COMMANDS = (
    serve, env, status, stop, clock, seal, unseal, credentials, account, admin, explain, who_can, kms, rotation, policy,
    audit, importing, function, logs, webhooks, usage, version,
)  # fmt: skip
"""The subcommands, in the order in which ``--help`` lists them."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = argparse.ArgumentParser(
        prog="strongroom",
        description="AWS Secrets Manager that anyone can run.",
        epilog="Begin with: strongroom serve --help",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    given = parser().parse_args(argv)
    try:
        status: int = given.run(given)
    except StartRefused as refusal:
        print(f"strongroom: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output is gone (`strongroom ... | head`); there is nobody to tell.
        sys.stderr.close()
        return 1
    return status
