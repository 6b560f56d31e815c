"""What the subcommands share: ``--data``, ``--format``, and how an answer is printed."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from strongroom.server.directory import DataDirectory

DEFAULT_DATA = "./strongroom-data"
Run = Callable[[argparse.Namespace], int]
# argparse has no public name for what add_subparsers returns.
Commands = Any


def command(
    commands: Commands, name: str, run: Run, *, does: str, example: str, formats: bool = True
) -> argparse.ArgumentParser:
    """One subcommand with the options that all have. ``does`` is one sentence, ``example`` a line to copy."""
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=does,
        description=does,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(run=run)
    made.add_argument(
        "--data",
        metavar="DIR",
        default=os.environ.get("STRONGROOM_DATA", DEFAULT_DATA),
        help=f"the data directory (or STRONGROOM_DATA; default {DEFAULT_DATA})",
    )
    if formats:
        made.add_argument(
            "--format",
            choices=("text", "json"),
            default=os.environ.get("STRONGROOM_FORMAT", "text"),
            help="how to print the answer (default text)",
        )
    return made


def add_endpoint(made: argparse.ArgumentParser) -> None:
    """The option of commands that also work against a server elsewhere."""
    made.add_argument(
        "--endpoint",
        metavar="URL",
        default=os.environ.get("STRONGROOM_ENDPOINT"),
        help="the server to ask (or STRONGROOM_ENDPOINT; default: the one of the data directory)",
    )


def directory_of(given: argparse.Namespace) -> DataDirectory:
    """The data directory that is meant."""
    return DataDirectory(Path(given.data).absolute())


def show(given: argparse.Namespace, answer: Mapping[str, Any], text: str) -> None:
    """Print an answer the way that was asked for."""
    print(json.dumps(answer, indent=2, default=str) if given.format == "json" else text)
