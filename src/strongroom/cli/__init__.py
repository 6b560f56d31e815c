"""The command ``strongroom``: one file a subcommand, each with an example in its ``--help``.

Exit status: 0 done, 1 refused or a finding, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence

from strongroom.cli.commands import DOES, declare


def parser(given: str | None = None) -> argparse.ArgumentParser:
    """The command line: all subcommands by name, and the options of the one that was ``given``, if any."""
    whole = argparse.ArgumentParser(
        prog="strongroom",
        description="AWS Secrets Manager that anyone can run.",
        epilog="Begin with: strongroom serve --help",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, does in DOES.items():
        if name == given:
            declare(commands, name)
        else:
            commands.add_parser(name, help=does)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    words = sys.argv[1:] if argv is None else argv
    gc.disable()  # imports make what stays: to look through it for what does not costs a tenth of their time
    try:
        # The command stands first: nothing but --help may stand before it.
        given = parser(words[0] if words else None).parse_args(words)
        # Imported here, because --help and wrong usage need nothing of the server.
        from strongroom.server.parts import StartRefused  # noqa: PLC0415
    finally:
        gc.enable()
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
